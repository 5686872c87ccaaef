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
 * The way to the bridge: signed requests through Moodle's own curl, its proxy and its security rules.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class bridge {
    /** @var int most bytes that are read of an answer: the reasons of 200 messages */
    private const MOST_ANSWER = 1048576;

    /**
     * Sends a batch and returns the answer.
     *
     * @param string $body as message::batch() made it
     * @param string $secret
     * @return reply
     */
    public function post_batch(string $body, string $secret): reply {
        global $CFG;
        require_once($CFG->libdir . '/filelib.php'); // Where \curl is; cron does not load it.
        $url = self::batch_url();
        if ((new \core\files\curl_security_helper())->url_is_blocked($url)) {
            // Asked before, since \curl answers a blocked address with a sentence in place of a page.
            return new reply(0, '', 'curl_blocked', get_string('whyblocked', 'local_anxue'));
        }
        $timestamp = (string) time();
        $curl = new \curl();
        $curl->setHeader([
            'Content-Type: application/json',
            'Accept: application/json',
            'X-Anxue-Timestamp: ' . $timestamp,
            'X-Anxue-Signature: ' . signature::of($secret, $timestamp, $body),
            'Expect:', // No "100-continue": some proxies never answer it.
        ]);
        $started = microtime(true);
        $text = $curl->post($url, $body, [
            'CURLOPT_CONNECTTIMEOUT' => min(5, settings::timeout()),
            'CURLOPT_TIMEOUT' => settings::timeout(),
            'CURLOPT_FOLLOWLOCATION' => 0, // A signature goes to the address that was set, and nowhere else.
            'CURLOPT_MAXFILESIZE' => self::MOST_ANSWER,
        ]);
        if ($curl->get_errno()) {
            return new reply(0, '', 'network', (string) $curl->error);
        }
        $status = (int) ($curl->get_info()['http_code'] ?? 0);
        return new reply($status, (string) $text, null, '', self::clock($curl->getResponse()), $started, microtime(true));
    }

    /**
     * Returns the address that takes batches.
     *
     * @return string
     */
    public static function batch_url(): string {
        return settings::bridge() . '/webhooks/v1/' . rawurlencode(settings::registration()) . '/batches';
    }

    /**
     * Returns the bridge's clock from its Date header; null: it sent none.
     *
     * @param array $headers
     * @return int|null Unix seconds
     */
    private static function clock(array $headers): ?int {
        $date = array_change_key_case($headers)['date'] ?? null;
        $time = is_string($date) ? strtotime($date) : false;
        return $time === false ? null : $time;
    }
}
