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
 * Tests of the signature and of the form of batches.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class signature_test extends \basic_testcase {
    /**
     * Cases: one that was computed by openssl, and the project's recorded ones where the environment names their file.
     *
     * @return array[]
     */
    public static function vectors(): array {
        $recorded = [[
            'name' => 'computed by openssl',
            'secret' => 'vector-secret-one-of-forty-characters-0001',
            'timestamp' => '1795852800',
            'body' => '{"v":1,"batch":"b","sent_at":"2026-11-28T08:00:00Z","messages":[{"v":1,"id":"m","type":"lms.ping",'
                . '"occurred_at":"2026-11-28T07:59:30Z","data":{"moodle":"长期支持版"}}]}',
            'signature' => 'v1=5bbbb33977e18c1a38d570f9e5ed8d2ddc0ddd456545fe871284cc1d42b686a9',
            'expect' => ['status' => 200],
        ]];
        $file = getenv('ANXUE_VECTORS');
        if ($file) {
            $recorded = array_merge($recorded, json_decode(file_get_contents($file), true, 32, JSON_THROW_ON_ERROR));
        }
        return array_combine(array_column($recorded, 'name'), array_map(fn(array $vector): array => [$vector], $recorded));
    }

    /**
     * Cases whose body is a batch of ours; the others are bad on purpose.
     *
     * @return array[]
     */
    public static function batches(): array {
        return array_filter(self::vectors(), fn(array $case): bool => $case[0]['expect']['status'] !== 400);
    }

    /**
     * What the bridge takes is signed as we sign it; what it refuses for its signature is not.
     *
     * @dataProvider vectors
     * @param array $vector
     * @covers \local_anxue\signature
     */
    public function test_signature_is_the_recorded_one(array $vector): void {
        $ours = signature::of($vector['secret'], $vector['timestamp'], $vector['body']);
        $refused = ($vector['expect']['reason'] ?? '') === 'webhook_signature' && !str_contains($vector['name'], 'not know');
        $this->assertSame(!$refused, hash_equals($vector['signature'], $ours));
    }

    /**
     * A batch of ours is byte for byte what the recorded one is, down to escapes and order.
     *
     * @dataProvider batches
     * @param array $vector
     * @covers \local_anxue\message
     */
    public function test_batch_has_the_recorded_form(array $vector): void {
        $batch = json_decode($vector['body'], true, 16, JSON_THROW_ON_ERROR);
        $messages = array_map(fn(array $message): string => message::json(
            $message['id'],
            $message['type'],
            strtotime($message['occurred_at']),
            $message['data']
        ), $batch['messages']);
        $this->assertSame($vector['body'], message::batch($batch['batch'], strtotime($batch['sent_at']), $messages));
    }

    /**
     * Numbers of the database become the shortest decimals, and never floats.
     *
     * @covers \local_anxue\message::decimal
     */
    public function test_decimals_are_short_and_exact(): void {
        $given = ['12.50000', '100.00000', '0.00000', '7', 80.5, null, ''];
        $this->assertSame(['12.5', '100', '0', '7', '80.5', null, null], array_map(message::decimal(...), $given));
    }

    /**
     * The same thing has the same id, another thing another, and it is a UUID.
     *
     * @covers \local_anxue\message::id_of
     */
    public function test_ids_of_things_are_stable(): void {
        $id = message::id_of('attempt.graded', '7');
        $this->assertSame($id, message::id_of('attempt.graded', '7'));
        $this->assertNotSame($id, message::id_of('attempt.graded', '8'));
        $this->assertMatchesRegularExpression('/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/', $id);
    }

    /**
     * No text is longer than the bridge takes, and none has control characters.
     *
     * @covers \local_anxue\message::json
     */
    public function test_texts_are_cut_and_clean(): void {
        $message = json_decode(message::json('i', 't', 0, ['a' => str_repeat('学', 300), 'b' => ['c' => "x\0\ny"]]), true);
        $this->assertSame(255, \core_text::strlen($message['data']['a']));
        $this->assertSame('x y', $message['data']['b']['c']);
    }
}
