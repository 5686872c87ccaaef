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
 * Which events of Moodle are reported, in groups that an administrator may switch off.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class event_map {
    /** @var array<string, string[]> group of settings::EVENT_GROUPS => classes of events */
    public const GROUPS = [
        'views' => [
            'core\event\course_viewed',
            'mod_assign\event\course_module_viewed',
            'mod_book\event\chapter_viewed',
            'mod_book\event\course_module_viewed',
            'mod_folder\event\course_module_viewed',
            'mod_h5pactivity\event\course_module_viewed',
            'mod_imscp\event\course_module_viewed',
            'mod_lesson\event\course_module_viewed',
            'mod_lti\event\course_module_viewed',
            'mod_page\event\course_module_viewed',
            'mod_quiz\event\course_module_viewed',
            'mod_resource\event\course_module_viewed',
            'mod_scorm\event\course_module_viewed',
            'mod_url\event\course_module_viewed',
        ],
        'completion' => [
            'core\event\course_completed',
            'core\event\course_module_completion_updated',
        ],
        'quiz' => [
            'mod_quiz\event\attempt_abandoned',
            'mod_quiz\event\attempt_becameoverdue',
            'mod_quiz\event\attempt_deleted',
            'mod_quiz\event\attempt_reopened',
            'mod_quiz\event\attempt_reviewed',
            'mod_quiz\event\attempt_started',
            'mod_quiz\event\attempt_submitted',
            'mod_quiz\event\attempt_viewed',
            'quizaccess_anxue\event\access_prevented',
        ],
        'packages' => [
            'mod_h5pactivity\event\statement_received',
            'mod_lesson\event\lesson_ended',
            'mod_lesson\event\lesson_started',
            'mod_scorm\event\sco_launched',
            'mod_scorm\event\scoreraw_submitted',
            'mod_scorm\event\status_submitted',
        ],
        'enrolment' => [
            'core\event\role_assigned',
            'core\event\role_unassigned',
            'core\event\user_enrolment_created',
            'core\event\user_enrolment_deleted',
            'core\event\user_enrolment_updated',
        ],
    ];

    /**
     * Returns the group of an event; null: it is not reported.
     *
     * @param string $eventname the class, with or without a backslash before it
     * @return string|null
     */
    public static function group_of(string $eventname): ?string {
        foreach (self::GROUPS as $group => $classes) {
            if (in_array(ltrim($eventname, '\\'), $classes, true)) {
                return $group;
            }
        }
        return null;
    }
}
