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

namespace quizaccess_anxue\tests;

use advanced_testcase;
use local_anxue\grants;
use local_anxue\regulated;
use mod_quiz\access_manager;
use mod_quiz\quiz_settings;
use quizaccess_anxue\gate_setting;
use stdClass;

/**
 * A quiz behind the gate, in a regulated course, with a learner and a teacher.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
abstract class gated_quiz_testcase extends advanced_testcase {
    /** @var stdClass the course. */
    protected stdClass $course;

    /** @var stdClass the quiz. */
    protected stdClass $quiz;

    /** @var stdClass a student. */
    protected stdClass $learner;

    /** @var stdClass an editing teacher. */
    protected stdClass $teacher;

    /**
     * Make all that, and act as the learner.
     */
    protected function setUp(): void {
        parent::setUp();
        $this->resetAfterTest();
        $this->setAdminUser();
        $generator = $this->getDataGenerator();
        $this->course = $generator->create_course(['shortname' => 'GATED']);
        set_config('bridgeurl', 'https://bridge.example', 'local_anxue');
        set_config('registration', 'reg-1', 'local_anxue');
        set_config('secret', 'a-secret-of-thirty-two-characters', 'local_anxue');
        set_config('clientid', 'client-1', 'local_anxue');
        set_config('courses', 'GATED', 'local_anxue');
        regulated::forget();
        $this->quiz = $this->make_quiz();
        gate_setting::save((int) $this->quiz->id, true);
        $this->learner = $generator->create_and_enrol($this->course, 'student');
        $this->teacher = $generator->create_and_enrol($this->course, 'editingteacher');
        $this->setUser($this->learner);
    }

    /**
     * Make a quiz with one question.
     *
     * @return stdClass
     */
    protected function make_quiz(): stdClass {
        global $CFG;
        require_once($CFG->dirroot . '/mod/quiz/locallib.php');
        $quiz = $this->getDataGenerator()->create_module('quiz', [
            'course' => $this->course->id,
            'questionsperpage' => 0,
            'sumgrades' => 1,
            'grade' => 100,
        ]);
        $questions = $this->getDataGenerator()->get_plugin_generator('core_question');
        $category = $questions->create_question_category();
        $question = $questions->create_question('truefalse', null, ['category' => $category->id]);
        quiz_add_quiz_question($question->id, $quiz);
        return $quiz;
    }

    /**
     * Give the learner a grant.
     *
     * @param string $grantid its id.
     * @param int|null $attemptlimit how many attempts it may start.
     * @param int $seconds how long it lasts.
     */
    protected function grant(string $grantid = 'g-1', ?int $attemptlimit = null, int $seconds = 600): void {
        $until = \core\di::get(\core\clock::class)->time() + $seconds;
        grants::grant($grantid, (int) $this->learner->id, (int) $this->quiz->cmid, $attemptlimit, $until);
    }

    /**
     * Ask the rules as a script of Moodle does at the beginning of a request.
     *
     * @return access_manager
     */
    protected function rules(): access_manager {
        return $this->quizobj()->get_access_manager(time());
    }

    /**
     * Read the quiz as a script of Moodle does.
     *
     * @return quiz_settings
     */
    protected function quizobj(): quiz_settings {
        global $USER;
        return quiz_settings::create((int) $this->quiz->id, (int) $USER->id);
    }

    /**
     * Start an attempt as startattempt.php does once the rules were asked.
     *
     * @return stdClass
     */
    protected function start(): stdClass {
        return quiz_prepare_and_start_new_attempt($this->quizobj(), 1, false);
    }

    /**
     * Tell the reason that a page gives.
     *
     * @param array $messages what prevent_access() or prevent_new_attempt() answered.
     * @return string the reason, or '' for none.
     */
    protected static function reason(array $messages): string {
        return preg_match('/data-anxue-refused="(\w+)"/', implode(' ', $messages), $found) ? $found[1] : '';
    }
}
