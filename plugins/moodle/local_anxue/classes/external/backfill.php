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
 * Web service: tells the bridge of the past.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class backfill extends external_api {
    /**
     * Describes the parameters.
     *
     * @return external_function_parameters
     */
    public static function execute_parameters(): external_function_parameters {
        return new external_function_parameters([
            'since' => new external_value(PARAM_INT, 'Unix seconds'),
            'until' => new external_value(PARAM_INT, 'Unix seconds, not included'),
            'cursor' => new external_value(PARAM_RAW, 'Where the last call ended', VALUE_DEFAULT, ''),
            'limit' => new external_value(PARAM_INT, 'Rows to look at, 1-500', VALUE_DEFAULT, 200),
        ]);
    }

    /**
     * Puts the next part into the outbox.
     *
     * @param int $since
     * @param int $until
     * @param string $cursor
     * @param int $limit
     * @return array
     */
    public static function execute(int $since, int $until, string $cursor = '', int $limit = 200): array {
        $params = self::validate_parameters(self::execute_parameters(), [
            'since' => $since,
            'until' => $until,
            'cursor' => $cursor,
            'limit' => $limit,
        ]);
        $context = \context_system::instance();
        self::validate_context($context);
        require_capability('local/anxue:backfill', $context);
        return \local_anxue\backfill::next($params['since'], $params['until'], $params['cursor'], $params['limit']);
    }

    /**
     * Describes the answer.
     *
     * @return external_single_structure
     */
    public static function execute_returns(): external_single_structure {
        return new external_single_structure([
            'queued' => new external_value(PARAM_INT, 'New messages that wait'),
            'known' => new external_value(PARAM_INT, 'Rows of which there is nothing new to tell'),
            'next' => new external_value(PARAM_RAW, 'Cursor for the next call; empty: all is done'),
            'full' => new external_value(PARAM_BOOL, 'The outbox has no room: call again later'),
        ]);
    }
}
