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
        $sql = "SELECT qa.id, qa.userid, qa.timestart, qa.timefinish, qa.sumgrades, qa.preview, qa.state,
                       q.sumgrades AS maximum, q.course AS courseid, cm.id AS cmid
                  FROM {quiz_attempts} qa
                  JOIN {quiz} q ON q.id = qa.quiz
                  JOIN {course_modules} cm ON cm.instance = q.id
                  JOIN {modules} m ON m.id = cm.module AND m.name = 'quiz'
                 WHERE qa.id = :id";
        $attempt = $DB->get_record_sql($sql, ['id' => $attemptid]);
        if (!$attempt || !self::is_score($attempt) || !regulated::is_course((int) $attempt->courseid)) {
            return false;
        }
        return outbox::add(
            message::GRADED,
            [
                'sub' => (string) $attempt->userid,
                'resource_link_id' => message::resource_link((int) $attempt->cmid),
                'attempt' => (string) $attempt->id,
                'score' => message::decimal($attempt->sumgrades),
                'maximum' => message::decimal($attempt->maximum),
                'started_at' => message::instant((int) $attempt->timestart),
                'finished_at' => message::instant((int) $attempt->timefinish),
            ],
            (int) $attempt->courseid,
            (int) $attempt->userid,
            0,
            (int) $attempt->timefinish,
            message::id_of(message::GRADED, (string) $attempt->id)
        );
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
