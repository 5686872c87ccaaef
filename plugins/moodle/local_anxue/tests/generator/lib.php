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

/**
 * Made-up courses and people for tests.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class local_anxue_generator extends component_generator_base {
    /**
     * Returns a regulated course with a page, an unregulated one, a learner and a teacher.
     *
     * The settings name the bridge and its registration, so that everything that asks for them goes on.
     *
     * @return stdClass course, page, other, otherpage, learner, teacher
     */
    public function regulated_course(): stdClass {
        $generator = $this->datagenerator;
        $made = new stdClass();
        $category = $generator->create_category();
        $completion = ['completion' => COMPLETION_TRACKING_AUTOMATIC, 'completionview' => 1];
        $made->course = $generator->create_course(['category' => $category->id, 'enablecompletion' => 1]);
        $made->page = $generator->create_module('page', ['course' => $made->course->id, 'content' => 'A'] + $completion);
        $made->other = $generator->create_course();
        $made->otherpage = $generator->create_module('page', ['course' => $made->other->id]);
        $made->learner = $generator->create_user(['email' => 'learner@lms.example', 'phone1' => '19900003001']);
        $made->teacher = $generator->create_user(['email' => 'teacher@lms.example', 'phone1' => '13800000002']);
        foreach ([$made->course, $made->other] as $course) {
            $generator->enrol_user($made->learner->id, $course->id, 'student');
            $generator->enrol_user($made->teacher->id, $course->id, 'editingteacher');
        }
        set_config('enablecompletion', 1);
        foreach (
            [
                'bridgeurl' => 'https://bridge.lms.example/',
                'registration' => 'reg_moodle',
                'secret' => str_repeat('s', 40),
                'clientid' => 'client-1',
                'categories' => $category->id,
            ] as $name => $value
        ) {
            set_config($name, $value, 'local_anxue');
        }
        \local_anxue\regulated::forget();
        return $made;
    }

    /**
     * Returns a quiz of two true/false questions in a course.
     *
     * @param int $courseid
     * @return stdClass
     */
    public function quiz(int $courseid): stdClass {
        $quiz = $this->datagenerator->create_module('quiz', ['course' => $courseid, 'sumgrades' => 2, 'grade' => 100]);
        $questions = $this->datagenerator->get_plugin_generator('core_question');
        $category = $questions->create_question_category(['contextid' => context_course::instance($courseid)->id]);
        foreach (['first', 'second'] as $name) {
            $question = $questions->create_question('truefalse', null, ['category' => $category->id, 'name' => $name]);
            quiz_add_quiz_question($question->id, $quiz, 0, 1);
        }
        \mod_quiz\quiz_settings::create($quiz->id)->get_grade_calculator()->recompute_quiz_sumgrades();
        return $quiz;
    }

    /**
     * Lets a person sit the quiz: the first answer is right, the second is wrong.
     *
     * @param stdClass $quiz
     * @param int $userid
     * @param bool $preview a teacher's look at it
     * @return int id of the finished attempt
     */
    public function attempt(stdClass $quiz, int $userid, bool $preview = false): int {
        $settings = \mod_quiz\quiz_settings::create($quiz->id, $userid);
        $usage = question_engine::make_questions_usage_by_activity('mod_quiz', $settings->get_context());
        $usage->set_preferred_behaviour($settings->get_quiz()->preferredbehaviour);
        $now = time();
        $attempt = quiz_create_attempt($settings, 1, false, $now, $preview, $userid);
        quiz_start_new_attempt($settings, $usage, $attempt, 1, $now);
        quiz_attempt_save_started($settings, $usage, $attempt);
        $sitting = \mod_quiz\quiz_attempt::create($attempt->id);
        $sitting->process_submitted_actions($now, false, [1 => ['answer' => '1'], 2 => ['answer' => '0']]);
        $sitting->process_finish($now, false);
        return (int) $attempt->id;
    }

    /**
     * Returns the messages in the outbox, decoded, oldest first.
     *
     * @param string|null $type only these
     * @return array[]
     */
    public function messages(?string $type = null): array {
        global $DB;
        $conditions = $type === null ? [] : ['msgtype' => $type];
        $payloads = $DB->get_fieldset_sql(
            'SELECT payload FROM {local_anxue_outbox}' . ($type === null ? '' : ' WHERE msgtype = :msgtype') . ' ORDER BY id',
            $conditions
        );
        return array_map(fn(string $json): array => json_decode($json, true, 16, JSON_THROW_ON_ERROR), $payloads);
    }
}
