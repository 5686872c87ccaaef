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
use local_anxue\regulated;

/**
 * Web service: gives a learner leave to sit an exam.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class grant_exam extends external_api {
    /**
     * Describes the parameters.
     *
     * @return external_function_parameters
     */
    public static function execute_parameters(): external_function_parameters {
        return new external_function_parameters([
            'sub' => new external_value(PARAM_ALPHANUMEXT, 'The learner: the sub of LTI, which is the user id'),
            'cmid' => new external_value(PARAM_INT, 'The course module of the quiz'),
            'expires_at' => new external_value(PARAM_INT, 'Unix seconds, within a day'),
            'grant_id' => new external_value(PARAM_ALPHANUMEXT, 'The bridge\'s id of the grant; sent again, nothing changes'),
            'attempt_limit' => new external_value(PARAM_INT, 'Attempts it may start', VALUE_DEFAULT, null, NULL_ALLOWED),
        ]);
    }

    /**
     * Gives the grant.
     *
     * @param string $sub
     * @param int $cmid
     * @param int $expiresat
     * @param string $grantid
     * @param int|null $attemptlimit
     * @return array
     */
    public static function execute(string $sub, int $cmid, int $expiresat, string $grantid, ?int $attemptlimit = null): array {
        $params = self::validate_parameters(self::execute_parameters(), [
            'sub' => $sub,
            'cmid' => $cmid,
            'expires_at' => $expiresat,
            'grant_id' => $grantid,
            'attempt_limit' => $attemptlimit,
        ]);
        // Not the module's context: the bridge's user need not be able to enter the course.
        self::validate_context(\context_system::instance());
        $cm = get_coursemodule_from_id('quiz', $params['cmid'], 0, false, MUST_EXIST);
        $context = \context_module::instance($cm->id);
        require_capability('local/anxue:manageexams', $context);
        if (!regulated::is_course((int) $cm->course)) {
            throw new \moodle_exception('notregulated', 'local_anxue');
        }
        if (!ctype_digit($params['sub']) || !regulated::is_learner((int) $params['sub'], $context)) {
            throw new \moodle_exception('notlearner', 'local_anxue');
        }
        if ($params['attempt_limit'] !== null && $params['attempt_limit'] < 1) {
            throw new \invalid_parameter_exception('attempt_limit');
        }
        if ($params['grant_id'] === '' || strlen($params['grant_id']) > 64) {
            throw new \invalid_parameter_exception('grant_id');
        }
        $status = grants::grant(
            $params['grant_id'],
            (int) $params['sub'],
            (int) $cm->id,
            $params['attempt_limit'],
            $params['expires_at']
        );
        return ['grant_id' => $params['grant_id'], 'status' => $status, 'expires_at' => $params['expires_at']];
    }

    /**
     * Describes the answer.
     *
     * @return external_single_structure
     */
    public static function execute_returns(): external_single_structure {
        return new external_single_structure([
            'grant_id' => new external_value(PARAM_ALPHANUMEXT, 'As it was sent'),
            'status' => new external_value(PARAM_ALPHA, 'granted, or known'),
            'expires_at' => new external_value(PARAM_INT, 'Unix seconds'),
        ]);
    }
}
