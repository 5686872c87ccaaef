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

/**
 * Observers. All run after the commit, so that what was rolled back is never told.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

$observers = [];

foreach (\local_anxue\event_map::GROUPS as $classes) {
    foreach ($classes as $class) {
        $observers[] = ['eventname' => '\\' . $class, 'callback' => '\local_anxue\observer::activity', 'internal' => false];
    }
}

foreach (
    [
        // Moodle 5 grades after it was submitted, with an event of its own.
        '\mod_quiz\event\attempt_graded' => 'attempt_finished',
        '\mod_quiz\event\attempt_submitted' => 'attempt_finished',
        '\mod_quiz\event\attempt_manual_grading_completed' => 'attempt_finished',
        '\mod_quiz\event\attempt_regraded' => 'attempt_regraded',
        '\mod_quiz\event\question_manually_graded' => 'question_graded',
        '\core\event\user_graded' => 'user_graded',
        '\core\event\user_loggedinas' => 'logged_in_as',
        '\core\event\course_module_created' => 'module_changed',
        '\core\event\course_module_updated' => 'module_changed',
        '\core\event\user_updated' => 'profile_changed',
        '\core\event\user_deleted' => 'user_deleted',
        '\core\event\role_assigned' => 'profile_changed',
        '\core\event\course_updated' => 'course_changed',
        '\core\event\course_category_updated' => 'course_changed',
    ] as $eventname => $method
) {
    $observers[] = ['eventname' => $eventname, 'callback' => '\local_anxue\observer::' . $method, 'internal' => false];
}
