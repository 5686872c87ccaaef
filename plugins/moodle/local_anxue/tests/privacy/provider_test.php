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

namespace local_anxue\privacy;

use core_privacy\local\metadata\collection;
use core_privacy\local\request\approved_contextlist;
use core_privacy\local\request\approved_userlist;
use core_privacy\local\request\userlist;
use core_privacy\local\request\writer;
use core_privacy\tests\provider_testcase;
use local_anxue\contact\placeholders;
use local_anxue\grants;
use local_anxue\learner_state;
use local_anxue\message;
use local_anxue\outbox;

/**
 * Tests of what the privacy tools show and delete.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class provider_test extends provider_testcase {
    /** @var \stdClass the made-up course and people */
    private \stdClass $made;

    /** @var int the learner */
    private int $learner;

    /** @var int the teacher */
    private int $teacher;

    /** @var \context[] course, module and user in which something is kept of the learner */
    private array $contexts;

    #[\Override]
    protected function setUp(): void {
        global $CFG;
        parent::setUp();
        require_once($CFG->dirroot . '/mod/quiz/locallib.php');
        $this->resetAfterTest();
        $generator = $this->getDataGenerator()->get_plugin_generator('local_anxue');
        $this->made = $generator->regulated_course();
        [$this->learner, $this->teacher] = [(int) $this->made->learner->id, (int) $this->made->teacher->id];
        $this->setUser($this->made->teacher);
        $data = ['sub' => (string) $this->learner, 'actor_sub' => (string) $this->teacher];
        outbox::add(message::ACTIVITY, $data, (int) $this->made->course->id, $this->learner, $this->teacher);
        outbox::add(message::ACTIVITY, ['sub' => '1'], (int) $this->made->course->id, 1);
        $cmid = (int) $this->made->page->cmid;
        grants::grant('g1', $this->learner, $cmid, null, time() + 60);
        learner_state::set($this->learner, (int) $this->made->course->id, true, '7.5');
        placeholders::put([$this->learner]);
        $this->contexts = [
            \context_course::instance($this->made->course->id),
            \context_module::instance($cmid),
            \context_user::instance($this->learner),
        ];
    }

    /**
     * Tables and the bridge are declared.
     *
     * @covers \local_anxue\privacy\provider
     */
    public function test_metadata_names_tables_and_the_bridge(): void {
        $items = provider::get_metadata(new collection('local_anxue'))->get_collection();
        $names = array_map(fn($item): string => $item->get_name(), $items);
        $this->assertSame(['local_anxue_outbox', 'local_anxue_grant', 'local_anxue_undo', 'local_anxue_learner_state', 'bridge'], $names);
    }

    /**
     * The learner and the one who acted are found where something is kept of them.
     *
     * @covers \local_anxue\privacy\provider
     */
    public function test_people_are_found(): void {
        $ids = array_map(fn(\context $context): int => (int) $context->id, $this->contexts);
        $found = provider::get_contexts_for_userid($this->learner)->get_contextids();
        $this->assertEqualsCanonicalizing($ids, array_map('intval', $found));
        $found = provider::get_contexts_for_userid($this->teacher)->get_contextids();
        $this->assertEqualsCanonicalizing([$ids[0], $ids[2]], array_map('intval', $found));
        $people = [];
        foreach ($this->contexts as $context) {
            $list = new userlist($context, 'local_anxue');
            provider::get_users_in_context($list);
            $people[] = $list->get_userids();
        }
        $this->assertEqualsCanonicalizing([1, $this->learner, $this->teacher], $people[0]);
        $this->assertEquals([$this->learner], $people[1]);
        $this->assertEqualsCanonicalizing([$this->learner, $this->teacher], $people[2]);
    }

    /**
     * A person reads all that is kept, the replaced contact data included, and nobody else's.
     *
     * @covers \local_anxue\privacy\provider
     */
    public function test_export_shows_all_that_is_kept(): void {
        $ids = array_map(fn(\context $context): int => (int) $context->id, $this->contexts);
        provider::export_user_data(new approved_contextlist($this->made->learner, 'local_anxue', $ids));
        $shown = array_map(
            fn(\context $context) => writer::with_context($context)->get_data([get_string('pluginname', 'local_anxue')]),
            $this->contexts
        );
        $this->assertCount(1, $shown[0]->outbox);
        $this->assertSame('7.5000', $shown[0]->learner_state[0]['classhours']);
        $this->assertSame('g1', $shown[1]->grant[0]['grantid']);
        $this->assertContains('19900003001', array_column($shown[2]->undo, 'oldvalue'));
    }

    /**
     * Deleting a learner leaves the others'; deleting one who acted leaves the learner's message without that person.
     *
     * @covers \local_anxue\privacy\provider
     */
    public function test_deleting_people(): void {
        global $DB;
        $ids = array_map(fn(\context $context): int => (int) $context->id, $this->contexts);
        provider::delete_data_for_user(new approved_contextlist($this->made->teacher, 'local_anxue', $ids));
        $row = $DB->get_record('local_anxue_outbox', ['userid' => $this->learner]);
        $this->assertEquals(0, $row->actorid);
        $data = json_decode($row->payload, true)['data'];
        $this->assertSame(['sub' => (string) $this->learner, 'actor_sub' => null], $data);
        $this->assertSame(1, $DB->count_records('local_anxue_grant'));
        foreach ($this->contexts as $context) {
            provider::delete_data_for_users(new approved_userlist($context, 'local_anxue', [$this->learner]));
        }
        $this->assertEquals([1], $DB->get_fieldset_select('local_anxue_outbox', 'userid', ''));
        foreach (['grant', 'undo', 'learner_state'] as $table) {
            $this->assertSame(0, $DB->count_records("local_anxue_$table"), $table);
        }
        provider::delete_data_for_all_users_in_context($this->contexts[0]);
        $this->assertSame(0, $DB->count_records('local_anxue_outbox'));
    }
}
