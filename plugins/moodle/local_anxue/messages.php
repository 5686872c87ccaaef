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
 * What waits for the bridge, and what was refused and why.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

use local_anxue\outbox;

require_once(__DIR__ . '/../../config.php');
require_once($CFG->libdir . '/adminlib.php');

admin_externalpage_setup('local_anxue_messages');

$url = new moodle_url('/local/anxue/messages.php');
$action = optional_param('action', '', PARAM_ALPHA);
if ($action === 'again' && confirm_sesskey()) {
    outbox::send_again(optional_param('reason', '', PARAM_ALPHANUMEXT) ?: null);
    redirect($url, get_string('sendagaindone', 'local_anxue'));
}
if ($action === 'now' && confirm_sesskey()) {
    outbox::wake();
    \core\task\manager::reschedule_or_queue_adhoc_task(new \local_anxue\task\deliver_now());
    redirect($url, get_string('sendnowdone', 'local_anxue'));
}

$state = outbox::state();
$page = optional_param('page', 0, PARAM_INT);
$perpage = 50;

echo $OUTPUT->header();
echo $OUTPUT->heading(get_string('messages', 'local_anxue'));
echo html_writer::tag('p', get_string('messages_state', 'local_anxue', $state));
if ($state['lost']) {
    echo $OUTPUT->notification(get_string('messages_lost', 'local_anxue', userdate($state['lost'])), 'warning');
}

$sql = 'SELECT reason, COUNT(*) AS n FROM {local_anxue_outbox} WHERE status = :status GROUP BY reason ORDER BY reason';
foreach ($DB->get_records_sql($sql, ['status' => outbox::REFUSED]) as $reason) {
    $again = new moodle_url($url, ['action' => 'again', 'reason' => $reason->reason]);
    echo $OUTPUT->single_button($again, get_string('sendagain', 'local_anxue', $reason), 'post');
}
if ($state['waiting']) {
    echo $OUTPUT->single_button(new moodle_url($url, ['action' => 'now']), get_string('sendnow', 'local_anxue'), 'post');
}

// Neither the payload nor a name: who it is about is nothing for this page.
$table = new html_table();
$table->head = array_map(
    fn(string $id): string => get_string('column_' . $id, 'local_anxue'),
    ['type', 'course', 'created', 'status', 'tries', 'reason']
);
$where = "status <> 'sent'";
$rows = $DB->get_records_select('local_anxue_outbox', $where, [], 'id DESC', '*', $page * $perpage, $perpage);
foreach ($rows as $row) {
    $table->data[] = [
        s($row->msgtype),
        $row->courseid,
        userdate($row->timecreated),
        get_string('row_' . $row->status, 'local_anxue'),
        $row->tries,
        s(trim("$row->reason $row->message")),
    ];
}
if ($rows) {
    echo html_writer::table($table);
    echo $OUTPUT->paging_bar($DB->count_records_select('local_anxue_outbox', $where), $page, $perpage, $url);
}
echo $OUTPUT->footer();
