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
use local_anxue\grants;

/**
 * Web service: takes back a learner's leave to sit an exam.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class revoke_exam extends external_api {
    /**
     * Describes the parameters.
     *
     * @return external_function_parameters
     */
    public static function execute_parameters(): external_function_parameters {
        return new external_function_parameters([
            'grant_id' => new external_value(PARAM_ALPHANUMEXT, 'The grant; one that never came can never come any more'),
            'reason' => new external_value(PARAM_TEXT, 'A sentence for the learner'),
        ]);
    }

    /**
     * Takes the grant back.
     *
     * @param string $grantid
     * @param string $reason
     * @return array
     */
    public static function execute(string $grantid, string $reason): array {
        global $DB;
        $params = self::validate_parameters(self::execute_parameters(), ['grant_id' => $grantid, 'reason' => $reason]);
        $system = \context_system::instance();
        self::validate_context($system);
        $cmid = (int) $DB->get_field('local_anxue_grant', 'cmid', ['grantid' => $params['grant_id']]);
        $context = $cmid ? \context_module::instance($cmid, IGNORE_MISSING) : false;
        require_capability('local/anxue:manageexams', $context ?: $system);
        if ($params['grant_id'] === '' || strlen($params['grant_id']) > 64) {
            throw new \invalid_parameter_exception('grant_id');
        }
        return ['grant_id' => $params['grant_id'], 'status' => grants::revoke($params['grant_id'], $params['reason'])];
    }

    /**
     * Describes the answer.
     *
     * @return external_single_structure
     */
    public static function execute_returns(): external_single_structure {
        return new external_single_structure([
            'grant_id' => new external_value(PARAM_ALPHANUMEXT, 'As it was sent'),
            'status' => new external_value(PARAM_ALPHA, 'revoked, already or unknown'),
        ]);
    }
}
