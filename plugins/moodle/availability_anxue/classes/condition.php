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

namespace availability_anxue;

use coding_exception;
use core_availability\capability_checker;
use core_availability\info;
use stdClass;

/**
 * Opens an activity only when the real name is proved, or enough class hours are credited.
 *
 * Where the bridge has said nothing the activity stays closed, inside a NOT as well: unknown is never "no".
 *
 * @package    availability_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class condition extends \core_availability\condition {
    /** @var string the learner's real name is proved. */
    public const REAL_NAME = 'realname';

    /** @var string a number of class hours is credited in the course. */
    public const CLASS_HOURS = 'hours';

    /** @var string REAL_NAME or CLASS_HOURS. */
    private string $need;

    /** @var string class hours that are needed; '' for REAL_NAME. */
    private string $hours = '';

    /**
     * The condition that an editor saved.
     *
     * @param stdClass $structure need, and hours as a decimal string.
     * @throws coding_exception it is not such a condition.
     */
    public function __construct($structure) {
        $need = $structure->need ?? null;
        if (!in_array($need, [self::REAL_NAME, self::CLASS_HOURS], true)) {
            throw new coding_exception('Missing or invalid ->need for anxue condition');
        }
        if ($need === self::CLASS_HOURS) {
            if (!class_hours::is_valid($structure->hours ?? null)) {
                throw new coding_exception('Missing or invalid ->hours for anxue condition');
            }
            $this->hours = $structure->hours;
        }
        $this->need = $need;
    }

    /**
     * The condition as it is kept.
     *
     * @return stdClass
     */
    public function save() {
        return self::get_json($this->need, $this->hours);
    }

    /**
     * A condition as the editor's JavaScript makes it; for tests.
     *
     * @param string $need REAL_NAME or CLASS_HOURS.
     * @param string $hours class hours for CLASS_HOURS.
     * @return stdClass
     */
    public static function get_json(string $need, string $hours = ''): stdClass {
        $json = (object) ['type' => 'anxue', 'need' => $need];
        if ($need === self::CLASS_HOURS) {
            $json->hours = $hours;
        }
        return $json;
    }

    /**
     * Whether the activity is open for a user.
     *
     * @param bool $not inside a NOT.
     * @param info $info the activity or section.
     * @param bool $grabthelot of no meaning here.
     * @param int $userid the user.
     * @return bool
     */
    public function is_available($not, info $info, $grabthelot, $userid) {
        return $this->opens_for(learner::state((int) $userid, (int) $info->get_course()->id), (bool) $not);
    }

    /**
     * What a learner reads below the activity.
     *
     * @param bool $full of no meaning here.
     * @param bool $not inside a NOT.
     * @param info $info the activity or section.
     * @return string
     */
    public function get_description($full, $not, info $info) {
        if ($this->need === self::REAL_NAME) {
            return $not ? get_string('requires_no_realname', 'availability_anxue')
                : get_string('requires_realname', 'availability_anxue');
        }
        $hours = class_hours::plain($this->hours);
        return $not ? get_string('requires_fewer_hours', 'availability_anxue', $hours)
            : get_string('requires_hours', 'availability_anxue', $hours);
    }

    /**
     * The condition in a few signs, for debugging.
     *
     * @return string
     */
    protected function get_debug_string() {
        return $this->need === self::REAL_NAME ? 'realname' : 'hours>=' . $this->hours;
    }

    /**
     * A proved name and credited hours stay: lists of an activity's users leave out whom it is closed for.
     *
     * @return bool
     */
    public function is_applied_to_user_lists() {
        return true;
    }

    /**
     * Those of a list for whom the activity is open.
     *
     * @param array $users by user id.
     * @param bool $not inside a NOT.
     * @param info $info the activity or section.
     * @param capability_checker $checker of no meaning here.
     * @return array
     */
    public function filter_user_list(array $users, $not, info $info, capability_checker $checker) {
        if (!$users) {
            return $users;
        }
        $states = learner::states(array_keys($users), (int) $info->get_course()->id);
        return array_filter($users, fn($id) => $this->opens_for($states[$id] ?? null, (bool) $not), ARRAY_FILTER_USE_KEY);
    }

    /**
     * The same list as a subquery.
     *
     * @param bool $not inside a NOT.
     * @param info $info the activity or section.
     * @param bool $onlyactive active enrolments alone.
     * @return array SQL and parameters.
     */
    public function get_user_list_sql($not, info $info, $onlyactive) {
        $table = learner::table();
        if ($table === null) {
            return ['SELECT id FROM {user} WHERE 0 = 1', []];
        }
        [$enrolsql, $params] = get_enrolled_sql($info->get_context(), '', 0, $onlyactive);
        $course = self::unique_sql_parameter($params, $info->get_course()->id);
        if ($this->need === self::REAL_NAME) {
            $met = 'state.realname = 1';
        } else {
            $met = 'state.classhours >= ' . self::unique_sql_parameter($params, $this->hours);
        }
        $where = $not ? "NOT ($met)" : $met;
        return [
            "SELECT userids.id
               FROM ($enrolsql) userids
               JOIN {{$table}} state ON state.userid = userids.id AND state.courseid = $course
              WHERE $where",
            $params,
        ];
    }

    /**
     * Whether the condition opens for such a learner.
     *
     * @param stdClass|null $state what the bridge has said; null for nothing.
     * @param bool $not inside a NOT.
     * @return bool
     */
    private function opens_for(?stdClass $state, bool $not): bool {
        if ($state === null) {
            return false;
        }
        $met = $this->need === self::REAL_NAME
            ? !empty($state->realname)
            : class_hours::reaches((string) $state->classhours, $this->hours);
        return $met !== $not;
    }
}
