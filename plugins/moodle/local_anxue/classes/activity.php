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
 * What a person did, as told to the bridge: a claim, which credits nothing.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class activity {
    /**
     * Reports an event, if it is on the list and a learner's of a regulated course.
     *
     * Only the fields named here leave: others hold session ids, e-mail addresses and names.
     *
     * @param base $event
     */
    public static function report(base $event): void {
        $group = event_map::group_of($event->eventname);
        $courseid = (int) $event->courseid;
        if ($group === null || !settings::reports($group) || !regulated::is_course($courseid)) {
            return;
        }
        $userid = (int) ($event->relateduserid ?: $event->userid);
        // Before its role a person is no learner yet, and after it no more: enrolments are told of everybody.
        if ($userid <= 0 || ($group !== 'enrolment' && !regulated::is_learner($userid, $event->get_context()))) {
            return;
        }
        if ($event instanceof \core\event\course_module_completion_updated && !self::is_completion($event)) {
            return;
        }
        $actor = self::actor($event, $userid);
        outbox::add(
            message::ACTIVITY,
            self::data(
                $event->eventname,
                $userid,
                $actor,
                $courseid,
                $event->contextlevel == CONTEXT_MODULE ? (int) $event->contextinstanceid : null,
                $event->objecttable === 'quiz_attempts' ? (int) $event->objectid : null
            ),
            $courseid,
            $userid,
            $actor ?? 0,
            (int) $event->timecreated,
            self::id_of_event($event)
        );
    }

    /**
     * Returns the data of an activity message.
     *
     * @param string $eventname
     * @param int $userid
     * @param int|null $actorid who did it if not the learner
     * @param int $courseid
     * @param int|null $cmid null: the course as a whole
     * @param int|null $attemptid
     * @return array
     */
    public static function data(
        string $eventname,
        int $userid,
        ?int $actorid,
        int $courseid,
        ?int $cmid,
        ?int $attemptid
    ): array {
        return [
            'event' => ltrim($eventname, '\\'),
            'sub' => (string) $userid,
            'actor_sub' => $actorid === null ? null : (string) $actorid,
            'context_id' => (string) $courseid,
            'resource_link_id' => $cmid === null ? null : message::resource_link($cmid),
            'attempt' => $attemptid === null ? null : (string) $attemptid,
        ];
    }

    /**
     * Returns the id of what a back-fill may find in the database, so that the same thing is told once by either way.
     *
     * @param string $eventname
     * @param int $objectid the row
     * @param int $time when the row became what is told
     * @return string
     */
    public static function id_of(string $eventname, int $objectid, int $time): string {
        return message::id_of(message::ACTIVITY, ltrim($eventname, '\\'), (string) $objectid, (string) $time);
    }

    /**
     * Returns the id of an event's message; null: a new one, since no back-fill will find it.
     *
     * @param base $event
     * @return string|null
     */
    private static function id_of_event(base $event): ?string {
        $columns = [
            'course_modules_completion' => 'timemodified',
            'course_completions' => 'timecompleted',
            'user_enrolments' => 'timecreated',
        ];
        $column = $event->crud === 'd' ? null : $columns[$event->objecttable] ?? null;
        if ($column === null || $event instanceof \core\event\user_enrolment_updated) {
            return null;
        }
        $row = $event->get_record_snapshot($event->objecttable, $event->objectid);
        return $row ? self::id_of($event->eventname, (int) $event->objectid, (int) $row->$column) : null;
    }

    /**
     * Returns who did it, if not the learner: a teacher, or the person who logged in as the learner.
     *
     * @param base $event
     * @param int $userid
     * @return int|null
     */
    private static function actor(base $event, int $userid): ?int {
        if (\core\session\manager::is_loggedinas()) {
            return (int) \core\session\manager::get_realuser()->id;
        }
        return $event->userid > 0 && $event->userid != $userid ? (int) $event->userid : null;
    }

    /**
     * Tells whether an activity was completed; Moodle also tells of every step before (state 0).
     *
     * @param base $event
     * @return bool
     */
    private static function is_completion(base $event): bool {
        $state = (int) ($event->other['completionstate'] ?? 0);
        return $state === 1 || $state === 2; // COMPLETION_COMPLETE, COMPLETION_COMPLETE_PASS.
    }
}
