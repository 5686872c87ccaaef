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
 * The connection test.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

use local_anxue\check_result;
use local_anxue\connection_test;
use local_anxue\settings;

require_once(__DIR__ . '/../../config.php');
require_once($CFG->libdir . '/adminlib.php');

admin_externalpage_setup('local_anxue_connection');

$url = new moodle_url('/local/anxue/connection.php');
$action = optional_param('action', '', PARAM_ALPHA);
$test = new connection_test();

if ($action === 'usenext' && confirm_sesskey()) {
    if (!$test->next_secret_works()) {
        redirect($url, get_string('nextsecretrefused', 'local_anxue'), null, \core\output\notification::NOTIFY_ERROR);
    }
    settings::use_next_secret();
    redirect($url, get_string('nextsecretused', 'local_anxue'), null, \core\output\notification::NOTIFY_SUCCESS);
}

echo $OUTPUT->header();
echo $OUTPUT->heading(get_string('connection', 'local_anxue'));
echo html_writer::tag('p', get_string('connection_intro', 'local_anxue'));

if ($action === 'run' && confirm_sesskey()) {
    $table = new html_table();
    $table->attributes['data-testid'] = 'connection-results';
    $table->head = [get_string('check', 'local_anxue'), get_string('status'), get_string('finding', 'local_anxue')];
    $badges = [
        check_result::OK => 'badge bg-success text-white',
        check_result::WARNING => 'badge bg-warning text-dark',
        check_result::FAILED => 'badge bg-danger text-white',
    ];
    foreach ($test->run() as $result) {
        [$first, $second] = array_map('s', $result->sentences());
        $sentences = $result->status === check_result::OK
            ? $first
            : $first . html_writer::tag('div', $second, ['class' => 'text-muted small']);
        $row = new html_table_row([
            get_string('check_' . $result->check, 'local_anxue'),
            html_writer::span(get_string('status_' . $result->status, 'local_anxue'), $badges[$result->status]),
            $sentences,
        ]);
        $row->attributes['data-finding'] = $result->finding;
        $table->data[] = $row;
    }
    echo html_writer::table($table);
}

echo $OUTPUT->single_button(new moodle_url($url, ['action' => 'run']), get_string('runtest', 'local_anxue'), 'post');
if (settings::next_secret() !== '') {
    echo html_writer::tag('p', get_string('nextsecretset', 'local_anxue'), ['class' => 'mt-3']);
    echo $OUTPUT->single_button(new moodle_url($url, ['action' => 'usenext']), get_string('usenextsecret', 'local_anxue'), 'post');
}
echo $OUTPUT->footer();
