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
 * Tests of the outbox: bounded, once, and purged.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class outbox_test extends \advanced_testcase {
    /**
     * Puts messages into the outbox.
     *
     * @param int $number
     * @param string $type
     * @return int how many were kept
     */
    private function fill(int $number, string $type = message::ACTIVITY): int {
        $kept = 0;
        for ($i = 0; $i < $number; $i++) {
            $kept += outbox::add($type, ['n' => $i], 5, 7) ? 1 : 0;
        }
        return $kept;
    }

    /**
     * Lets the count of rows be forgotten, as it is after a minute.
     */
    private function a_minute_later(): void {
        \cache::make('local_anxue', 'outbox')->purge();
    }

    /**
     * A message is kept as it will be sent, with whom it is about beside it.
     *
     * @covers \local_anxue\outbox::add
     */
    public function test_message_is_kept_as_it_will_be_sent(): void {
        global $DB;
        $this->resetAfterTest();
        outbox::add(message::SIGNAL, ['kind' => 'login_as'], 5, 7, 9, 1795852800);
        $row = $DB->get_record('local_anxue_outbox', []);
        $this->assertSame(
            '{"v":1,"id":"' . $row->uuid . '","type":"lms.signal","occurred_at":"2026-11-28T08:00:00Z",'
                . '"data":{"kind":"login_as"}}',
            $row->payload
        );
        $this->assertEquals([5, 7, 9, 'waiting'], [$row->courseid, $row->userid, $row->actorid, $row->status]);
    }

    /**
     * What has an id of its own is kept once.
     *
     * @covers \local_anxue\outbox::add
     */
    public function test_same_thing_is_kept_once(): void {
        $this->resetAfterTest();
        $id = message::id_of('attempt.graded', '1');
        $this->assertTrue(outbox::add(message::GRADED, [], 5, 7, 0, null, $id));
        $this->assertFalse(outbox::add(message::GRADED, [], 5, 7, 0, null, $id));
        $this->assertSame(1, outbox::state()['waiting']);
    }

    /**
     * Activity stops at the limit, scores and signals at twice the limit, and the loss is noted.
     *
     * @covers \local_anxue\outbox::has_room
     */
    public function test_outbox_is_bounded(): void {
        $this->resetAfterTest();
        set_config('mostrows', 1000, 'local_anxue');
        $this->fill(1000);
        $this->a_minute_later();
        $this->assertSame(0, $this->fill(1));
        $this->assertGreaterThan(0, outbox::state()['lost']);
        $this->assertSame(1000, $this->fill(1000, message::SIGNAL));
        $this->a_minute_later();
        $this->assertSame(0, $this->fill(1, message::GRADED));
        $this->assertSame(2000, outbox::state()['waiting']);
    }

    /**
     * What was delivered takes no room from what waits, and does not grow without end itself.
     *
     * @covers \local_anxue\outbox::trim
     */
    public function test_delivered_messages_take_no_room(): void {
        global $DB;
        $this->resetAfterTest();
        set_config('mostrows', 1000, 'local_anxue');
        $this->fill(1002);
        $DB->set_field('local_anxue_outbox', 'status', 'sent');
        $this->a_minute_later();
        $this->assertSame(1, $this->fill(1));
        outbox::trim();
        $state = outbox::state();
        $this->assertSame([1, 1000], [$state['waiting'], $state['sent']]);
        $this->assertEquals('{"n":2}', json_encode(json_decode($DB->get_field_sql(
            'SELECT payload FROM {local_anxue_outbox} WHERE id = (SELECT MIN(id) FROM {local_anxue_outbox})'
        ))->data));
    }

    /**
     * A batch stays below the size that the bridge takes, and a message is never left out of all batches.
     *
     * @covers \local_anxue\outbox::due
     */
    public function test_batches_are_bounded_in_number_and_size(): void {
        global $DB;
        $this->resetAfterTest();
        $this->fill(3);
        $this->assertCount(2, outbox::due(2));
        $DB->set_field('local_anxue_outbox', 'payload', str_repeat('x', 300 * 1024));
        $this->assertCount(1, outbox::due(3));
    }

    /**
     * A failed message waits longer each time, at most about half an hour, and keeps the reason.
     *
     * @covers \local_anxue\outbox::mark_failed
     */
    public function test_failed_messages_wait_longer_each_time(): void {
        global $DB;
        $this->resetAfterTest();
        $this->fill(1);
        $waits = [];
        for ($i = 0; $i < 12; $i++) {
            $row = $DB->get_record('local_anxue_outbox', []);
            outbox::mark_failed([$row], 'http_503', 'HTTP 503');
            $row = $DB->get_record('local_anxue_outbox', []);
            $waits[] = $row->nexttry - $row->timemodified;
        }
        $this->assertEqualsWithDelta(30, $waits[0], 4);
        $this->assertEqualsWithDelta(60, $waits[1], 7);
        $this->assertEqualsWithDelta(1800, $waits[11], 181);
        $this->assertSame(['http_503', 'HTTP 503', '12'], [$row->reason, $row->message, $row->tries]);
        $this->assertSame([], outbox::due(10));
        outbox::wake();
        $this->assertCount(1, outbox::due(10));
    }

    /**
     * What was delivered or refused goes after its days; what waits stays.
     *
     * @covers \local_anxue\task\tidy
     * @covers \local_anxue\outbox::purge
     */
    public function test_purge_spares_what_waits(): void {
        global $DB;
        $this->resetAfterTest();
        $this->fill(3);
        [$sent, $refused] = array_values($DB->get_records('local_anxue_outbox', null, 'id'));
        outbox::mark_sent($sent, 'accepted');
        outbox::mark_refused($refused, 'unit_unknown', 'No.');
        $task = new task\tidy();
        $task->execute();
        $this->assertSame(3, $DB->count_records('local_anxue_outbox'));
        $DB->set_field('local_anxue_outbox', 'timemodified', time() - 15 * DAYSECS);
        $task->execute();
        $this->assertSame(['waiting'], $DB->get_fieldset_select('local_anxue_outbox', 'status', ''));
    }
}
