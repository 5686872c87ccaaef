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

use local_anxue\external\set_learner_state;

/**
 * Tests of what the bridge says of learners.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class learner_state_test extends \advanced_testcase {
    /** @var \stdClass the made-up course and people */
    private \stdClass $made;

    /** @var int the learner */
    private int $learner;

    /** @var int the course */
    private int $course;

    #[\Override]
    protected function setUp(): void {
        parent::setUp();
        $this->resetAfterTest();
        $this->made = $this->getDataGenerator()->get_plugin_generator('local_anxue')->regulated_course();
        [$this->learner, $this->course] = [(int) $this->made->learner->id, (int) $this->made->course->id];
        $this->setAdminUser();
    }

    /**
     * What was said last counts, exactly, in its course alone; what was not said is not known.
     *
     * @covers \local_anxue\learner_state
     * @covers \local_anxue\external\set_learner_state
     */
    public function test_what_was_said_last_counts(): void {
        $this->assertNull(learner_state::get($this->learner, $this->course));
        set_learner_state::execute((string) $this->learner, (string) $this->course, false, '0');
        $answer = set_learner_state::execute((string) $this->learner, (string) $this->course, true, '7.3333');
        $this->assertSame(['status' => 'kept'], set_learner_state::clean_returnvalue(
            set_learner_state::execute_returns(),
            $answer
        ));
        $state = learner_state::get($this->learner, $this->course);
        $this->assertEquals([1, '7.3333'], [$state->realname, $state->classhours]);
        $this->assertIsString($state->classhours);
        $this->assertNull(learner_state::get($this->learner, (int) $this->made->other->id));
        $known = learner_state::for_course($this->course, [$this->learner, (int) $this->made->teacher->id]);
        $this->assertSame([$this->learner], array_keys($known));
        $this->assertSame([], learner_state::for_course($this->course, []));
    }

    /**
     * Only of learners of regulated courses, only in digits, only with the right.
     *
     * @covers \local_anxue\external\set_learner_state
     */
    public function test_service_refuses_the_rest(): void {
        $sub = (string) $this->learner;
        $refused = [
            'notlearner' => [(string) $this->made->teacher->id, (string) $this->course, true, '1'],
            'notregulated' => [$sub, (string) $this->made->other->id, true, '1'],
            'invalidparameter' => [$sub, (string) $this->course, true, '1e3'],
        ];
        foreach ($refused as $code => $arguments) {
            try {
                set_learner_state::execute(...$arguments);
                $this->fail($code);
            } catch (\moodle_exception $exception) {
                $this->assertSame($code, $exception->errorcode);
            }
        }
        $this->setUser($this->made->teacher);
        $this->expectException(\required_capability_exception::class);
        set_learner_state::execute($sub, (string) $this->course, true, '32');
    }

    /**
     * Who left the course is forgotten at night.
     *
     * @covers \local_anxue\learner_state::purge
     */
    public function test_who_left_is_forgotten(): void {
        global $DB;
        learner_state::set($this->learner, $this->course, true, '1');
        (new task\tidy())->execute();
        $this->assertNotNull(learner_state::get($this->learner, $this->course));
        $DB->delete_records('user_enrolments', ['userid' => $this->learner]);
        (new task\tidy())->execute();
        $this->assertNull(learner_state::get($this->learner, $this->course));
    }
}
