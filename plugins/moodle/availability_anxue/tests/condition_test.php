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

namespace availability_anxue;

use advanced_testcase;
use coding_exception;
use core_availability\capability_checker;
use core_availability\info_module;
use core_availability\tree;
use local_anxue\learner_state;
use stdClass;

/**
 * The condition.
 *
 * @package    availability_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \availability_anxue\condition
 * @covers     \availability_anxue\learner
 * @covers     \availability_anxue\frontend
 */
final class condition_test extends advanced_testcase {
    /** @var stdClass the course. */
    private stdClass $course;

    /** @var stdClass[] students by what the bridge has said of them: unknown, unproved, proved. */
    private array $learners;

    /** @var info_module an activity of the course. */
    private info_module $info;

    /**
     * A course with an activity and three learners.
     */
    protected function setUp(): void {
        parent::setUp();
        $this->resetAfterTest();
        $generator = $this->getDataGenerator();
        $this->course = $generator->create_course();
        $page = $generator->create_module('page', ['course' => $this->course->id]);
        foreach (['unknown', 'unproved', 'proved'] as $name) {
            $this->learners[$name] = $generator->create_and_enrol($this->course, 'student');
        }
        $this->say('unproved', 0, '7.4999');
        $this->say('proved', 1, '7.5000');
        $this->info = new info_module(get_fast_modinfo($this->course)->get_cm($page->cmid));
    }

    public function test_the_real_name_opens(): void {
        $this->assertSame(['proved'], $this->open_for(condition::get_json(condition::REAL_NAME)));
    }

    public function test_enough_class_hours_open(): void {
        $this->assertSame(['proved'], $this->open_for(condition::get_json(condition::CLASS_HOURS, '7.5')));
        $this->assertSame(['unproved', 'proved'], $this->open_for(condition::get_json(condition::CLASS_HOURS, '7.4999')));
        $this->assertSame([], $this->open_for(condition::get_json(condition::CLASS_HOURS, '7.5001')));
    }

    public function test_the_unknown_is_closed_inside_a_not_as_well(): void {
        $this->assertSame(['unproved'], $this->open_for(condition::get_json(condition::REAL_NAME), true));
        $this->assertSame(['unproved'], $this->open_for(condition::get_json(condition::CLASS_HOURS, '7.5'), true));
    }

    public function test_what_is_said_of_another_course_opens_nothing(): void {
        global $DB;
        $other = $this->getDataGenerator()->create_course();
        $DB->set_field(learner_state::TABLE, 'courseid', $other->id, []);
        $this->assertSame([], $this->open_for(condition::get_json(condition::REAL_NAME)));
        $this->assertSame([], $this->listed(condition::get_json(condition::REAL_NAME), false));
    }

    public function test_a_failure_closes(): void {
        global $DB;
        $condition = new condition(condition::get_json(condition::REAL_NAME));
        $DB->get_manager()->rename_table(new \xmldb_table(learner_state::TABLE), 'local_anxue_away');
        try {
            $this->assertFalse($condition->is_available(false, $this->info, false, (int) $this->learners['proved']->id));
            $this->assertFalse($condition->is_available(true, $this->info, false, (int) $this->learners['proved']->id));
        } finally {
            $DB->get_manager()->rename_table(new \xmldb_table('local_anxue_away'), learner_state::TABLE);
        }
        $this->assertDebuggingCalled();
    }

    /**
     * What no editor could have saved.
     *
     * @dataProvider broken
     * @param array $structure the broken condition.
     */
    public function test_a_broken_condition_is_refused(array $structure): void {
        $this->expectException(coding_exception::class);
        new condition((object) $structure);
    }

    /**
     * Broken conditions.
     *
     * @return array[]
     */
    public static function broken(): array {
        return [
            [[]],
            [['need' => 'face']],
            [['need' => 'hours']],
            [['need' => 'hours', 'hours' => 8]],
            [['need' => 'hours', 'hours' => '0']],
            [['need' => 'hours', 'hours' => 'many']],
        ];
    }

