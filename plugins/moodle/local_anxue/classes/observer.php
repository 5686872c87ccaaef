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

use core\event\base;

/**
 * What happens in Moodle and matters to the bridge. Nothing here may break the page that caused it.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class observer {
    /**
     * A listed event: viewed, completed, attempted, enrolled.
     *
     * @param base $event
     */
    public static function activity(base $event): void {
        self::guarded($event, fn() => activity::report($event));
    }

    /**
     * A quiz attempt was submitted, or its last mark was given.
     *
     * @param base $event
     */
    public static function attempt_finished(base $event): void {
        self::guarded($event, fn() => score::report((int) $event->objectid));
    }

    /**
     * An attempt was marked anew, after a question was changed.
     *
     * @param base $event
     */
    public static function attempt_regraded(base $event): void {
        self::guarded($event, fn() => signal::report(
            signal::GRADE_OVERRIDDEN,
            (int) $event->courseid,
            (int) $event->relateduserid,
            self::person($event),
            (int) $event->contextinstanceid
        ));
    }

    /**
     * A person gave a mark. Where the machine had given one before, that is a signal; an essay's mark is none.
     *
     * @param base $event
     */
    public static function question_graded(base $event): void {
        self::guarded($event, function () use ($event): void {
            global $DB;
            $attempt = $DB->get_record('quiz_attempts', ['id' => $event->other['attemptid']]);
            $place = ['questionusageid' => $attempt->uniqueid ?? 0, 'slot' => $event->other['slot']];
            $behaviour = $DB->get_field('question_attempts', 'behaviour', $place);
            if (!$behaviour || $behaviour === 'manualgraded') {
                return;
            }
            signal::report(
                signal::GRADE_OVERRIDDEN,
                (int) $event->courseid,
                (int) $attempt->userid,
                self::person($event),
                (int) $event->contextinstanceid,
                null,
                message::decimal($attempt->sumgrades)
            );
        });
    }

    /**
     * A grade changed. An overridden one is a signal, with what it was before if Moodle keeps the history.
     *
     * @param \core\event\user_graded $event
     */
    public static function user_graded(\core\event\user_graded $event): void {
        self::guarded($event, function () use ($event): void {
            global $DB;
            if (empty($event->other['overridden']) || $event->relateduserid <= 0) {
                return;
            }
            $item = $DB->get_record('grade_items', ['id' => $event->other['itemid']]);
            $cm = $item && $item->itemtype === 'mod'
                ? get_coursemodule_from_instance($item->itemmodule, $item->iteminstance, $item->courseid)
                : false;
            $history = $DB->get_records(
                'grade_grades_history',
                ['oldid' => $event->objectid],
                'id DESC',
                'id, finalgrade',
                1,
                1
            );
            signal::report(
                signal::GRADE_OVERRIDDEN,
                (int) $event->courseid,
                (int) $event->relateduserid,
                self::person($event),
                $cm ? (int) $cm->id : null,
                $history ? message::decimal(reset($history)->finalgrade) : null,
                message::decimal($event->other['finalgrade'])
            );
        });
    }

    /**
     * Somebody logged in as somebody else: from a course, or for the whole site.
     *
     * @param base $event
     */
    public static function logged_in_as(base $event): void {
        self::guarded($event, function () use ($event): void {
            $learner = (int) $event->relateduserid;
            // After a login from a course Moodle gives the learner's capabilities in that course alone: so does this.
            foreach (regulated::courses_of($learner) as $courseid) {
                signal::report(signal::LOGIN_AS, $courseid, $learner, self::person($event));
            }
        });
    }

    /**
     * An activity was made or changed.
     *
     * @param base $event
     */
    public static function module_changed(base $event): void {
        self::guarded($event, function () use ($event): void {
            if (regulated::is_course((int) $event->courseid)) {
                watch::look((int) $event->objectid, self::person($event));
            }
        });
    }

    /**
     * A profile changed, or a person was given a role: contact data may have come in.
     *
     * @param base $event
     */
    public static function profile_changed(base $event): void {
        self::guarded($event, function () use ($event): void {
            $userid = (int) $event->relateduserid;
            $courses = $event->contextlevel == CONTEXT_COURSE
                ? array_filter([(int) $event->courseid], regulated::is_course(...))
                : regulated::courses_of($userid);
            foreach ($courses as $courseid) {
                if (
                    regulated::is_learner($userid, \context_course::instance($courseid))
                        && contact\scan::of_person($userid)
                ) {
                    signal::report(signal::CONTACT_DATA_FOUND, $courseid, $userid, self::person($event));
                }
            }
        });
    }

    /**
     * An account was deleted: what could be brought back, its grants and what was said of it go with it.
     *
     * @param base $event
     */
    public static function user_deleted(base $event): void {
        self::guarded($event, function () use ($event): void {
            global $DB;
            $DB->delete_records('local_anxue_undo', ['userid' => $event->objectid]);
            $DB->delete_records('local_anxue_grant', ['userid' => $event->objectid]);
            $DB->delete_records(learner_state::TABLE, ['userid' => $event->objectid]);
        });
    }

    /**
     * A course or a category changed: it may be regulated now, or no more.
     *
     * @param base $event
     */
    public static function course_changed(base $event): void {
        self::guarded($event, fn() => regulated::forget());
    }

    /**
     * Returns the person who did it, also behind a "log in as"; null: nobody, such as cron.
     *
     * @param base $event
     * @return int|null
     */
    private static function person(base $event): ?int {
        if (\core\session\manager::is_loggedinas()) {
            return (int) \core\session\manager::get_realuser()->id;
        }
        return $event->userid > 0 ? (int) $event->userid : null;
    }

    /**
     * Runs an observer; a failure is told to the developer and to the server's log, never to the learner.
     *
     * @param base $event
     * @param callable $report
     */
    private static function guarded(base $event, callable $report): void {
        try {
            $report();
        } catch (\Throwable $error) {
            // Where, not what: the text of a database error may hold a learner's data.
            $where = get_class($error) . ' at ' . basename($error->getFile()) . ':' . $error->getLine();
            debugging("local_anxue could not report $event->eventname: $where", DEBUG_NORMAL);
            if (!PHPUNIT_TEST) {
                // phpcs:ignore moodle.PHP.ForbiddenFunctions.FoundWithAlternative -- The server's log is meant.
                error_log("local_anxue could not report $event->eventname: $where");
            }
        }
    }
}
