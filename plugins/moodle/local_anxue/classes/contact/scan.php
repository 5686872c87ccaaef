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

use context_course;
use local_anxue\message;
use local_anxue\outbox;
use stdClass;

/**
 * The contact data of learners that Moodle holds, which article 27 does not want.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class scan {
    /** @var string[] columns of the user table that hold contact data */
    public const COLUMNS = ['email', 'phone1', 'phone2', 'address'];

    /** @var string what Moodle itself takes for "no address": nothing is ever sent there */
    public const NO_EMAIL = '.invalid';

    /** @var string a mobile number of the mainland, or an e-mail address, in a field of any name */
    private const LOOKS_LIKE_CONTACT = '/(?<!\d)1[3-9]\d{9}(?!\d)|[^\s@]+@[^\s@]+\.[^\s@]+/';

    /**
     * Returns the ids of a course's learners, the suspended ones included: their data is held too.
     *
     * @param int $courseid
     * @return int[]
     */
    public static function learners(int $courseid): array {
        $context = context_course::instance($courseid);
        $users = array_keys(get_enrolled_users($context, 'local/anxue:study', 0, 'u.id', 'u.id'));
        $editors = array_keys(get_enrolled_users($context, 'moodle/course:manageactivities', 0, 'u.id', 'u.id'));
        return array_map('intval', array_values(array_diff($users, $editors)));
    }

    /**
     * Returns the contact data of one person.
     *
     * @param int $userid
     * @return array<string, string> field => value; "custom:[id of the field]" for profile fields; empty: none
     */
    public static function of_person(int $userid): array {
        return self::of_people([$userid])[$userid] ?? [];
    }

    /**
     * Returns the contact data of people who have any.
     *
     * @param int[] $userids
     * @return array<int, array<string, string>> user id => as of_person()
     */
    public static function of_people(array $userids): array {
        global $DB;
        $found = [];
        foreach (array_chunk($userids, 1000) as $part) {
            [$in, $params] = $DB->get_in_or_equal($part, SQL_PARAMS_NAMED);
            $columns = implode(', ', self::COLUMNS);
            $users = $DB->get_recordset_select('user', "id $in AND deleted = 0", $params, 'id', "id, $columns");
            foreach ($users as $user) {
                foreach (self::COLUMNS as $column) {
                    if (self::is_contact($column, trim($user->$column))) {
                        $found[(int) $user->id][$column] = trim($user->$column);
                    }
                }
            }
            $users->close();
            foreach (self::custom_values($in, $params) as $value) {
                $found[(int) $value->userid]['custom:' . $value->fieldid] = trim($value->data);
            }
        }
        return $found;
    }

    /**
     * Returns how much contact data a course's learners have, as lms.contact_scan tells it.
     *
     * @param int $courseid
     * @return array learners, with_contact: people; fields: people by field
     */
    public static function count(int $courseid): array {
        $learners = self::learners($courseid);
        $found = self::of_people($learners);
        $fields = array_fill_keys([...self::COLUMNS, 'custom'], 0);
        foreach ($found as $values) {
            $names = array_map(fn(string $field): string => strtok($field, ':'), array_keys($values));
            foreach (array_unique($names) as $name) {
                $fields[$name]++;
            }
        }
        return ['learners' => count($learners), 'with_contact' => count($found), 'fields' => $fields];
    }

    /**
     * Counts, and tells the bridge. Numbers leave, never a value.
     *
     * @param int $courseid
     * @return array as count()
     */
    public static function report(int $courseid): array {
        $count = self::count($courseid);
        outbox::add(message::CONTACT_SCAN, ['context_id' => (string) $courseid] + $count, $courseid);
        return $count;
    }

    /**
     * Tells whether what stands in a column is contact data.
     *
     * @param string $column
     * @param string $value
     * @return bool
     */
    private static function is_contact(string $column, string $value): bool {
        return $value !== '' && !($column === 'email' && str_ends_with($value, self::NO_EMAIL));
    }

    /**
     * Returns the values of profile fields that are contact data: of the fields that were named, of social accounts, and
     * whatever looks like a number or an address.
     *
     * @param string $in
     * @param array $params
     * @return stdClass[] userid, fieldid, data
     */
    private static function custom_values(string $in, array $params): array {
        global $DB;
        $named = \local_anxue\settings::words('contactfields');
        $sql = "SELECT d.id, d.userid, d.fieldid, d.data, f.shortname, f.datatype
                  FROM {user_info_data} d
                  JOIN {user_info_field} f ON f.id = d.fieldid
                  JOIN {user} u ON u.id = d.userid AND u.deleted = 0
                 WHERE d.userid $in
              ORDER BY d.userid, d.fieldid";
        return array_filter($DB->get_records_sql($sql, $params), function (stdClass $value) use ($named): bool {
            $text = trim($value->data);
            $always = $value->datatype === 'social' || in_array($value->shortname, $named, true);
            return $text !== '' && ($always || preg_match(self::LOOKS_LIKE_CONTACT, $text));
        });
    }
}
