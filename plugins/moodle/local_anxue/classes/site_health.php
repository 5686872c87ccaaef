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
 * How the site and the plugin stand, in figures.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class site_health {
    /**
     * Returns the figures. No name, no user.
     *
     * @return array
     */
    public static function now(): array {
        $outbox = outbox::state();
        return [
            'moodle' => self::moodle(),
            'plugin' => (string) get_config('local_anxue', 'version'),
            'clock' => message::instant(time()),
            'cron_age' => self::cron_age(),
            'regulated_courses' => count(regulated::course_ids()),
            'waiting' => $outbox['waiting'],
            'oldest_waiting' => $outbox['oldest'],
            'refused' => $outbox['refused'],
            'last_lost' => $outbox['lost'],
            'last_delivery' => (int) get_config('local_anxue', 'lastdelivery'),
            'last_fault' => (string) get_config('local_anxue', 'lastfault'),
            'lti_key' => (bool) get_config('mod_lti', 'kid'),
            'quizaccess' => (string) get_config('quizaccess_anxue', 'version'),
            'availability' => (string) get_config('availability_anxue', 'version'),
            'undo_rows' => self::undo_rows(),
        ];
    }

    /**
     * Returns Moodle's version as people write it.
     *
     * @return string "4.5.5"
     */
    public static function moodle(): string {
        global $CFG;
        return preg_match('/^\d+(\.\d+)*/', $CFG->release, $match) ? $match[0] : (string) $CFG->version;
    }

    /**
     * Returns how many seconds ago cron last ran; -1: never.
     *
     * @return int
     */
    public static function cron_age(): int {
        $last = (int) get_config('tool_task', 'lastcronstart');
        return $last ? max(0, time() - $last) : -1;
    }

    /**
     * Returns how many replaced values can still be brought back.
     *
     * @return int
     */
    private static function undo_rows(): int {
        global $DB;
        return $DB->count_records('local_anxue_undo');
    }
}
