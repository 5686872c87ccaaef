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
 * Tests of the connection test: each fault is named, in two languages.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class connection_test_test extends \advanced_testcase {
    #[\Override]
    protected function setUp(): void {
        parent::setUp();
        $this->resetAfterTest();
        $this->getDataGenerator()->get_plugin_generator('local_anxue')->regulated_course();
        set_config('curlsecurityblockedhosts', '');
        set_config('bridgeurl', 'https://127.0.0.1', 'local_anxue');
    }

    /**
     * Returns what the checks find.
     *
     * @param \Closure|null $answer as fake_bridge takes it
     * @return string[] check => finding
     */
    private function findings(?\Closure $answer = null): array {
        $results = (new connection_test(new fake_bridge($answer)))->run();
        return array_column($results, 'finding', 'check');
    }

    /**
     * The ping goes in a batch with the current secret, past the outbox.
     *
     * @covers \local_anxue\connection_test
     */
    public function test_ping_is_a_signed_batch(): void {
        $bridge = new fake_bridge();
        (new connection_test($bridge))->run();
        $this->assertCount(1, $bridge->received);
        $this->assertSame(str_repeat('s', 40), $bridge->received[0]['secret']);
        $message = json_decode($bridge->received[0]['body'], true)['messages'][0];
        $this->assertSame('lms.ping', $message['type']);
        $this->assertSame(['moodle', 'plugin', 'clock'], array_keys($message['data']));
        $this->assertSame(0, outbox::state()['waiting']);
    }

    /**
     * Faults of the way, of the clock and of the signature each have their name.
     *
     * @covers \local_anxue\connection_test
     */
    public function test_each_fault_of_the_way_has_its_name(): void {
        $found = $this->findings();
        $this->assertSame(
            ['settings_ok', 'curl_ok', 'reach_ok', 'clock_ok', 'signature_ok'],
            array_slice(array_values($found), 0, 5)
        );
        $this->assertSame('signature_wrong', $this->findings(fn() => fake_bridge::fault(401, 'webhook_signature'))['signature']);
        $this->assertSame('signature_late', $this->findings(fn() => fake_bridge::fault(401, 'webhook_timestamp'))['signature']);
        $this->assertSame('signature_other', $this->findings(fn() => fake_bridge::fault(404, 'not_found'))['signature']);
        $portal = $this->findings(fn() => new reply(200, '<html>portal</html>'));
        $this->assertSame(['signature_other', 'clock_unknown'], [$portal['signature'], $portal['clock']]);
        $silent = $this->findings(fn() => new reply(0, '', 'network', 'Could not resolve host'));
        $this->assertSame('reach_failed', $silent['reach']);
        $this->assertArrayNotHasKey('signature', $silent);
    }

    /**
     * The clocks are compared with the time of travel taken off, on both sides.
     *
     * @covers \local_anxue\connection_test
     */
    public function test_clocks_are_compared(): void {
        $status = function (int $off, float $travel = 0.0): string {
            $answer = fn(array $messages): reply => new reply(
                200,
                json_encode(['results' => [['id' => $messages[0]['id'], 'status' => 'accepted']]]),
                null,
                '',
                1795852800 + $off,
                1795852800.0,
                1795852800.0 + $travel
            );
            $results = (new connection_test(new fake_bridge($answer)))->run();
            return array_column($results, 'status', 'check')['clock'];
        };
        $this->assertSame(['ok', 'ok'], [$status(30), $status(-31)]);
        $this->assertSame(['warning', 'warning'], [$status(31), $status(-32)]);
        $this->assertSame(['failed', 'failed'], [$status(56), $status(-57)]);
        $this->assertSame('ok', $status(55, 30.0));
    }

    /**
     * Settings that are missing or weak, and blocked hosts, stop the test where it makes no sense to go on.
     *
     * @covers \local_anxue\connection_test
     */
    public function test_settings_and_curl_security_come_first(): void {
        set_config('curlsecurityblockedhosts', '127.0.0.0/8');
        $found = $this->findings();
        $this->assertSame(['curl_blocked', false], [$found['curl'], isset($found['reach'])]);
        set_config('curlsecurityblockedhosts', '');
        set_config('curlsecurityallowedport', '8443');
        $this->assertSame('curl_blocked', $this->findings()['curl']);
        set_config('secret', 'short', 'local_anxue');
        $this->assertSame('settings_short_secret', $this->findings()['settings']);
        set_config('bridgeurl', 'http://bridge.lms.example', 'local_anxue');
        $this->assertSame('settings_no_https', $this->findings()['settings']);
        set_config('registration', '', 'local_anxue');
        $found = $this->findings();
        $this->assertSame(['settings_missing', false], [$found['settings'], isset($found['curl'])]);
    }

    /**
     * Cron, key, tool, courses, outbox and web services are looked at too.
     *
     * @covers \local_anxue\connection_test
     */
    public function test_the_site_itself_is_looked_at(): void {
        global $CFG, $DB;
        require_once($CFG->dirroot . '/mod/lti/locallib.php');
        unset_config('lastcronstart', 'tool_task');
        set_config('enablewebservices', 0);
        set_config('privatekey', '', 'mod_lti');
        set_config('categories', '', 'local_anxue');
        regulated::forget();
        $found = $this->findings();
        $this->assertSame(
            ['cron_never', 'ltikey_missing', 'ltitool_missing', 'courses_none', 'outbox_ok', 'services_off'],
            array_slice(array_values($found), 5)
        );
        set_config('lastcronstart', time() - 400, 'tool_task');
        set_config('enablewebservices', 1);
        set_config('webserviceprotocols', 'rest');
        $type = $DB->insert_record('lti_types', (object) [
            'name' => 'Bridge', 'baseurl' => 'https://127.0.0.1', 'tooldomain' => '127.0.0.1', 'course' => SITEID, 'createdby' => 2,
            'state' => LTI_TOOL_STATE_PENDING, 'clientid' => 'client-1', 'timecreated' => 0, 'timemodified' => 0,
        ]);
        $waiting = ['status' => 'waiting', 'timecreated' => time() - 2 * HOURSECS];
        outbox::add(message::SIGNAL, [], 5);
        $DB->update_record('local_anxue_outbox', (object) (['id' => $DB->get_field('local_anxue_outbox', 'id', [])] + $waiting));
        $found = $this->findings();
        $this->assertSame(
            ['cron_old', 'ltitool_pending', 'outbox_old', 'services_no_token'],
            [$found['cron'], $found['ltitool'], $found['outbox'], $found['services']]
        );
        $DB->set_field('lti_types', 'state', LTI_TOOL_STATE_CONFIGURED, ['id' => $type]);
        $email = ['typeid' => $type, 'name' => 'sendemailaddr', 'value' => LTI_SETTING_ALWAYS];
        $DB->insert_record('lti_types_config', (object) $email);
        $this->assertSame('ltitool_email', $this->findings()['ltitool']);
        $DB->set_field('lti_types_config', 'value', LTI_SETTING_NEVER, ['typeid' => $type, 'name' => 'sendemailaddr']);
        $this->assertSame('ltitool_ok', $this->findings()['ltitool']);
    }

    /**
     * Whatever is found is said in Chinese and in English, the details filled in.
     *
     * @covers \local_anxue\check_result
     */
    public function test_findings_speak_two_languages(): void {
        $result = new check_result('curl', check_result::FAILED, 'curl_blocked', ['host' => 'bridge.lms.example', 'port' => 8443]);
        [$english, $chinese] = $result->sentences();
        foreach ([$english, $chinese] as $sentence) {
            foreach (['bridge.lms.example', '8443', 'curlsecurityblockedhosts', 'curlsecurityallowedport'] as $part) {
                $this->assertStringContainsString($part, $sentence);
            }
            $this->assertStringNotContainsString('{$a', $sentence);
        }
        $this->assertStringContainsString('网站管理', $chinese);
        $this->assertStringContainsString('Site administration', $english);
    }

    /**
     * The next secret is used once the bridge takes it, and not before.
     *
     * @covers \local_anxue\connection_test::next_secret_works
     * @covers \local_anxue\settings::use_next_secret
     */
    public function test_next_secret_is_tried_before_it_is_used(): void {
        $this->assertFalse((new connection_test(new fake_bridge()))->next_secret_works());
        set_config('nextsecret', str_repeat('n', 40), 'local_anxue');
        $refusing = new fake_bridge(fn() => fake_bridge::fault(401, 'webhook_signature'));
        $this->assertFalse((new connection_test($refusing))->next_secret_works());
        $taking = new fake_bridge();
        $this->assertTrue((new connection_test($taking))->next_secret_works());
        $this->assertSame(str_repeat('n', 40), $taking->received[0]['secret']);
        settings::use_next_secret();
        $this->assertSame([str_repeat('n', 40), ''], [settings::secret(), settings::next_secret()]);
        $this->expectException(\moodle_exception::class);
        settings::use_next_secret();
    }
}
