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

namespace local_anxue\task;

use local_anxue\contact\scan;
use local_anxue\regulated;

/**
 * Counts the contact data of learners of regulated courses and tells the bridge, each night.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class scan_contact extends \core\task\scheduled_task {
    #[\Override]
    public function get_name(): string {
        return get_string('taskscan', 'local_anxue');
    }

    #[\Override]
    public function execute(): void {
        foreach (regulated::course_ids() as $courseid) {
            scan::report($courseid);
        }
    }
}
