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

use mod_lti\local\ltiopenid\jwks_helper;

/**
 * Tries the connection to the bridge step by step and names what is wrong.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class connection_test {
    /** @var int seconds by which the clocks may differ before it is worth a word; the bridge refuses at 300 */
    private const SKEW_WORTH_A_WORD = 30;

    /** @var int seconds by which the clocks may differ: agents' tokens live 240 s and are refused from 60 s in the future */
    private const MOST_SKEW = 55;

    /** @var bridge the way to the bridge */
    private readonly bridge $bridge;

    /**
     * Makes a test ready.
     *
     * @param bridge|null $bridge another way, for tests
     */
    public function __construct(?bridge $bridge = null) {
        $this->bridge = $bridge ?? new bridge();
    }

    /**
     * Runs all checks.
     *
     * @return check_result[]
     */
    public function run(): array {
        $results = [$this->check_settings()];
        if ($results[0]->status !== check_result::FAILED) {
            $results[] = $blocked = $this->check_curl_security();
            if ($blocked->status === check_result::OK) {
                array_push($results, ...$this->check_bridge());
            }
        }
        array_push(
            $results,
            $this->check_cron(),
            $this->check_lti_key(),
            $this->check_lti_tool(),
            $this->check_courses(),
            $this->check_outbox(),
            $this->check_web_services()
        );
        return $results;
    }

    /**
     * Tells whether the bridge takes what the next secret signs.
     *
     * @return bool
     */
    public function next_secret_works(): bool {
        return settings::complete() && settings::next_secret() !== '' && $this->ping(settings::next_secret())->is_taken();
    }

    /**
     * Address, registration and secret.
     *
     * @return check_result
     */
    private function check_settings(): check_result {
        $url = parse_url(settings::bridge());
        $host = $url['host'] ?? '';
        $finding = match (true) {
            !settings::complete() => 'settings_missing',
            ($url['scheme'] ?? '') !== 'https' && !in_array($host, ['localhost', '127.0.0.1'], true) => 'settings_no_https',
            strlen(settings::secret()) < 32 => 'settings_short_secret',
            default => 'settings_ok',
        };
        $failed = in_array($finding, ['settings_missing', 'settings_no_https'], true);
        $status = $failed ? check_result::FAILED : check_result::WARNING;
        return new check_result('settings', $finding === 'settings_ok' ? check_result::OK : $status, $finding);
    }

    /**
     * Moodle's own rules on where it may connect to.
     *
     * @return check_result
     */
    private function check_curl_security(): check_result {
        $url = parse_url(bridge::batch_url());
        $details = ['host' => $url['host'], 'port' => $url['port'] ?? ($url['scheme'] === 'https' ? 443 : 80)];
        $blocked = (new \core\files\curl_security_helper())->url_is_blocked(bridge::batch_url());
        return new check_result(
            'curl',
            $blocked ? check_result::FAILED : check_result::OK,
            $blocked ? 'curl_blocked' : 'curl_ok',
            $details
        );
    }

    /**
     * Reaches the bridge with a signed ping, and compares clocks.
     *
     * @return check_result[]
     */
    private function check_bridge(): array {
        $reply = $this->ping(settings::secret());
        $results = [];
        if ($reply->status === 0) {
            return [new check_result('reach', check_result::FAILED, 'reach_failed', ['why' => $reply->message()])];
        }
        $results[] = new check_result('reach', check_result::OK, 'reach_ok', ['status' => $reply->status]);
        $results[] = $this->check_clock($reply);
        $result = $reply->is_taken() ? ($reply->json['results'][0]['status'] ?? '') : '';
        $reason = $reply->is_taken() ? (string) ($reply->json['results'][0]['reason'] ?? '') : $reply->reason();
        $finding = match (true) {
            $result === 'accepted' || $result === 'duplicate' => 'signature_ok',
            $reason === 'webhook_signature' => 'signature_wrong',
            $reason === 'webhook_timestamp' => 'signature_late',
            default => 'signature_other',
        };
        $status = $finding === 'signature_ok' ? check_result::OK : check_result::FAILED;
        $details = ['reason' => $reason ?: $reply->reason(), 'message' => $reply->message()];
        $results[] = new check_result('signature', $status, $finding, $details);
        if ($status === check_result::OK) {
            outbox::wake();
        }
        return $results;
    }

    /**
     * Compares the clocks of both sides, by the Date header of the answer.
     *
     * @param reply $reply
     * @return check_result
     */
    private function check_clock(reply $reply): check_result {
        if ($reply->clock === null || $reply->asked === null) {
            return new check_result('clock', check_result::WARNING, 'clock_unknown');
        }
        // The header has whole seconds, and was written somewhere between asking and answer.
        $early = $reply->asked - ($reply->clock + 1);
        $late = $reply->clock - $reply->answered;
        $skew = (int) ceil(max(0, $early, $late));
        $status = match (true) {
            $skew > self::MOST_SKEW => check_result::FAILED,
            $skew > self::SKEW_WORTH_A_WORD => check_result::WARNING,
            default => check_result::OK,
        };
        $finding = $status === check_result::OK ? 'clock_ok' : 'clock_off';
        return new check_result('clock', $status, $finding, ['seconds' => $skew]);
    }

    /**
     * Cron sends the messages.
     *
     * @return check_result
     */
    private function check_cron(): check_result {
        $age = site_health::cron_age();
        if ($age < 0) {
            return new check_result('cron', check_result::FAILED, 'cron_never');
        }
        $old = $age > 5 * MINSECS;
        $status = $old ? check_result::FAILED : check_result::OK;
        return new check_result('cron', $status, $old ? 'cron_old' : 'cron_ok', ['minutes' => intdiv($age, 60)]);
    }

    /**
     * The site's key, with which agents' tokens are signed.
     *
     * @return check_result
     */
    private function check_lti_key(): check_result {
        $signing = jwks_helper::get_private_key();
        $key = $signing['key'] && $signing['kid'] ? openssl_pkey_get_private($signing['key']) : false;
        $bits = $key ? openssl_pkey_get_details($key)['bits'] : 0;
        $ok = $bits >= 2048;
        return new check_result('ltikey', $ok ? check_result::OK : check_result::FAILED, $ok ? 'ltikey_ok' : 'ltikey_missing');
    }

    /**
     * The bridge among the site's LTI tools: chosen, active, and never told an e-mail address.
     *
     * @return check_result
     */
    private function check_lti_tool(): check_result {
        global $CFG, $DB;
        require_once($CFG->dirroot . '/mod/lti/locallib.php');
        $tool = settings::client_id() === '' ? false : $DB->get_record('lti_types', ['clientid' => settings::client_id()]);
        if (!$tool) {
            return new check_result('ltitool', check_result::FAILED, 'ltitool_missing');
        }
        if ($tool->state != LTI_TOOL_STATE_CONFIGURED) {
            return new check_result('ltitool', check_result::FAILED, 'ltitool_pending', ['name' => $tool->name]);
        }
        $place = ['typeid' => $tool->id, 'name' => 'sendemailaddr'];
        $email = (int) $DB->get_field('lti_types_config', 'value', $place) !== LTI_SETTING_NEVER;
        $status = $email ? check_result::WARNING : check_result::OK;
        return new check_result('ltitool', $status, $email ? 'ltitool_email' : 'ltitool_ok', ['name' => $tool->name]);
    }

    /**
     * The courses to which all this applies.
     *
     * @return check_result
     */
    private function check_courses(): check_result {
        $number = count(regulated::course_ids());
        $status = $number ? check_result::OK : check_result::FAILED;
        return new check_result('courses', $status, $number ? 'courses_ok' : 'courses_none', ['number' => $number]);
    }

    /**
     * What waits, and what was refused.
     *
     * @return check_result
     */
    private function check_outbox(): check_result {
        $state = outbox::state();
        $details = ['refused' => $state['refused'], 'waiting' => $state['waiting'], 'minutes' => intdiv($state['oldest'], 60)];
        $finding = match (true) {
            $state['lost'] > time() - DAYSECS => 'outbox_full',
            $state['oldest'] > HOURSECS => 'outbox_old',
            $state['refused'] > 0 => 'outbox_refused',
            default => 'outbox_ok',
        };
        $status = match ($finding) {
            'outbox_ok' => check_result::OK,
            'outbox_refused' => check_result::WARNING,
            default => check_result::FAILED,
        };
        return new check_result('outbox', $status, $finding, $details);
    }

    /**
     * The way back, by which the bridge grants exams.
     *
     * @return check_result
     */
    private function check_web_services(): check_result {
        global $CFG, $DB;
        $rest = in_array('rest', explode(',', $CFG->webserviceprotocols ?? ''), true);
        $service = $DB->get_record('external_services', ['shortname' => 'local_anxue']);
        $finding = match (true) {
            empty($CFG->enablewebservices) || !$rest => 'services_off',
            !$service || !$service->enabled => 'services_disabled',
            !$DB->record_exists('external_tokens', ['externalserviceid' => $service->id]) => 'services_no_token',
            default => 'services_ok',
        };
        $status = $finding === 'services_ok' ? check_result::OK : check_result::WARNING;
        return new check_result('services', $status, $finding);
    }

    /**
     * Sends a ping. It goes past the outbox: what is tested is the way, now.
     *
     * @param string $secret
     * @return reply
     */
    private function ping(string $secret): reply {
        $data = [
            'moodle' => site_health::moodle(),
            'plugin' => (string) get_config('local_anxue', 'version'),
            'clock' => message::instant(time()),
        ];
        $ping = message::json(\core\uuid::generate(), message::PING, time(), $data);
        return $this->bridge->post_batch(message::batch(\core\uuid::generate(), time(), [$ping]), $secret);
    }
}
