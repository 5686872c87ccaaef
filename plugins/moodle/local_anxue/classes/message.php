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
 * What is told to the bridge: the parts of a message and their form.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class message {
    /** @var string what somebody did, by an event of Moodle: a claim, which credits nothing */
    public const ACTIVITY = 'lms.activity';

    /** @var string an attempt and its score */
    public const GRADED = 'attempt.graded';

    /** @var string something that institution and authority should see */
    public const SIGNAL = 'lms.signal';

    /** @var string how much contact data of a course's learners Moodle holds */
    public const CONTACT_SCAN = 'lms.contact_scan';

    /** @var string the connection test's */
    public const PING = 'lms.ping';

    /** @var int most characters in any string of a message */
    private const LONGEST = 255;

    /** @var int how messages are written: text as it is */
    private const JSON = JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR;

    /**
     * Returns a message as JSON, byte for byte as it will be sent.
     *
     * @param string $id the idempotency key
     * @param string $type one of this class's
     * @param int $occurred Unix seconds
     * @param array $data strings, whole numbers, nulls and arrays of them
     * @return string
     */
    public static function json(string $id, string $type, int $occurred, array $data): string {
        array_walk_recursive($data, function (&$value): void {
            $value = is_string($value) ? self::text($value) : $value;
        });
        $message = ['v' => 1, 'id' => $id, 'type' => $type, 'occurred_at' => self::instant($occurred), 'data' => $data];
        return json_encode($message, self::JSON);
    }

    /**
     * Returns a message that does not say who did it.
     *
     * @param string $json as json() made it
     * @return string
     */
    public static function without_actor(string $json): string {
        $message = json_decode($json, true, 16, JSON_THROW_ON_ERROR);
        $message['data']['actor_sub'] = null;
        return json_encode($message, self::JSON);
    }

    /**
     * Returns a batch of messages as JSON.
     *
     * @param string $batch its id
     * @param int $sent Unix seconds
     * @param string[] $messages as json() made them
     * @return string
     */
    public static function batch(string $batch, int $sent, array $messages): string {
        return '{"v":1,"batch":' . json_encode($batch) . ',"sent_at":' . json_encode(self::instant($sent))
            . ',"messages":[' . implode(',', $messages) . ']}';
    }

    /**
     * Returns the LMS's id of an activity, as the bridge's catalogue has it.
     *
     * @param int $cmid
     * @return string
     */
    public static function resource_link(int $cmid): string {
        return 'cm-' . $cmid;
    }

    /**
     * Returns an instant as RFC 3339 in UTC.
     *
     * @param int $seconds Unix seconds
     * @return string
     */
    public static function instant(int $seconds): string {
        return gmdate('Y-m-d\TH:i:s\Z', $seconds);
    }

    /**
     * Returns a number of the database as the shortest decimal, never as a float.
     *
     * @param string|int|float|null $number "12.50000"
     * @return string|null "12.5"
     */
    public static function decimal($number): ?string {
        if ($number === null || $number === '') {
            return null;
        }
        $text = is_float($number) ? number_format($number, 5, '.', '') : (string) $number;
        return str_contains($text, '.') ? rtrim(rtrim($text, '0'), '.') : $text;
    }

    /**
     * Returns the same id for the same thing at the same site, so that it is never told twice (UUID of RFC 9562, version 5).
     *
     * @param string ...$parts what it is, in words that do not change
     * @return string
     */
    public static function id_of(string ...$parts): string {
        $name = implode("\n", [get_site_identifier(), ...$parts]);
        $bytes = substr(sha1('local_anxue' . $name, true), 0, 16);
        $bytes[6] = chr(ord($bytes[6]) & 0x0f | 0x50);
        $bytes[8] = chr(ord($bytes[8]) & 0x3f | 0x80);
        return implode('-', array_map('bin2hex', [
            substr($bytes, 0, 4), substr($bytes, 4, 2), substr($bytes, 6, 2), substr($bytes, 8, 2), substr($bytes, 10),
        ]));
    }

    /**
     * Returns text without control characters, at its longest.
     *
     * @param string $text
     * @return string
     */
    private static function text(string $text): string {
        return \core_text::substr(preg_replace('/\p{C}+/u', ' ', $text) ?? '', 0, self::LONGEST);
    }
}
