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
 * Tells the bridge what happened before the plugin was there, or while it could not be told.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class backfill {
    /** @var int most rows in one call */
    public const MOST = 500;

    /** @var string[] what is looked through, in this order */
    private const KINDS = ['enrolments', 'completions', 'courses', 'attempts'];

    /**
     * Puts the next part of the past into the outbox. What was told before has the same id and is not told twice.
     *
     * @param int $since Unix seconds
     * @param int $until Unix seconds, not included
     * @param string $cursor where the last call ended; empty: from the beginning
     * @param int $most rows to look at
     * @return array queued, known: numbers; next: the cursor for the next call, empty when all is done;
     *      full: the outbox has no room, call again later with "next"
     * @throws \moodle_exception badcursor
     */
    public static function next(int $since, int $until, string $cursor, int $most): array {
        $most = max(1, min(self::MOST, $most));
        [$kind, $lastid] = self::parse($cursor);
        $done = ['queued' => 0, 'known' => 0, 'next' => '', 'full' => false];
        while ($kind !== null) {
            $rows = self::rows($kind, $since, $until, $lastid, $most);
            foreach ($rows as $row) {
                if (!outbox::has_room(message::ACTIVITY)) {
                    return ['next' => "$kind:$lastid", 'full' => true] + $done;
                }
                $lastid = (int) $row->id;
                $most--;
                $done[self::queue($kind, $row) ? 'queued' : 'known']++;
            }
            if ($most <= 0) {
                return ['next' => "$kind:$lastid"] + $done;
            }
            $kind = self::KINDS[array_search($kind, self::KINDS, true) + 1] ?? null;
            $lastid = 0;
        }
        return $done;
    }

    /**
     * Returns the next rows of a kind that lie in regulated courses.
     *
     * @param string $kind
     * @param int $since
     * @param int $until
     * @param int $lastid
     * @param int $most
     * @return stdClass[] id, userid, courseid, cmid, time
     */
    private static function rows(string $kind, int $since, int $until, int $lastid, int $most): array {
        global $DB;
        $courses = regulated::course_ids();
        if (!$courses) {
            return [];
        }
        [$in, $params] = $DB->get_in_or_equal($courses, SQL_PARAMS_NAMED);
        $params += ['since' => $since, 'until' => $until, 'lastid' => $lastid];
        $sql = match ($kind) {
            'enrolments' => "SELECT r.id, r.userid, e.courseid, 0 AS cmid, r.timecreated AS time
                               FROM {user_enrolments} r
                               JOIN {enrol} e ON e.id = r.enrolid
                              WHERE e.courseid $in AND r.timecreated >= :since AND r.timecreated < :until",
            'completions' => "SELECT r.id, r.userid, cm.course AS courseid, cm.id AS cmid, r.timemodified AS time
                                FROM {course_modules_completion} r
                                JOIN {course_modules} cm ON cm.id = r.coursemoduleid
                               WHERE cm.course $in AND r.completionstate IN (1, 2)
                                     AND r.timemodified >= :since AND r.timemodified < :until",
            'courses' => "SELECT r.id, r.userid, r.course AS courseid, 0 AS cmid, r.timecompleted AS time
                            FROM {course_completions} r
                           WHERE r.course $in AND r.timecompleted >= :since AND r.timecompleted < :until",
            'attempts' => "SELECT r.id, r.userid, q.course AS courseid, 0 AS cmid, r.timefinish AS time
                             FROM {quiz_attempts} r
                             JOIN {quiz} q ON q.id = r.quiz
                            WHERE q.course $in AND r.state = 'finished' AND r.preview = 0
                                  AND r.timefinish >= :since AND r.timefinish < :until",
        };
        return $DB->get_records_sql("$sql AND r.id > :lastid ORDER BY r.id", $params, 0, $most);
    }

    /**
     * Puts one row into the outbox.
     *
     * @param string $kind
     * @param stdClass $row
     * @return bool false: known, or nobody to tell of
     */
    private static function queue(string $kind, stdClass $row): bool {
        if ($kind === 'attempts') {
            return score::report((int) $row->id);
        }
        if (
            $kind !== 'enrolments'
                && !regulated::is_learner((int) $row->userid, \context_course::instance($row->courseid))
        ) {
            return false;
        }
        $event = [
            'enrolments' => 'core\event\user_enrolment_created',
            'completions' => 'core\event\course_module_completion_updated',
            'courses' => 'core\event\course_completed',
        ][$kind];
        return outbox::add(
            message::ACTIVITY,
            activity::data($event, (int) $row->userid, null, (int) $row->courseid, ((int) $row->cmid) ?: null, null),
            (int) $row->courseid,
            (int) $row->userid,
            0,
            (int) $row->time,
            activity::id_of($event, (int) $row->id, (int) $row->time)
        );
    }

    /**
     * Reads a cursor.
     *
     * @param string $cursor
     * @return array{string, int}
     * @throws \moodle_exception badcursor
     */
    private static function parse(string $cursor): array {
        if ($cursor === '') {
            return [self::KINDS[0], 0];
        }
        [$kind, $id] = explode(':', $cursor, 2) + [1 => ''];
        if (!in_array($kind, self::KINDS, true) || !ctype_digit($id)) {
            throw new \moodle_exception('badcursor', 'local_anxue');
        }
        return [$kind, (int) $id];
    }
}
