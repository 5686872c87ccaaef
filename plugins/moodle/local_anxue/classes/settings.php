<?php
// This file is part of Moodle - https://moodle.org/
//
// Moodle is free software: you can redistribute it and/or modify
// it under the terms of the GNU General Public License as published by
// the Free Software Foundation, either version 3 of the License, or
// (at your option) any later version.
//
// Moodle is distributed in the hope that it will be useful,
// but WITHOUT ANY WARRANTY; without even the implied warranty of
// MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
// GNU General Public License for more details.
//
// You should have received a copy of the GNU General Public License
// along with Moodle.  If not, see <https://www.gnu.org/licenses/>.

namespace local_anxue;

/**
 * The settings of the plugin, typed.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class settings {
    /** @var string[] groups of events that an administrator may switch off; signals and scores cannot be */
    public const EVENT_GROUPS = ['views', 'completion', 'quiz', 'packages', 'enrolment'];

    /** @var int most messages a batch, by the bridge's contract */
    public const MOST_IN_BATCH = 200;

    /**
     * Returns the bridge's address without a slash at its end; empty when it is not set.
     *
     * @return string
     */
    public static function bridge(): string {
        return rtrim(trim(self::text('bridgeurl')), '/');
    }

    /**
     * Returns the id under which the bridge knows this site.
     *
     * @return string
     */
    public static function registration(): string {
        return trim(self::text('registration'));
    }

    /**
     * Returns the secret that signs now.
     *
     * @return string
     */
    public static function secret(): string {
        return self::text('secret');
    }

    /**
     * Returns the secret that will sign next; empty when none is being changed.
     *
     * @return string
     */
    public static function next_secret(): string {
        return self::text('nextsecret');
    }

    /**
     * Makes the next secret the one that signs.
     *
     * @throws \moodle_exception nonextsecret
     */
    public static function use_next_secret(): void {
        $next = self::next_secret();
        if ($next === '') {
            throw new \moodle_exception('nonextsecret', 'local_anxue');
        }
        set_config('secret', $next, 'local_anxue');
        set_config('nextsecret', '', 'local_anxue');
    }

    /**
     * Returns the client id of the bridge among this site's LTI tools; empty when it was not chosen.
     *
     * @return string
     */
    public static function client_id(): string {
        return trim(self::text('clientid'));
    }

    /**
     * Tells whether messages can be sent at all.
     *
     * @return bool
     */
    public static function complete(): bool {
        return self::bridge() !== '' && self::registration() !== '' && self::secret() !== '';
    }

    /**
     * Tells whether a group of events is reported.
     *
     * @param string $group one of EVENT_GROUPS
     * @return bool
     */
    public static function reports(string $group): bool {
        $chosen = get_config('local_anxue', 'events');
        return $chosen === false || in_array($group, explode(',', $chosen), true);
    }

    /**
     * Returns how many messages go in a batch, 1-200.
     *
     * @return int
     */
    public static function batch_size(): int {
        return self::number('batchsize', self::MOST_IN_BATCH, 1, self::MOST_IN_BATCH);
    }

    /**
     * Returns after how many seconds without an answer a request is given up.
     *
     * @return int
     */
    public static function timeout(): int {
        return self::number('timeout', 10, 2, 60);
    }

    /**
     * Returns for how many days delivered and refused messages stay to be looked at.
     *
     * @return int
     */
    public static function retention_days(): int {
        return self::number('retentiondays', 14, 1, 365);
    }

    /**
     * Returns for how many days replaced contact data can be brought back.
     *
     * @return int
     */
    public static function undo_days(): int {
        return self::number('undodays', 7, 0, 90);
    }

    /**
     * Returns how many rows the outbox may hold.
     *
     * @return int
     */
    public static function most_rows(): int {
        return self::number('mostrows', 50000, 1000, 1000000);
    }

    /**
     * Returns the whole numbers or words of a setting that lists them.
     *
     * @param string $name
     * @return string[] trimmed, without empty ones
     */
    public static function words(string $name): array {
        return preg_split('/[\s,;，；、]+/u', self::text($name), -1, PREG_SPLIT_NO_EMPTY);
    }

    /**
     * Returns a setting as text.
     *
     * @param string $name
     * @return string
     */
    private static function text(string $name): string {
        return (string) get_config('local_anxue', $name);
    }

    /**
     * Returns a setting as a whole number within its bounds.
     *
     * @param string $name
     * @param int $default
     * @param int $least
     * @param int $most
     * @return int
     */
    private static function number(string $name, int $default, int $least, int $most): int {
        $value = get_config('local_anxue', $name);
        return $value === false || !is_numeric($value) ? $default : max($least, min($most, (int) $value));
    }
}
