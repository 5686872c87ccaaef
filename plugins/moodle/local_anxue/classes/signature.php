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
 * The signature of what is sent to the bridge.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class signature {
    /**
     * Returns the header X-Anxue-Signature: HMAC-SHA256 over the timestamp, a full stop and the body.
     *
     * @param string $secret
     * @param string $timestamp Unix seconds, as in X-Anxue-Timestamp
     * @param string $body byte for byte as it is sent
     * @return string
     */
    public static function of(string $secret, string $timestamp, string $body): string {
        return 'v1=' . hash_hmac('sha256', $timestamp . '.' . $body, $secret);
    }
}
