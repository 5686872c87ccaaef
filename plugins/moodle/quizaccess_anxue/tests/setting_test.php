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

use backup;
use backup_controller;
use context_module;
use restore_controller;
use quizaccess_anxue;

/**
 * The setting of a quiz: kept, guarded, backed up and restored.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \quizaccess_anxue\gate_setting
 * @covers     \quizaccess_anxue
 */
final class setting_test extends tests\gated_quiz_testcase {
    public function test_the_form_keeps_the_setting(): void {
        $this->setUser($this->teacher);
        $this->save(['anxuerequired' => 0]);
        $this->assertFalse(gate_setting::is_required_by_id((int) $this->quiz->id));
        $this->save(['anxuerequired' => 1]);
        $this->assertTrue(gate_setting::is_required_by_id((int) $this->quiz->id));
        $this->assertTrue(gate_setting::is_required($this->quizobj()->get_quiz()));
    }

    public function test_a_form_without_the_field_changes_nothing(): void {
        $this->setUser($this->teacher);
        $this->save([]);
        $this->assertTrue(gate_setting::is_required_by_id((int) $this->quiz->id));
    }

    public function test_whoever_may_not_switch_the_gate_leaves_it_as_it_is(): void {
        global $DB;
        $context = context_module::instance($this->quiz->cmid);
        $role = $DB->get_field('role', 'id', ['shortname' => 'editingteacher'], MUST_EXIST);
        assign_capability('quizaccess/anxue:manage', CAP_PROHIBIT, $role, $context->id, true);
        $this->setUser($this->teacher);
        $this->save(['anxuerequired' => 0]);
        $this->assertTrue(gate_setting::is_required_by_id((int) $this->quiz->id));
    }

    public function test_a_quiz_that_was_read_without_its_rules_is_gated_all_the_same(): void {
        global $DB;
        $bare = $DB->get_record('quiz', ['id' => $this->quiz->id], '*', MUST_EXIST);
        $this->assertTrue(gate_setting::is_required($bare));
    }

    public function test_a_deleted_quiz_leaves_nothing_behind(): void {
        global $DB;
        consent::give((int) $this->quiz->id, (int) $this->learner->id, 'g-1');
        $this->setAdminUser();
        course_delete_module($this->quiz->cmid);
        $this->assertSame(0, $DB->count_records('quizaccess_anxue'));
        $this->assertSame(0, $DB->count_records('quizaccess_anxue_consent'));
    }

    public function test_a_copied_quiz_keeps_its_gate_and_an_open_one_stays_open(): void {
        global $CFG, $DB;
        require_once($CFG->dirroot . '/course/lib.php');
        $this->setAdminUser();
        consent::give((int) $this->quiz->id, (int) $this->learner->id, 'g-1');
        $copy = duplicate_module($this->course, get_coursemodule_from_id('quiz', $this->quiz->cmid));
        $this->assertTrue(gate_setting::is_required_by_id((int) $copy->instance));
        $this->assertSame(1, $DB->count_records('quizaccess_anxue_consent'));
        gate_setting::save((int) $this->quiz->id, false);
        $open = duplicate_module($this->course, get_coursemodule_from_id('quiz', $this->quiz->cmid));
        $this->assertFalse(gate_setting::is_required_by_id((int) $open->instance));
    }

    public function test_a_restored_course_keeps_its_gate(): void {
        global $CFG, $DB, $USER;
        require_once($CFG->dirroot . '/backup/util/includes/backup_includes.php');
        require_once($CFG->dirroot . '/backup/util/includes/restore_includes.php');
        $this->setAdminUser();
        $out = new backup_controller(
            backup::TYPE_1COURSE,
            $this->course->id,
            backup::FORMAT_MOODLE,
            backup::INTERACTIVE_NO,
            backup::MODE_IMPORT,
            $USER->id,
        );
        $backupid = $out->get_backupid();
        $out->execute_plan();
        $out->destroy();
        $target = $this->getDataGenerator()->create_course();
        $in = new restore_controller(
            $backupid,
            $target->id,
            backup::INTERACTIVE_NO,
            backup::MODE_IMPORT,
            $USER->id,
            backup::TARGET_EXISTING_ADDING,
        );
        $this->assertTrue($in->execute_precheck());
        $in->execute_plan();
        $in->destroy();
        $quiz = $DB->get_record('quiz', ['course' => $target->id], '*', MUST_EXIST);
        $this->assertTrue(gate_setting::is_required_by_id((int) $quiz->id));
    }

    /**
     * Save the quiz's form.
     *
     * @param array $fields what the form sends for the gate.
     */
    private function save(array $fields): void {
        quizaccess_anxue::save_settings((object) ($fields + [
            'id' => $this->quiz->id,
            'coursemodule' => $this->quiz->cmid,
        ]));
    }
}