    public function test_what_was_saved_is_read_again(): void {
        foreach ([condition::get_json(condition::REAL_NAME), condition::get_json(condition::CLASS_HOURS, '7.5')] as $json) {
            $this->assertEquals($json, (new condition($json))->save());
        }
        $tree = new tree((object) ['op' => '|', 'show' => true, 'c' => [condition::get_json(condition::CLASS_HOURS, '8')]]);
        $this->assertStringContainsString('anxue:hours>=8', (string) $tree);
        $tree = new tree((object) ['op' => '|', 'show' => true, 'c' => [condition::get_json(condition::REAL_NAME)]]);
        $this->assertStringContainsString('anxue:realname', (string) $tree);
    }

    public function test_the_learner_reads_what_is_missing(): void {
        $name = new condition(condition::get_json(condition::REAL_NAME));
        $hours = new condition(condition::get_json(condition::CLASS_HOURS, '7.50'));
        $this->assertSame('Your real name is proved at Anxue Bridge', $name->get_description(true, false, $this->info));
        $this->assertStringContainsString('not', $name->get_description(true, true, $this->info));
        $this->assertStringContainsString('at least 7.5 class', $hours->get_description(true, false, $this->info));
        $this->assertStringContainsString('fewer than 7.5 class', $hours->get_description(true, true, $this->info));
    }

    public function test_lists_leave_out_whom_it_is_closed_for(): void {
        $this->assertTrue((new condition(condition::get_json(condition::REAL_NAME)))->is_applied_to_user_lists());
        foreach ([condition::get_json(condition::REAL_NAME), condition::get_json(condition::CLASS_HOURS, '7.5')] as $json) {
            $this->assertSame(['proved'], $this->listed($json, false));
            $this->assertSame(['unproved'], $this->listed($json, true));
        }
        $condition = new condition(condition::get_json(condition::REAL_NAME));
        $this->assertSame([], $condition->filter_user_list([], false, $this->info, $this->checker()));
    }

    public function test_the_form_has_its_strings_and_is_offered(): void {
        $frontend = new class extends frontend {
            /**
             * What core asks of the form.
             *
             * @param stdClass $course the course.
             * @return array
             */
            public function asked(stdClass $course): array {
                return [$this->get_javascript_strings(), $this->allow_add($course)];
            }
        };
        [$strings, $offered] = $frontend->asked($this->course);
        foreach ($strings as $key) {
            $this->assertTrue(get_string_manager()->string_exists($key, 'availability_anxue'), $key);
        }
        $this->assertTrue($offered);
    }

    /**
     * Keep what the bridge said of a learner.
     *
     * @param string $name which learner.
     * @param int $realname whether the real name is proved.
     * @param string $hours class hours credited.
     */
    private function say(string $name, int $realname, string $hours): void {
        global $DB;
        $DB->insert_record(learner_state::TABLE, (object) [
            'userid' => $this->learners[$name]->id,
            'courseid' => $this->course->id,
            'realname' => $realname,
            'classhours' => $hours,
            'timemodified' => time(),
        ]);
    }

    /**
     * For whom a condition opens, asked one by one.
     *
     * @param stdClass $json the condition.
     * @param bool $not inside a NOT.
     * @return string[]
     */
    private function open_for(stdClass $json, bool $not = false): array {
        $condition = new condition($json);
        $open = array_filter(
            $this->learners,
            fn($learner) => $condition->is_available($not, $this->info, false, (int) $learner->id),
        );
        return array_keys($open);
    }

    /**
     * Who stays in a list, by filter and by SQL, which must agree.
     *
     * @param stdClass $json the condition.
     * @param bool $not inside a NOT.
     * @return string[]
     */
    private function listed(stdClass $json, bool $not): array {
        global $DB;
        $condition = new condition($json);
        $all = array_column($this->learners, null, 'id');
        $filtered = array_keys($condition->filter_user_list($all, $not, $this->info, $this->checker()));
        [$sql, $params] = $condition->get_user_list_sql($not, $this->info, true);
        $this->assertEqualsCanonicalizing($filtered, $DB->get_fieldset_sql($sql, $params));
        return array_keys(array_filter($this->learners, fn($learner) => in_array((int) $learner->id, $filtered)));
    }

    /**
     * What core hands over for capabilities.
     *
     * @return capability_checker
     */
    private function checker(): capability_checker {
        return new capability_checker($this->info->get_context());
    }
}
