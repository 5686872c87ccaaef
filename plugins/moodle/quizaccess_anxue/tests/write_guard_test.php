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

use local_anxue\grants;
use mod_quiz\quiz_attempt;
use moodle_exception;
use mod_quiz_external;

/**
 * What writes answers, or begins an attempt, without asking prevent_access().
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \quizaccess_anxue\write_guard
 * @covers     \quizaccess_anxue\hook_callbacks
 */
final class write_guard_test extends tests\gated_quiz_testcase {
    public function test_code_that_asks_no_rule_begins_no_attempt(): void {
        global $DB;
        try {
            $this->start();
            $this->fail('An attempt began without a grant.');
        } catch (moodle_exception $refused) {
            $this->assertSame(refusal::sentence('none'), $refused->a);
        }
        $DB->force_transaction_rollback();
        $this->assertSame(0, $DB->count_records('quiz_attempts', ['quiz' => $this->quiz->id]));
    }

    public function test_a_grant_lets_an_attempt_begin(): void {
        $this->grant('g-1', 1);
        $this->assertSame(quiz_attempt::IN_PROGRESS, $this->start()->state);
    }

    public function test_an_attempt_that_was_laid_ready_begins_only_with_a_grant(): void {
        $ready = (object) ['id' => 1, 'quiz' => $this->quiz->id, 'userid' => $this->learner->id, 'preview' => 0];
        $before = clone $ready;
        $before->state = 'notstarted';
        $after = clone $ready;
        $after->state = quiz_attempt::IN_PROGRESS;
        write_guard::check_new_attempt(null, $before);
        $this->expectException(moodle_exception::class);
        write_guard::check_new_attempt($before, $after);
    }

    public function test_answers_are_taken_under_a_grant_and_refused_after_its_revocation(): void {
        $this->grant();
        $attempt = $this->start();
        write_guard::check_answers((int) $attempt->id);
        grants::revoke('g-1', 'x');
        $sink = $this->redirectEvents();
        try {
            write_guard::check_answers((int) $attempt->id);
            $this->fail('Answers were taken after the revocation.');
        } catch (moodle_exception $refused) {
            $this->assertSame(refusal::sentence('revoked'), $refused->a);
        }
        $this->assertSame(['reason' => 'revoked'], $sink->get_events()[0]->other);
    }

    public function test_the_web_service_hands_in_nothing_after_the_revocation(): void {
        global $CFG;
        require_once($CFG->dirroot . '/mod/quiz/classes/external.php');
        $this->grant();
        $this->rules()->notify_preflight_check_passed(null);
        $attempt = $this->start();
        grants::revoke('g-1', 'x');
        $consent = [['name' => 'anxueconsent', 'value' => 1]];
        try {
            mod_quiz_external::process_attempt($attempt->id, [], true, false, $consent);
            $this->fail('The attempt was handed in after the revocation.');
        } catch (moodle_exception $refused) {
            $this->assertStringContainsString(refusal::sentence('revoked'), $refused->getMessage());
        }
        $this->assertSame(quiz_attempt::IN_PROGRESS, quiz_attempt::create($attempt->id)->get_state());
    }

    public function test_what_is_not_the_learners_own_test_passes(): void {
        $this->grant();
        $attempt = $this->start();
        grants::revoke('g-1', 'x');
        $this->setUser($this->teacher);
        write_guard::check_answers((int) $attempt->id);
        $this->assertSame(1, (int) $this->start()->preview);
        $this->setUser($this->learner);
        gate_setting::save((int) $this->quiz->id, false);
        write_guard::check_answers((int) $attempt->id);
        write_guard::check_answers(0);
    }

    public function test_the_clock_hands_in_what_was_saved_before(): void {
        $this->grant();
        $attempt = $this->start();
        grants::revoke('g-1', 'x');
        $this->setAdminUser();
        quiz_attempt::create($attempt->id)->process_finish(time(), false);
        $this->assertSame(quiz_attempt::FINISHED, quiz_attempt::create($attempt->id)->get_state());
    }

    /**
     * The hook guards the scripts that write, before they do anything.
     *
     * @dataProvider scripts
     * @param string $script what the web server started.
     * @param bool $guarded whether it is guarded.
     */
    public function test_the_hook_looks_at_the_script_that_was_started(string $script, bool $guarded): void {
        global $CFG;
        $this->grant();
        $attempt = $this->start();
        grants::revoke('g-1', 'x');
        $_POST['attempt'] = $attempt->id;
        $before = $_SERVER['SCRIPT_FILENAME'];
        $_SERVER['SCRIPT_FILENAME'] = $CFG->dirroot . $script;
        try {
            hook_callbacks::after_config(new \core\hook\after_config());
            $this->assertFalse($guarded);
        } catch (moodle_exception $sentback) {
            // On the command line core answers a redirect with this.
            $this->assertSame('redirecterrordetected', $sentback->errorcode);
            $this->assertTrue($guarded);
        } finally {
            $_SERVER['SCRIPT_FILENAME'] = $before;
        }
    }

    /**
     * Scripts of a quiz.
     *
     * @return array[]
     */
    public static function scripts(): array {
        return [
            ['/mod/quiz/processattempt.php', true],
            ['/mod/quiz/../quiz/processattempt.php', true],
            ['/mod/quiz/autosave.ajax.php', true],
            ['/mod/quiz/review.php', false],
            ['/mod/quiz/view.php', false],
        ];
    }

    public function test_a_page_of_an_attempt_sends_its_reader_back(): void {
        global $CFG;
        $before = $_SERVER['SCRIPT_FILENAME'];
        $_SERVER['SCRIPT_FILENAME'] = $CFG->dirroot . '/mod/quiz/attempt.php';
        $this->expectExceptionMessage(get_string('redirecterrordetected', 'error'));
        try {
            $this->rules()->prevent_access();
        } finally {
            $_SERVER['SCRIPT_FILENAME'] = $before;
        }
    }

    public function test_the_quizs_own_page_is_no_event(): void {
        global $CFG;
        $before = $_SERVER['SCRIPT_FILENAME'];
        $_SERVER['SCRIPT_FILENAME'] = $CFG->dirroot . '/mod/quiz/view.php';
        $sink = $this->redirectEvents();
        try {
            $this->assertSame('none', self::reason($this->rules()->prevent_access()));
        } finally {
            $_SERVER['SCRIPT_FILENAME'] = $before;
        }
        $this->assertSame([], $sink->get_events());
    }
}
