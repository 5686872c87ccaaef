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

use context;

/**
 * Which courses the rules on work-safety training apply to, and who is a learner there.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class regulated {
    /**
     * Tells whether a course is regulated: by its category, by the list, or by its custom field.
     *
     * @param int $courseid
     * @return bool
     */
    public static function is_course(int $courseid): bool {
        if ($courseid <= SITEID) {
            return false; // The front page is nobody's training.
        }
        $cache = \cache::make('local_anxue', 'regulated');
        $known = $cache->get($courseid);
        if ($known === false) {
            $known = self::look_up($courseid) ? 'yes' : 'no';
            $cache->set($courseid, $known);
        }
        return $known === 'yes';
    }

    /**
     * Returns the ids of all regulated courses.
     *
     * @return int[]
     */
    public static function course_ids(): array {
        global $DB;
        $ids = $DB->get_fieldset_select('course', 'id', 'id <> :site', ['site' => SITEID]);
        return array_values(array_filter(array_map('intval', $ids), self::is_course(...)));
    }

    /**
     * Returns the regulated courses in which a person is a learner.
     *
     * @param int $userid
     * @return int[]
     */
    public static function courses_of(int $userid): array {
        $courses = enrol_get_all_users_courses($userid, true, 'id');
        $ids = array_filter(array_map('intval', array_keys($courses)), self::is_course(...));
        $learns = fn(int $id): bool => self::is_learner($userid, \context_course::instance($id));
        return array_values(array_filter($ids, $learns));
    }

    /**
     * Tells whether a person is a learner there: enrolled, with the capability, and not one who edits the course.
     *
     * Capabilities are asked without "doanything": an administrator is nobody's learner.
     *
     * @param int $userid
     * @param context $context a course or an activity
     * @return bool
     */
    public static function is_learner(int $userid, context $context): bool {
        if ($userid <= 0 || isguestuser($userid) || !is_enrolled($context, $userid, '', true)) {
            return false;
        }
        return has_capability('local/anxue:study', $context, $userid, false)
            && !has_capability('moodle/course:manageactivities', $context, $userid, false);
    }

    /**
     * Forgets what was known of all courses: a setting or a category has changed.
     */
    public static function forget(): void {
        \cache::make('local_anxue', 'regulated')->purge();
    }

    /**
     * Looks at the settings and the course.
     *
     * @param int $courseid
     * @return bool
     */
    private static function look_up(int $courseid): bool {
        global $DB;
        $course = $DB->get_record('course', ['id' => $courseid], 'id, shortname, category');
        if (!$course) {
            return false;
        }
        $listed = settings::words('courses');
        if (in_array($course->id, $listed) || in_array($course->shortname, $listed, true)) {
            return true;
        }
        $chosen = settings::words('categories');
        $path = (string) $DB->get_field('course_categories', 'path', ['id' => $course->category]);
        if (array_intersect($chosen, explode('/', $path))) {
            return true;
        }
        return self::has_field_set($courseid);
    }

    /**
     * Tells whether the custom field that marks regulated courses is ticked.
     *
     * @param int $courseid
     * @return bool
     */
    private static function has_field_set(int $courseid): bool {
        global $DB;
        $shortname = (string) get_config('local_anxue', 'coursefield');
        if ($shortname === '') {
            return false;
        }
        $sql = "SELECT 1
                  FROM {customfield_data} d
                  JOIN {customfield_field} f ON f.id = d.fieldid
                  JOIN {customfield_category} c ON c.id = f.categoryid
                 WHERE c.component = 'core_course' AND c.area = 'course'
                       AND f.type = 'checkbox' AND f.shortname = :shortname
                       AND d.instanceid = :courseid AND d.intvalue = 1";
        return $DB->record_exists_sql($sql, ['shortname' => $shortname, 'courseid' => $courseid]);
    }
}
