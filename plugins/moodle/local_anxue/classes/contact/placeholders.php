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

namespace local_anxue\contact;

/**
 * Puts placeholders where contact data stood.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class placeholders {
    /** @var int most people in one go */
    public const MOST = 500;

    /**
     * Returns what stands in a field afterwards.
     *
     * Moodle wants an e-mail address of everybody: one under ".invalid" (RFC 2606), to which it never sends.
     *
     * @param int $userid
     * @param string $field as in scan::of_person()
     * @return string
     */
    public static function of(int $userid, string $field): string {
        return $field === 'email' ? 'learner-' . $userid . '@anxue' . scan::NO_EMAIL : '';
    }

    /**
     * Replaces the contact data of people, and keeps what it was in the undo log.
     *
     * @param int[] $userids the first MOST are taken
     * @return array batch: its id in the undo log; people, fields: numbers
     */
    public static function put(array $userids): array {
        $batch = \core\uuid::generate();
        $found = scan::of_people(array_slice(array_values($userids), 0, self::MOST));
        $fields = 0;
        foreach ($found as $userid => $values) {
            foreach ($values as $field => $value) {
                $new = self::of($userid, $field);
                if (\local_anxue\settings::undo_days() > 0) {
                    undo_log::keep($batch, $userid, $field, $value, $new);
                }
                $fields += self::swap($userid, $field, null, $new) ? 1 : 0;
            }
            // An address that waits for its confirmation is one too.
            unset_user_preference('newemail', $userid);
            unset_user_preference('newemailkey', $userid);
            unset_user_preference('newemailattemptsleft', $userid);
        }
        self::tell(array_keys($found));
        \local_anxue\event\contact_replaced::of($batch, $fields)->trigger();
        return ['batch' => $batch, 'people' => count($found), 'fields' => $fields];
    }

    /**
     * Writes a field, if it holds what is expected.
     *
     * @param int $userid
     * @param string $field as in scan::of_person()
     * @param string|null $expected null: whatever it holds
     * @param string $value
     * @return bool
     */
    public static function swap(int $userid, string $field, ?string $expected, string $value): bool {
        global $DB;
        if (in_array($field, scan::COLUMNS, true)) {
            [$table, $column, $conditions] = ['user', $field, ['id' => $userid, 'deleted' => 0]];
        } else {
            $fieldid = (int) substr($field, strlen('custom:'));
            [$table, $column, $conditions] = ['user_info_data', 'data', ['userid' => $userid, 'fieldid' => $fieldid]];
        }
        $now = $DB->get_field($table, $column, $conditions);
        if ($now === false || ($expected !== null && $now !== $expected)) {
            return false;
        }
        $DB->set_field($table, $column, $value, $conditions);
        $DB->set_field('user', 'timemodified', time(), ['id' => $userid]);
        return true;
    }

    /**
     * Tells Moodle that profiles changed: other plugins want to know.
     *
     * @param int[] $userids
     */
    public static function tell(array $userids): void {
        foreach ($userids as $userid) {
            \core\event\user_updated::create_from_userid((int) $userid)->trigger();
        }
    }
}
