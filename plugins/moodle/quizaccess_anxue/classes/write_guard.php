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

namespace quizaccess_anxue;

use mod_quiz\quiz_attempt;
use moodle_exception;
use moodle_url;
use stdClass;

/**
 * Keeps answers, and attempts, out of a gated quiz where prevent_access() is not asked.
 *
 * processattempt.php and autosave.ajax.php write answers without asking any access rule: without this guard a page that was
 * opened before a revocation could still be handed in.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class write_guard {
    /** @var string[] the scripts that write answers. */
    public const SCRIPTS = ['/mod/quiz/processattempt.php', '/mod/quiz/autosave.ajax.php'];

    /**
     * Refuse answers to an attempt whose learner has no grant.
     *
     * @param int $attemptid the attempt that is about to be written to.
     * @throws moodle_exception there is no grant.
     */
    public static function check_answers(int $attemptid): void {
        global $DB;
        $attempt = $DB->get_record('quiz_attempts', ['id' => $attemptid], 'id, quiz, userid, preview, state');
        // An attempt that is over, or does not exist, is Moodle's to refuse.
        if ($attempt && in_array($attempt->state, [quiz_attempt::IN_PROGRESS, quiz_attempt::OVERDUE], true)) {
            self::check($attempt);
        }
    }

    /**
     * Refuse to begin an attempt whose learner has no grant, whatever code is about to do it.
     *
     * @param stdClass|null $before the attempt as it was; null for a new one.
     * @param stdClass|null $after the attempt as it will be; null for a deleted one.
     * @throws moodle_exception there is no grant.
     */
    public static function check_new_attempt(?stdClass $before, ?stdClass $after): void {
        $runs = [quiz_attempt::IN_PROGRESS, quiz_attempt::OVERDUE];
        $ran = $before !== null && in_array($before->state, $runs, true);
        // From Moodle 5 on, cron may lay an attempt ready: it begins when its state says so.
        if (!$ran && $after !== null && in_array($after->state, $runs, true)) {
            self::check($after);
        }
    }

    /**
     * Refuse the learner's own writing without a grant. Another person's (a teacher's, the clock's) is not the learner's test.
     *
     * @param stdClass $attempt the attempt.
     * @throws moodle_exception there is no grant.
     */
    private static function check(stdClass $attempt): void {
        global $USER;
        $quizid = (int) $attempt->quiz;
        if (!empty($attempt->preview) || (int) $attempt->userid !== (int) $USER->id) {
            return;
        }
        if (!gate_setting::is_required_by_id($quizid)) {
            return;
        }
        $cm = get_coursemodule_from_instance('quiz', $quizid, 0, false, MUST_EXIST);
        $gate = new gate((int) $cm->course, $quizid, (int) $cm->id);
        $decision = $gate->decide((int) $USER->id);
        if (!$decision->is_refused()) {
            return;
        }
        refusal::note($decision->reason, $quizid, $gate->cmid);
        throw new moodle_exception(
            'attempterror',
            'quiz',
            new moodle_url('/mod/quiz/view.php', ['id' => $gate->cmid]),
            refusal::sentence($decision->reason),
        );
    }
}
