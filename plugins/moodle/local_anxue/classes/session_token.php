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

use Firebase\JWT\JWT;
use mod_lti\local\ltiopenid\jwks_helper;

/**
 * The token with which a page's agent opens a session at the bridge.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class session_token {
    /** @var string the token's kind, so that no other token of the same key passes for it */
    public const TYPE = 'anxue-session+jwt';

    /** @var string learning */
    public const STUDY = 'study';

    /** @var string an exam */
    public const TEST = 'test';

    /** @var int the bridge takes 300 s; a slow page and a clock that is off use some of it */
    private const SECONDS = 240;

    /**
     * Returns a token for one session, signed with the site's own LTI key, so that the registered JWKS verifies it.
     *
     * @param int $userid
     * @param int $cmid
     * @param string $activity STUDY or TEST
     * @param int|null $attemptid of the quiz; with TEST only
     * @return string
     * @throws \moodle_exception nolticlient, noltikey
     */
    public static function mint(int $userid, int $cmid, string $activity, ?int $attemptid = null): string {
        global $CFG;
        $signing = jwks_helper::get_private_key();
        if (!$signing['key'] || !$signing['kid']) {
            throw new \moodle_exception('noltikey', 'local_anxue');
        }
        if (settings::client_id() === '') {
            throw new \moodle_exception('nolticlient', 'local_anxue');
        }
        $now = time();
        $claims = [
            'iss' => $CFG->wwwroot,
            'client_id' => settings::client_id(),
            'aud' => settings::bridge() . '/agent/v1/sessions',
            'sub' => (string) $userid,
            'iat' => $now,
            'exp' => $now + self::SECONDS,
            'jti' => bin2hex(random_bytes(16)),
            'resource_link_id' => message::resource_link($cmid),
            'activity' => $activity,
        ];
        if ($attemptid !== null) {
            $claims['attempt'] = (string) $attemptid;
        }
        return JWT::encode($claims, $signing['key'], 'RS256', $signing['kid'], ['typ' => self::TYPE]);
    }
}
