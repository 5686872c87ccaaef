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

namespace quizaccess_anxue\tests;

use stdClass;

/**
 * A keeper of grants that hands over whatever it is told to, good or not.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class careless_grants {
    /** @var stdClass|null what it hands over. */
    public static ?stdClass $grant = null;

    /**
     * The grant.
     *
     * @param int $userid of no meaning here.
     * @param int $cmid of no meaning here.
     * @return stdClass|null
     */
    public static function active_grant(int $userid, int $cmid): ?stdClass {
        return self::$grant;
    }

    /**
     * No revocation.
     *
     * @param int $userid of no meaning here.
     * @param int $cmid of no meaning here.
     * @return stdClass|null
     */
    public static function last_revoked(int $userid, int $cmid): ?stdClass {
        return null;
    }
}
