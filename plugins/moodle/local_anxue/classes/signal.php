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
 * What institution and authority should see: it moves no credit.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class signal {
    /** @var string somebody logged in as a learner */
    public const LOGIN_AS = 'login_as';

    /** @var string a person changed a mark that a machine had given, or the grade itself */
    public const GRADE_OVERRIDDEN = 'grade_overridden';

    /** @var string the pass mark of an activity was lowered */
    public const PASS_MARK_LOWERED = 'pass_mark_lowered';

    /** @var string Moodle holds contact data of a learner */
    public const CONTACT_DATA_FOUND = 'contact_data_found';

    /** @var string the content of an activity was changed */
    public const COURSE_FILE_CHANGED = 'course_file_changed';

    /**
     * Reports a signal.
     *
     * @param string $kind one of this class's
     * @param int $courseid
     * @param int|null $userid the learner; null: none in particular
     * @param int|null $actorid who did it; null: not known
     * @param int|null $cmid null: the course as a whole
     * @param string|null $before a decimal
     * @param string|null $after a decimal
     */
    public static function report(
        string $kind,
        int $courseid,
        ?int $userid = null,
        ?int $actorid = null,
        ?int $cmid = null,
        ?string $before = null,
        ?string $after = null
    ): void {
        if (!regulated::is_course($courseid)) {
            return;
        }
        outbox::add(
            message::SIGNAL,
            [
                'kind' => $kind,
                'sub' => $userid === null ? null : (string) $userid,
                'actor_sub' => $actorid === null ? null : (string) $actorid,
                'context_id' => (string) $courseid,
                'resource_link_id' => $cmid === null ? null : message::resource_link($cmid),
                'before' => $before,
                'after' => $after,
            ],
            $courseid,
            $userid ?? 0,
            $actorid ?? 0
        );
    }
}
