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
 * The score of a finished quiz attempt, as told to the bridge.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class score {
    /** @var string what there is to know of an attempt */
    private const ATTEMPT = "SELECT qa.id, qa.userid, qa.timestart, qa.timefinish, qa.sumgrades, qa.preview, qa.state,
                                    q.sumgrades AS maximum, q.course AS courseid, cm.id AS cmid
                               FROM {quiz_attempts} qa
                               JOIN {quiz} q ON q.id = qa.quiz
                               JOIN {course_modules} cm ON cm.instance = q.id
                               JOIN {modules} m ON m.id = cm.module AND m.name = 'quiz'";

    /**
     * Reports the score of an attempt once it is finished and fully marked. The same attempt is told once.
     *
     * What is told is the learner's mark out of the quiz's marks; whether it is a pass is the rule pack's to say.
     *
     * @param int $attemptid
     * @return bool a new message waits
     */
    public static function report(int $attemptid): bool {
        global $DB;
        $attempt = $DB->get_record_sql(self::ATTEMPT . ' WHERE qa.id = :id', ['id' => $attemptid]);
        if (!$attempt || !self::is_score($attempt) || !regulated::is_course((int) $attempt->courseid)) {
            return false;
        }
        return outbox::add(
            message::GRADED,
            self::data($attempt),
            (int) $attempt->courseid,
            (int) $attempt->userid,
            0,
            (int) $attempt->timefinish,
            self::id_of((int) $attempt->id)
        );
    }

    /**
     * Returns the scores of regulated courses that came to be in a stretch of time, whether they were told or not.
     *
     * @param int $since Unix seconds
     * @param int $until Unix seconds, not included
     * @param int $lastid the attempt where the last call ended
     * @param int $most attempts to look at
     * @return array scores: id, as in a message, and data; next: where to go on, 0 when all was looked at
     */
    public static function between(int $since, int $until, int $lastid, int $most): array {
        global $DB;
        $courses = regulated::course_ids();
        if (!$courses) {
            return ['scores' => [], 'next' => 0];
        }
        [$in, $params] = $DB->get_in_or_equal($courses, SQL_PARAMS_NAMED);
        $params += ['since' => $since, 'until' => $until, 'lastid' => $lastid];
        $sql = self::ATTEMPT . " WHERE q.course $in AND qa.state = 'finished' AND qa.timefinish >= :since
                                   AND qa.timefinish < :until AND qa.id > :lastid ORDER BY qa.id";
        $attempts = $DB->get_records_sql($sql, $params, 0, $most);
        $scores = [];
        foreach (array_filter($attempts, self::is_score(...)) as $attempt) {
            $scores[] = ['id' => self::id_of((int) $attempt->id), 'data' => self::data($attempt)];
        }
        return ['scores' => $scores, 'next' => count($attempts) < $most ? 0 : (int) array_key_last($attempts)];
    }

    /**
     * Returns the data of a message.
     *
     * @param stdClass $attempt
     * @return string[]
     */
    private static function data(stdClass $attempt): array {
        return [
            'sub' => (string) $attempt->userid,
            'resource_link_id' => message::resource_link((int) $attempt->cmid),
            'attempt' => (string) $attempt->id,
            'score' => message::decimal($attempt->sumgrades),
            'maximum' => message::decimal($attempt->maximum),
            'started_at' => message::instant((int) $attempt->timestart),
            'finished_at' => message::instant((int) $attempt->timefinish),
        ];
    }

    /**
     * Returns the id under which an attempt's score is told, however often.
     *
     * @param int $attemptid
     * @return string
     */
    private static function id_of(int $attemptid): string {
        return message::id_of(message::GRADED, (string) $attemptid);
    }

    /**
     * Tells whether there is a score: finished, no teacher's preview, marked, out of something.
     *
     * @param stdClass $attempt
     * @return bool
     */
    private static function is_score(stdClass $attempt): bool {
        return $attempt->state === 'finished' && !$attempt->preview
            && $attempt->sumgrades !== null && $attempt->maximum > 0;
    }
}
