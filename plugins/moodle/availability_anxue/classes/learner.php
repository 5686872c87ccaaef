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

namespace availability_anxue;

use cache;
use cache_store;
use local_anxue\learner_state;
use stdClass;
use Throwable;

/**
 * What the bridge has said about learners, as local_anxue keeps it. Not knowing is null.
 *
 * @package    availability_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class learner {
    /**
     * The state of one learner in a course; asked for once a request.
     *
     * @param int $userid the learner.
     * @param int $courseid the course.
     * @return stdClass|null realname, classhours; null where the bridge has said nothing or the plugin is missing.
     */
    public static function state(int $userid, int $courseid): ?stdClass {
        $cache = cache::make_from_params(cache_store::MODE_REQUEST, 'availability_anxue', 'learner');
        $key = "{$courseid}_{$userid}";
        $found = $cache->get($key);
        if ($found === false) {
            $found = ['state' => self::ask(fn() => learner_state::get($userid, $courseid))];
            $cache->set($key, $found);
        }
        return $found['state'];
    }

    /**
     * The states of many learners in a course, with one question.
     *
     * @param int[] $userids the learners.
     * @param int $courseid the course.
     * @return stdClass[] by user id; whoever is missing is not known.
     */
    public static function states(array $userids, int $courseid): array {
        return self::ask(fn() => learner_state::for_course($courseid, $userids)) ?? [];
    }

    /**
     * The table of states, for lists that the database makes; null without local_anxue.
     *
     * @return string|null
     */
    public static function table(): ?string {
        return self::ask(fn() => learner_state::TABLE);
    }

    /**
     * What local_anxue answers; null where it is missing or fails.
     *
     * @param callable $question the question.
     * @return mixed
     */
    private static function ask(callable $question): mixed {
        if (!class_exists(learner_state::class)) {
            return null;
        }
        try {
            return $question();
        } catch (Throwable $fault) {
            debugging('availability_anxue cannot read the learner states: ' . get_class($fault), DEBUG_DEVELOPER);
            return null;
        }
    }
}
