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

/**
 * Tests of the signals: grades overridden, pass marks lowered, content changed.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class signal_test extends \advanced_testcase {
    /** @var \stdClass the made-up course and people */
    private \stdClass $made;

    /** @var \stdClass a quiz in the regulated course */
    private \stdClass $quiz;

    /** @var \local_anxue_generator the plugin's generator */
    private \local_anxue_generator $generator;

    #[\Override]
    protected function setUp(): void {
        global $CFG, $DB;
        parent::setUp();
        require_once($CFG->dirroot . '/mod/quiz/locallib.php');
        require_once($CFG->libdir . '/gradelib.php');
        $this->resetAfterTest();
        $this->preventResetByRollback();
        $this->generator = $this->getDataGenerator()->get_plugin_generator('local_anxue');
        $this->made = $this->generator->regulated_course();
        $this->setAdminUser();
        $this->quiz = $this->generator->quiz((int) $this->made->course->id);
        watch::look_at_all();
        $DB->delete_records('local_anxue_outbox');
    }

    /**
     * Returns the data of the signals.
     *
     * @return array[]
     */
    private function signals(): array {
        return array_column($this->generator->messages(message::SIGNAL), 'data');
    }

    /**
     * Returns the grade item of the quiz.
     *
     * @return \grade_item
     */
    private function item(): \grade_item {
        return \grade_item::fetch(['itemtype' => 'mod', 'itemmodule' => 'quiz', 'iteminstance' => $this->quiz->id]);
    }

    /**
     * A grade that a teacher overrides is a signal with both grades; a grade that the quiz gives is none.
     *
     * @covers \local_anxue\observer::user_graded
     */
    public function test_overridden_grade_is_a_signal(): void {
        $learner = (int) $this->made->learner->id;
        $this->setUser($this->made->learner);
        $this->generator->attempt($this->quiz, $learner);
        $this->assertSame([], $this->signals());
        $this->setUser($this->made->teacher);
        $this->item()->update_final_grade($learner, 92.5, 'gradebook');
        $this->assertSame([[
            'kind' => 'grade_overridden',
            'sub' => (string) $learner,
            'actor_sub' => (string) $this->made->teacher->id,
            'context_id' => (string) $this->made->course->id,
            'resource_link_id' => 'cm-' . $this->quiz->cmid,
            'before' => '50',
            'after' => '92.5',
        ]], $this->signals());
    }

    /**
     * A mark that a teacher gives where the machine had given one is a signal; an essay's mark is none.
     *
     * @covers \local_anxue\observer::question_graded
     * @covers \local_anxue\observer::attempt_regraded
     */
    public function test_mark_given_over_the_machines_is_a_signal(): void {
        global $DB;
        $attemptid = $this->generator->attempt($this->quiz, (int) $this->made->learner->id);
        $this->setUser($this->made->teacher);
        $trigger = fn() => \mod_quiz\event\question_manually_graded::create([
            'objectid' => 1,
            'courseid' => $this->made->course->id,
            'context' => \context_module::instance($this->quiz->cmid),
            'other' => ['quizid' => $this->quiz->id, 'attemptid' => $attemptid, 'slot' => 2],
        ])->trigger();
        $trigger();
        $this->assertSame(['grade_overridden', '1'], [$this->signals()[0]['kind'], $this->signals()[0]['after']]);
        $DB->set_field('question_attempts', 'behaviour', 'manualgraded', ['slot' => 2]);
        $trigger();
        $this->assertCount(1, $this->signals());
        \mod_quiz\event\attempt_regraded::create([
            'objectid' => $attemptid,
            'relateduserid' => $this->made->learner->id,
            'context' => \context_module::instance($this->quiz->cmid),
            'other' => ['quizid' => $this->quiz->id],
        ])->trigger();
        $this->assertCount(2, $this->signals());
    }

    /**
     * A pass mark lowered in the gradebook, which tells no event, is found by the task, and with it who did it.
     *
     * @covers \local_anxue\watch
     * @covers \local_anxue\task\watch_courses
     */
    public function test_lowered_pass_mark_is_a_signal(): void {
        $this->setUser($this->made->teacher);
        $marks = [80 => 0, 60 => 1, 70 => 1, 0 => 2];
        foreach ($marks as $mark => $signals) {
            $item = $this->item();
            $item->gradepass = $mark;
            $item->update();
            (new task\watch_courses())->execute();
            $this->assertCount($signals, $this->signals(), "at $mark");
        }
        $first = $this->signals()[0];
        $this->assertSame(
            ['pass_mark_lowered', (string) $this->made->teacher->id, 'cm-' . $this->quiz->cmid, '80', '60'],
            [$first['kind'], $first['actor_sub'], $first['resource_link_id'], $first['before'], $first['after']]
        );
        $this->assertSame(['70', null], [$this->signals()[1]['before'], $this->signals()[1]['after']]);
    }

    /**
     * A page that says something else, or a file that was swapped, is a signal; looking again is none.
     *
     * @covers \local_anxue\watch
     * @covers \local_anxue\observer::module_changed
     */
    public function test_changed_content_is_a_signal(): void {
        global $DB;
        $cmid = (int) $this->made->page->cmid;
        watch::look($cmid);
        $this->assertSame([], $this->signals());
        $DB->set_field('page', 'content', 'B', ['id' => $this->made->page->id]);
        $this->setUser($this->made->teacher);
        \core\event\course_module_updated::create_from_cm(get_coursemodule_from_id('page', $cmid))->trigger();
        $this->assertSame(
            [['course_file_changed', 'cm-' . $cmid, (string) $this->made->teacher->id]],
            array_map(fn(array $data): array => [$data['kind'], $data['resource_link_id'], $data['actor_sub']], $this->signals())
        );
        $file = ['contextid' => \context_module::instance($cmid)->id, 'component' => 'mod_page', 'filearea' => 'content'];
        get_file_storage()->create_file_from_string($file + ['itemid' => 0, 'filepath' => '/', 'filename' => 'a.pdf'], 'X');
        watch::look($cmid);
        watch::look($cmid);
        $this->assertCount(2, $this->signals());
    }

    /**
     * Contact data that comes into a learner's profile is a signal without the data.
     *
     * @covers \local_anxue\observer::profile_changed
     */
    public function test_contact_data_is_a_signal(): void {
        global $DB;
        $this->setAdminUser();
        $DB->set_field('enrol', 'customint1', 0); // No word of welcome to people without an address.
        $learner = (int) $this->made->learner->id;
        \core\event\user_updated::create_from_userid((int) $this->made->teacher->id)->trigger();
        $this->assertSame([], $this->signals());
        \core\event\user_updated::create_from_userid($learner)->trigger();
        $this->assertSame(
            ['contact_data_found', (string) $learner],
            [$this->signals()[0]['kind'], $this->signals()[0]['sub']]
        );
        $clean = $this->getDataGenerator()->create_user(['email' => 'x@anxue.invalid']);
        $this->getDataGenerator()->enrol_user($clean->id, $this->made->course->id, 'student');
        $this->assertCount(1, $this->signals());
        $DB->set_field('user', 'phone1', '13800000003', ['id' => $clean->id]);
        role_unassign_all(['userid' => $clean->id]);
        $this->getDataGenerator()->enrol_user($clean->id, $this->made->course->id, 'student');
        $this->assertCount(2, $this->signals());
        $this->assertStringNotContainsString('1380', json_encode($this->signals()));
    }
}
