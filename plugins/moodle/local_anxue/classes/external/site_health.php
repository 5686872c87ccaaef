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

namespace local_anxue\external;

use core_external\external_api;
use core_external\external_function_parameters;
use core_external\external_single_structure;
use core_external\external_value;

/**
 * Web service: how the site and the plugin stand.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class site_health extends external_api {
    /**
     * Describes the parameters: none.
     *
     * @return external_function_parameters
     */
    public static function execute_parameters(): external_function_parameters {
        return new external_function_parameters([]);
    }

    /**
     * Returns the figures.
     *
     * @return array
     */
    public static function execute(): array {
        $context = \context_system::instance();
        self::validate_context($context);
        require_capability('local/anxue:viewhealth', $context);
        return \local_anxue\site_health::now();
    }

    /**
     * Describes the answer.
     *
     * @return external_single_structure
     */
    public static function execute_returns(): external_single_structure {
        return new external_single_structure([
            'moodle' => new external_value(PARAM_RAW, 'Version of Moodle'),
            'plugin' => new external_value(PARAM_RAW, 'Version of local_anxue'),
            'clock' => new external_value(PARAM_RAW, 'The site\'s clock, RFC 3339'),
            'cron_age' => new external_value(PARAM_INT, 'Seconds since cron ran; -1: never'),
            'regulated_courses' => new external_value(PARAM_INT, 'How many'),
            'waiting' => new external_value(PARAM_INT, 'Messages that wait'),
            'oldest_waiting' => new external_value(PARAM_INT, 'Seconds that the oldest one waits'),
            'refused' => new external_value(PARAM_INT, 'Messages that the bridge refused'),
            'last_lost' => new external_value(PARAM_INT, 'Unix seconds of the last message without room; 0: none'),
            'last_delivery' => new external_value(PARAM_INT, 'Unix seconds; 0: none'),
            'last_fault' => new external_value(PARAM_RAW, 'Why the last delivery failed; empty: it did not'),
            'lti_key' => new external_value(PARAM_BOOL, 'The site has its LTI key'),
            'quizaccess' => new external_value(PARAM_RAW, 'Version of quizaccess_anxue; empty: not installed'),
            'availability' => new external_value(PARAM_RAW, 'Version of availability_anxue; empty: not installed'),
            'undo_rows' => new external_value(PARAM_INT, 'Replaced contact data that can still be brought back'),
        ]);
    }
}
