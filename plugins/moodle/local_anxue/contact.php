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
 * Contact data of learners: count, preview, placeholders, undo.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

use local_anxue\contact\page;
use local_anxue\contact\placeholders;
use local_anxue\contact\scan;
use local_anxue\contact\undo_log;
use local_anxue\regulated;

require_once(__DIR__ . '/../../config.php');
require_once($CFG->libdir . '/adminlib.php');

admin_externalpage_setup('local_anxue_contact');

$url = new moodle_url('/local/anxue/contact.php');
$courseid = optional_param('course', 0, PARAM_INT);
$action = optional_param('action', '', PARAM_ALPHA);
if ($courseid && !regulated::is_course($courseid)) {
    throw new moodle_exception('notregulated', 'local_anxue', $url);
}

$chosen = optional_param_array('users', [], PARAM_INT);
if ($action && confirm_sesskey()) {
    core_php_time_limit::raise(300);
    if ($action === 'put') {
        // Only learners of this course, whatever was posted.
        $done = placeholders::put(array_intersect($chosen, scan::learners($courseid)));
        scan::report($courseid);
        redirect(new moodle_url($url, ['course' => $courseid]), get_string('contact_done', 'local_anxue', $done));
    }
    if ($action === 'undo') {
        $done = undo_log::undo(required_param('batch', PARAM_ALPHANUMEXT));
        foreach (regulated::course_ids() as $id) {
            scan::report($id);
        }
        redirect($url, get_string('contact_undone', 'local_anxue', $done));
    }
    if ($action === 'scan') {
        foreach (regulated::course_ids() as $id) {
            scan::report($id);
        }
        redirect($url, get_string('contact_scanned', 'local_anxue'));
    }
}

echo $OUTPUT->header();
echo $OUTPUT->heading(get_string('contact', 'local_anxue'));
if ($action === 'ask' && $chosen) {
    echo page::question($courseid, array_slice($chosen, 0, placeholders::MOST));
} else if ($courseid) {
    echo page::people($courseid);
} else {
    echo html_writer::tag('p', get_string('contact_intro', 'local_anxue'));
    echo page::courses();
    echo page::undo_list();
}
echo $OUTPUT->footer();
