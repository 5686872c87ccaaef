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

use stdClass;

/**
 * What the bridge has said of a learner in a course: real name and class hours. availability_anxue opens activities by it.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class learner_state {
    /** @var string the table, for lists that the database makes */
    public const TABLE = 'local_anxue_learner_state';

    /** @var string class hours: a decimal that the table holds exactly */
    private const CLASS_HOURS = '/^\d{1,8}(\.\d{1,4})?$/';

    /**
     * Returns what was said of a learner; null: nothing, which opens nothing.
     *
     * @param int $userid
     * @param int $courseid
     * @return stdClass|null realname: 0 or 1; classhours: an exact decimal, a string; timemodified
     */
    public static function get(int $userid, int $courseid): ?stdClass {
        return self::for_course($courseid, [$userid])[$userid] ?? null;
    }

    /**
     * Returns what was said of several learners of a course.
     *
     * @param int $courseid
     * @param int[] $userids
     * @return array<int, stdClass> user id => as get(); who is missing is not known
     */
    public static function for_course(int $courseid, array $userids): array {
        global $DB;
        if (!$userids) {
            return [];
        }
        [$in, $params] = $DB->get_in_or_equal($userids, SQL_PARAMS_NAMED);
        $columns = 'userid, realname, classhours, timemodified';
        $select = "courseid = :courseid AND userid $in";
        return $DB->get_records_select(self::TABLE, $select, $params + ['courseid' => $courseid], '', $columns);
    }

    /**
     * Keeps what the bridge says now, in place of what it said before.
     *
     * @param int $userid
     * @param int $courseid
     * @param bool $realname the real name is proved
     * @param string $classhours class hours (学时) in digits
     * @throws \invalid_parameter_exception
     */
    public static function set(int $userid, int $courseid, bool $realname, string $classhours): void {
        global $DB;
        if (!preg_match(self::CLASS_HOURS, $classhours)) {
            throw new \invalid_parameter_exception('class_hours');
        }
        $state = ['realname' => (int) $realname, 'classhours' => $classhours, 'timemodified' => time()];
        $place = ['userid' => $userid, 'courseid' => $courseid];
        $id = $DB->get_field(self::TABLE, 'id', $place);
        if ($id) {
            $DB->update_record(self::TABLE, (object) (['id' => $id] + $state));
        } else {
            $DB->insert_record(self::TABLE, (object) ($place + $state), false);
        }
    }

    /**
     * Deletes what was said of people who left a course, and of courses that are gone.
     */
    public static function purge(): void {
        global $DB;
        $sql = 'NOT EXISTS (SELECT 1
                              FROM {user_enrolments} ue
                              JOIN {enrol} e ON e.id = ue.enrolid
                             WHERE ue.userid = {local_anxue_learner_state}.userid
                                   AND e.courseid = {local_anxue_learner_state}.courseid)';
        $DB->delete_records_select(self::TABLE, $sql);
    }
}
