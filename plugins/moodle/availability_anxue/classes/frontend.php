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

use cm_info;
use section_info;
use stdClass;

/**
 * What the editing form needs; the form itself is the YUI module moodle-availability_anxue-form.
 *
 * @package    availability_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class frontend extends \core_availability\frontend {
    /**
     * Strings of the form, beside title and description, which core adds.
     *
     * @return string[]
     */
    protected function get_javascript_strings() {
        return ['need', 'need_realname', 'need_hours', 'hours', 'error_hours'];
    }

    /**
     * Whether the condition is offered: without local_anxue it could only close.
     *
     * @param stdClass $course the course.
     * @param cm_info|null $cm the activity.
     * @param section_info|null $section the section.
     * @return bool
     */
    protected function allow_add($course, ?cm_info $cm = null, ?section_info $section = null) {
        return learner::table() !== null;
    }
}
