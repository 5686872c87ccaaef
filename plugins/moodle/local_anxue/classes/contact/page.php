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

namespace local_anxue\contact;

use html_table;
use html_writer;
use local_anxue\regulated;
use local_anxue\settings;
use moodle_url;

/**
 * The parts of the page on contact data.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class page {
    /**
     * Returns the regulated courses with what Moodle holds.
     *
     * @return string
     */
    public static function courses(): string {
        global $OUTPUT;
        $table = new html_table();
        $table->head = [get_string('course'), get_string('column_learners', 'local_anxue')];
        $table->head[] = get_string('column_withcontact', 'local_anxue');
        foreach ([...scan::COLUMNS, 'custom'] as $field) {
            $table->head[] = self::name_of_kind($field);
        }
        foreach (regulated::course_ids() as $courseid) {
            $count = scan::count($courseid);
            $link = html_writer::link(self::url(['course' => $courseid]), format_string(get_course($courseid)->fullname));
            $table->data[] = [$link, $count['learners'], $count['with_contact'], ...array_values($count['fields'])];
        }
        return html_writer::table($table)
            . $OUTPUT->single_button(self::url(['action' => 'scan']), get_string('contact_scan', 'local_anxue'), 'post');
    }

    /**
     * Returns the preview of a course: who has what, and what would stand there.
     *
     * @param int $courseid
     * @return string
     */
    public static function people(int $courseid): string {
        global $DB;
        $found = array_slice(scan::of_people(scan::learners($courseid)), 0, placeholders::MOST, true);
        $back = html_writer::tag('p', html_writer::link(self::url([]), get_string('contact_back', 'local_anxue')));
        if (!$found) {
            return $back . html_writer::tag('p', get_string('contact_clean', 'local_anxue'), ['data-testid' => 'contact-clean']);
        }
        [$in, $params] = $DB->get_in_or_equal(array_keys($found));
        $names = \core_user\fields::for_name()->get_sql('', false, '', '', false)->selects;
        $users = $DB->get_records_select('user', "id $in", $params, 'lastname, firstname, id', "id, auth, $names");
        $table = new html_table();
        $table->attributes['data-testid'] = 'contact-preview';
        $table->head = ['', get_string('fullname'), get_string('column_held', 'local_anxue')];
        $table->head[] = get_string('column_placeholder', 'local_anxue');
        foreach ($users as $user) {
            $held = $new = [];
            foreach ($found[$user->id] as $field => $value) {
                $held[] = s(self::name_of($field) . ': ' . self::mask($value));
                $new[] = s(placeholders::of((int) $user->id, $field) ?: get_string('contact_empty', 'local_anxue'));
            }
            $admin = is_siteadmin($user->id);
            $box = html_writer::checkbox('users[]', $user->id, !$admin, '', ['aria-label' => fullname($user)]);
            $note = self::notes($user->auth, $admin, array_keys($found[$user->id]));
            $table->data[] = [$box, fullname($user) . $note, implode('<br>', $held), implode('<br>', $new)];
        }
        $form = self::hidden(['course' => $courseid, 'action' => 'ask'])
            . html_writer::table($table)
            . self::submit(get_string('contact_ask', 'local_anxue'), 'contact-ask');
        return $back . html_writer::tag('p', get_string('contact_preview', 'local_anxue', placeholders::MOST)) . self::form($form);
    }

    /**
     * Returns the question before anything is replaced.
     *
     * @param int $courseid
     * @param int[] $userids
     * @return string
     */
    public static function question(int $courseid, array $userids): string {
        $a = ['people' => count($userids), 'days' => settings::undo_days()];
        $form = self::hidden(['course' => $courseid, 'action' => 'put']);
        foreach ($userids as $userid) {
            $form .= html_writer::empty_tag('input', ['type' => 'hidden', 'name' => 'users[]', 'value' => $userid]);
        }
        $cancel = html_writer::link(self::url(['course' => $courseid]), get_string('cancel'), ['class' => 'btn btn-secondary']);
        return html_writer::tag('p', get_string('contact_question', 'local_anxue', $a))
            . self::form($form . self::submit(get_string('contact_put', 'local_anxue'), 'contact-put') . ' ' . $cancel);
    }

    /**
     * Returns the clean-ups that can be undone.
     *
     * @return string
     */
    public static function undo_list(): string {
        global $OUTPUT;
        $text = get_string('contact_undo_intro', 'local_anxue', settings::undo_days());
        $list = html_writer::tag('h3', get_string('contact_undo', 'local_anxue')) . html_writer::tag('p', $text);
        foreach (undo_log::batches() as $batch) {
            $batch->time = userdate($batch->timecreated);
            $actor = \core_user::get_user($batch->actorid);
            $batch->actor = $actor ? fullname($actor) : '';
            $list .= html_writer::tag('p', s(get_string('contact_undo_batch', 'local_anxue', $batch)));
            $undo = self::url(['action' => 'undo', 'batch' => $batch->batch]);
            $list .= $OUTPUT->single_button($undo, get_string('contact_undo_button', 'local_anxue'), 'post');
        }
        return $list;
    }

    /**
     * Returns a value with enough of it hidden that the page itself tells nobody's number.
     *
     * @param string $value
     * @return string
     */
    public static function mask(string $value): string {
        $length = \core_text::strlen($value);
        $shown = min(3, intdiv($length, 3));
        return \core_text::substr($value, 0, $shown) . str_repeat('*', min(8, $length - $shown));
    }

    /**
     * Returns what speaks against a person's placeholders, or that they will not last.
     *
     * @param string $auth
     * @param bool $admin
     * @param string[] $fields
     * @return string
     */
    private static function notes(string $auth, bool $admin, array $fields): string {
        $notes = $admin ? [get_string('contact_isadmin', 'local_anxue')] : [];
        foreach ($fields as $field) {
            $source = get_config('auth_' . $auth, 'field_map_' . $field);
            if ($source && get_config('auth_' . $auth, 'field_updatelocal_' . $field) === 'onlogin') {
                $notes[] = get_string('contact_comesback', 'local_anxue', $auth);
                break;
            }
        }
        return html_writer::tag('div', s(implode(' ', $notes)), ['class' => 'text-muted small']);
    }

    /**
     * Returns a field's name for people.
     *
     * @param string $field as in scan::of_person()
     * @return string
     */
    private static function name_of(string $field): string {
        global $DB;
        if (!str_starts_with($field, 'custom:')) {
            return self::name_of_kind($field);
        }
        $name = $DB->get_field('user_info_field', 'name', ['id' => (int) substr($field, strlen('custom:'))]);
        return format_string((string) $name);
    }

    /**
     * Returns the name of a kind of field.
     *
     * @param string $kind a column, or "custom"
     * @return string
     */
    private static function name_of_kind(string $kind): string {
        return $kind === 'custom' ? get_string('contact_custom', 'local_anxue') : \core_user\fields::get_display_name($kind);
    }

    /**
     * Returns an address of the page.
     *
     * @param array $params
     * @return moodle_url
     */
    private static function url(array $params): moodle_url {
        return new moodle_url('/local/anxue/contact.php', $params);
    }

    /**
     * Returns a form that posts to the page.
     *
     * @param string $content
     * @return string
     */
    private static function form(string $content): string {
        return html_writer::tag('form', $content, ['method' => 'post', 'action' => self::url([])->out(false)]);
    }

    /**
     * Returns hidden fields, the session's key among them.
     *
     * @param array $values
     * @return string
     */
    private static function hidden(array $values): string {
        return html_writer::input_hidden_params(self::url($values + ['sesskey' => sesskey()]));
    }

    /**
     * Returns a button that submits.
     *
     * @param string $label
     * @param string $testid
     * @return string
     */
    private static function submit(string $label, string $testid): string {
        $attributes = ['type' => 'submit', 'class' => 'btn btn-primary', 'data-testid' => $testid];
        return html_writer::tag('button', $label, $attributes);
    }
}
