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
use core_external\external_multiple_structure;
use core_external\external_single_structure;
use core_external\external_value;
use local_anxue\score;

/**
 * Web service: tells which scores there are, so that the bridge can see which of them it does not have.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class attempts extends external_api {
    /** @var int most attempts in one call */
    private const MOST = 500;

    /**
     * Describes the parameters.
     *
     * @return external_function_parameters
     */
    public static function execute_parameters(): external_function_parameters {
        return new external_function_parameters([
            'since' => new external_value(PARAM_INT, 'Unix seconds'),
            'until' => new external_value(PARAM_INT, 'Unix seconds, not included'),
            'after' => new external_value(PARAM_INT, 'Where the last call ended', VALUE_DEFAULT, 0),
            'limit' => new external_value(PARAM_INT, 'Attempts to look at, 1-500', VALUE_DEFAULT, 200),
        ]);
    }

    /**
     * Returns the next scores; nothing is changed.
     *
     * @param int $since
     * @param int $until
     * @param int $after
     * @param int $limit
     * @return array
     */
    public static function execute(int $since, int $until, int $after = 0, int $limit = 200): array {
        $params = self::validate_parameters(self::execute_parameters(), [
            'since' => $since,
            'until' => $until,
            'after' => $after,
            'limit' => $limit,
        ]);
        $context = \context_system::instance();
        self::validate_context($context);
        require_capability('local/anxue:backfill', $context);
        $most = max(1, min(self::MOST, $params['limit']));
        return ['status' => 'told'] + score::between($params['since'], $params['until'], $params['after'], $most);
    }

    /**
     * Describes the answer.
     *
     * @return external_single_structure
     */
    public static function execute_returns(): external_single_structure {
        return new external_single_structure([
            'status' => new external_value(PARAM_ALPHA, 'told'),
            'scores' => new external_multiple_structure(new external_single_structure([
                'id' => new external_value(PARAM_ALPHANUMEXT, 'As in a message'),
                'data' => new external_single_structure([
                    'sub' => new external_value(PARAM_ALPHANUMEXT, 'The learner'),
                    'resource_link_id' => new external_value(PARAM_ALPHANUMEXT, 'The quiz'),
                    'attempt' => new external_value(PARAM_ALPHANUMEXT, 'The attempt'),
                    'score' => new external_value(PARAM_RAW, 'A decimal'),
                    'maximum' => new external_value(PARAM_RAW, 'A decimal'),
                    'started_at' => new external_value(PARAM_RAW, 'RFC 3339, UTC'),
                    'finished_at' => new external_value(PARAM_RAW, 'RFC 3339, UTC'),
                ]),
            ])),
            'next' => new external_value(PARAM_INT, 'For the next call; 0: all was looked at'),
        ]);
    }
}
