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
use local_anxue\learner_state;
use local_anxue\regulated;

/**
 * Web service: the bridge says whether a learner is proved and how many class hours count.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class set_learner_state extends external_api {
    /**
     * Describes the parameters.
     *
     * @return external_function_parameters
     */
    public static function execute_parameters(): external_function_parameters {
        return new external_function_parameters([
            'sub' => new external_value(PARAM_ALPHANUMEXT, 'The learner: the sub of LTI, which is the user id'),
            'context_id' => new external_value(PARAM_ALPHANUMEXT, 'The course: the context id of LTI, which is the course id'),
            'real_name' => new external_value(PARAM_BOOL, 'The real name is proved'),
            'class_hours' => new external_value(PARAM_RAW_TRIMMED, 'Class hours that count, a decimal of up to four places'),
        ]);
    }

    /**
     * Keeps the state.
     *
     * @param string $sub
     * @param string $contextid
     * @param bool $realname
     * @param string $classhours
     * @return array
     */
    public static function execute(string $sub, string $contextid, bool $realname, string $classhours): array {
        $params = self::validate_parameters(self::execute_parameters(), [
            'sub' => $sub,
            'context_id' => $contextid,
            'real_name' => $realname,
            'class_hours' => $classhours,
        ]);
        self::validate_context(\context_system::instance());
        $context = \context_course::instance((int) $params['context_id']);
        require_capability('local/anxue:setlearnerstate', $context);
        if (!regulated::is_course((int) $context->instanceid)) {
            throw new \moodle_exception('notregulated', 'local_anxue');
        }
        if (!ctype_digit($params['sub']) || !regulated::is_learner((int) $params['sub'], $context)) {
            throw new \moodle_exception('notlearner', 'local_anxue');
        }
        learner_state::set(
            (int) $params['sub'],
            (int) $context->instanceid,
            (bool) $params['real_name'],
            $params['class_hours']
        );
        return ['status' => 'kept'];
    }

    /**
     * Describes the answer.
     *
     * @return external_single_structure
     */
    public static function execute_returns(): external_single_structure {
        return new external_single_structure(['status' => new external_value(PARAM_ALPHA, 'kept')]);
    }
}
