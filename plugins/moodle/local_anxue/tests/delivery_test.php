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

defined('MOODLE_INTERNAL') || die();

require_once(__DIR__ . '/fixtures/fake_bridge.php');

/**
 * Tests of the delivery.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class delivery_test extends \advanced_testcase {
    #[\Override]
    protected function setUp(): void {
        parent::setUp();
        $this->resetAfterTest();
        $this->getDataGenerator()->get_plugin_generator('local_anxue')->regulated_course();
    }

    /**
     * Puts messages into the outbox.
     *
     * @param int $number
     */
    private function fill(int $number): void {
        for ($i = 0; $i < $number; $i++) {
            outbox::add(message::ACTIVITY, ['n' => $i], 5, 7);
        }
    }

    /**
     * Returns the status and the reason of every row.
     *
     * @return string[]
     */
    private function rows(): array {
        global $DB;
        $rows = array_values($DB->get_records('local_anxue_outbox', null, 'id'));
        return array_map(fn(\stdClass $row): string => "$row->status $row->reason", $rows);
    }

    /**
     * Everything is sent, in batches, signed with the secret that signs now.
     *
     * @covers \local_anxue\delivery
     */
    public function test_everything_is_sent_with_the_current_secret(): void {
        set_config('batchsize', 2, 'local_anxue');
        set_config('nextsecret', str_repeat('n', 40), 'local_anxue');
        $this->fill(5);
        $bridge = new fake_bridge();
        $this->assertSame(['sent' => 5, 'refused' => 0, 'failed' => null], (new delivery($bridge))->run());
        $this->assertSame([str_repeat('s', 40)], array_unique(array_column($bridge->received, 'secret')));
        $sizes = array_map(fn(array $batch): int => count(json_decode($batch['body'])->messages), $bridge->received);
        $this->assertSame([2, 2, 1], $sizes);
        $this->assertSame(array_fill(0, 5, 'sent accepted'), $this->rows());
    }

    /**
     * Each message has its own end: a refused one keeps its reason, one without an answer is sent again.
     *
     * @covers \local_anxue\delivery
     */
    public function test_each_message_has_its_own_result(): void {
        global $DB;
        $this->fill(4);
        $bridge = new fake_bridge(fn(array $messages): reply => new reply(200, json_encode(['results' => [
            ['id' => $messages[2]['id'], 'status' => 'refused', 'reason' => 'unit_unknown', 'message' => '该测试未登记'],
            ['id' => $messages[0]['id'], 'status' => 'accepted'],
            ['id' => $messages[1]['id'], 'status' => 'duplicate'],
            ['id' => 'somebody else', 'status' => 'accepted'],
        ]])));
        $this->assertSame(['sent' => 2, 'refused' => 1, 'failed' => null], (new delivery($bridge))->run());
        $expected = ['sent accepted', 'sent duplicate', 'refused unit_unknown', 'waiting no_result'];
        $this->assertSame($expected, $this->rows());
        $this->assertSame('该测试未登记', $DB->get_field('local_anxue_outbox', 'message', ['status' => 'refused']));
    }

    /**
     * A bridge that answers for none of the messages ends the run: it would be asked for ever.
     *
     * @covers \local_anxue\delivery
     */
    public function test_an_answer_for_nobody_ends_the_run(): void {
        $this->fill(1);
        $bridge = new fake_bridge(fn(array $messages): reply => new reply(200, '{"results":[]}'));
        $this->assertSame('no_result', (new delivery($bridge))->run()['failed']);
    }

    /**
     * Faults of the moment or of the setup lose nothing: the rows wait with the reason, and the run ends.
     *
     * @covers \local_anxue\delivery
     * @covers \local_anxue\reply
     */
    public function test_faults_of_the_way_lose_nothing(): void {
        $faults = [
            new reply(0, '', 'network', 'Connection timed out'),
            fake_bridge::fault(503, 'busy'),
            fake_bridge::fault(429, 'too_many'),
            fake_bridge::fault(401, 'webhook_signature'),
            fake_bridge::fault(302, ''),
            new reply(200, '<html>A captive portal</html>'),
        ];
        $reasons = [];
        foreach ($faults as $fault) {
            $this->fill(1);
            outbox::wake();
            $reasons[] = (new delivery(new fake_bridge(fn() => $fault)))->run()['failed'];
        }
        $this->assertSame(['network', 'busy', 'too_many', 'webhook_signature', 'http_302', 'http_200'], $reasons);
        $this->assertSame(array_fill(0, 6, 'waiting http_200'), $this->rows());
    }

    /**
     * Once the bridge answers again, all that was put off is sent at once.
     *
     * @covers \local_anxue\delivery
     */
    public function test_recovery_sends_what_was_put_off(): void {
        $this->fill(3);
        (new delivery(new fake_bridge(fn() => fake_bridge::fault(503, 'busy'))))->run();
        $this->assertSame('busy', get_config('local_anxue', 'lastfault'));
        $this->fill(1);
        $this->assertSame(4, (new delivery(new fake_bridge()))->run()['sent']);
        $this->assertFalse(get_config('local_anxue', 'lastfault'));
    }

    /**
     * One message that makes the whole batch bad is found, and the others go.
     *
     * @covers \local_anxue\delivery
     */
    public function test_a_message_that_spoils_its_batch_is_found(): void {
        $this->fill(9);
        $bridge = new fake_bridge(function (array $messages): reply {
            $bad = in_array(6, array_column(array_column($messages, 'data'), 'n'), true);
            return $bad ? fake_bridge::fault(400, 'json_malformed') : fake_bridge::results($messages);
        });
        $this->assertSame(['sent' => 8, 'refused' => 1, 'failed' => null], (new delivery($bridge))->run());
        $this->assertSame('refused json_malformed', $this->rows()[6]);
    }

    /**
     * Without settings nothing leaves and nothing is lost.
     *
     * @covers \local_anxue\delivery
     */
    public function test_nothing_is_sent_without_settings(): void {
        $this->fill(1);
        set_config('secret', '', 'local_anxue');
        $bridge = new fake_bridge();
        $this->assertSame('not_configured', (new delivery($bridge))->run()['failed']);
        $this->assertSame([[], ['waiting ']], [$bridge->received, $this->rows()]);
    }

    /**
     * Two runs at once do not send the same rows twice.
     *
     * @covers \local_anxue\delivery
     */
    public function test_only_one_run_at_a_time(): void {
        global $CFG;
        $CFG->lock_factory = '\core\lock\file_lock_factory'; // The database's own locks let the same session in twice.
        $this->fill(1);
        $inner = null;
        $bridge = new fake_bridge(function (array $messages) use (&$inner): reply {
            $inner = (new delivery(new fake_bridge()))->run();
            return fake_bridge::results($messages);
        });
        $this->assertSame(1, (new delivery($bridge))->run()['sent']);
        $this->assertSame('under_way', $inner['failed']);
    }

    /**
     * The real way does not go where Moodle's HTTP security forbids, and says so.
     *
     * @covers \local_anxue\bridge
     */
    public function test_curl_security_is_obeyed(): void {
        set_config('bridgeurl', 'http://127.0.0.1:9', 'local_anxue');
        set_config('curlsecurityblockedhosts', '127.0.0.0/8');
        $this->fill(1);
        $this->assertSame('curl_blocked', (new delivery())->run()['failed']);
        $this->assertSame(['waiting curl_blocked'], $this->rows());
    }

    /**
     * A refused message can be sent again once its cause was mended.
     *
     * @covers \local_anxue\outbox::send_again
     */
    public function test_refused_messages_can_be_sent_again(): void {
        $this->fill(2);
        $result = ['status' => 'refused', 'reason' => 'unit_unknown'];
        $refuse = fn(array $messages): reply => fake_bridge::results($messages, $result);
        (new delivery(new fake_bridge($refuse)))->run();
        outbox::send_again('account_unknown');
        $this->assertSame(2, outbox::state()['refused']);
        outbox::send_again('unit_unknown');
        $this->assertSame(2, (new delivery(new fake_bridge()))->run()['sent']);
    }
}
