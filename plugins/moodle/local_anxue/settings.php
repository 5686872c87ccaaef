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
 * Settings and pages.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

if ($hassiteconfig || has_capability('local/anxue:managecontact', context_system::instance())) {
    $ADMIN->add('localplugins', new admin_category('local_anxue', new lang_string('pluginname', 'local_anxue')));

    $settings = new admin_settingpage('local_anxue_settings', new lang_string('settings', 'local_anxue'));
    $ADMIN->add('local_anxue', $settings);
    foreach (
        [
            'connection' => 'moodle/site:config',
            'messages' => 'moodle/site:config',
            'contact' => 'local/anxue:managecontact',
        ] as $page => $capability
    ) {
        $ADMIN->add('local_anxue', new admin_externalpage(
            'local_anxue_' . $page,
            new lang_string($page, 'local_anxue'),
            new moodle_url("/local/anxue/$page.php"),
            $capability
        ));
    }

    if ($ADMIN->fulltree) {
        $name = fn(string $id): lang_string => new lang_string('setting_' . $id, 'local_anxue');
        $text = fn(string $id): lang_string => new lang_string('setting_' . $id . '_desc', 'local_anxue');

        $settings->add(new admin_setting_heading('local_anxue/bridge', new lang_string('heading_bridge', 'local_anxue'), ''));
        foreach (['bridgeurl' => PARAM_URL, 'registration' => PARAM_ALPHANUMEXT] as $id => $type) {
            $settings->add(new admin_setting_configtext("local_anxue/$id", $name($id), $text($id), '', $type));
        }
        foreach (['secret', 'nextsecret'] as $id) {
            $settings->add(new admin_setting_configpasswordunmask("local_anxue/$id", $name($id), $text($id), ''));
        }
        $tools = $DB->get_records_select_menu(
            'lti_types',
            'clientid IS NOT NULL AND ltiversion = :version',
            ['version' => '1.3.0'],
            'name',
            'clientid, name'
        );
        foreach ($tools as $clientid => $tool) {
            $tools[$clientid] = format_string($tool) . " ($clientid)";
        }
        $settings->add(new admin_setting_configselect(
            'local_anxue/clientid',
            $name('clientid'),
            $text('clientid'),
            '',
            ['' => get_string('choosedots')] + $tools
        ));

        $courses = new lang_string('heading_courses', 'local_anxue');
        $settings->add(new admin_setting_heading('local_anxue/which', $courses, $text('courses_heading')));
        $forget = fn() => \local_anxue\regulated::forget();
        $chosen = new admin_setting_configmultiselect(
            'local_anxue/categories',
            $name('categories'),
            $text('categories'),
            [],
            core_course_category::make_categories_list()
        );
        $chosen->set_updatedcallback($forget);
        $settings->add($chosen);
        $listed = new admin_setting_configtextarea('local_anxue/courses', $name('courses'), $text('courses'), '', PARAM_TEXT);
        $listed->set_updatedcallback($forget);
        $settings->add($listed);
        $field = new admin_setting_configtext('local_anxue/coursefield', $name('coursefield'), $text('coursefield'), '');
        $field->set_updatedcallback($forget);
        $settings->add($field);

        $settings->add(new admin_setting_heading('local_anxue/told', new lang_string('heading_events', 'local_anxue'), ''));
        $groups = [];
        foreach (\local_anxue\settings::EVENT_GROUPS as $group) {
            $groups[$group] = new lang_string('group_' . $group, 'local_anxue');
        }
        $settings->add(new admin_setting_configmulticheckbox(
            'local_anxue/events',
            $name('events'),
            $text('events'),
            array_fill_keys(array_keys($groups), 1),
            $groups
        ));
        foreach (['batchsize' => 200, 'timeout' => 10, 'retentiondays' => 14, 'mostrows' => 50000] as $id => $default) {
            $settings->add(new admin_setting_configtext("local_anxue/$id", $name($id), $text($id), $default, PARAM_INT));
        }

        $settings->add(new admin_setting_heading('local_anxue/held', new lang_string('heading_contact', 'local_anxue'), ''));
        foreach (['contactfields' => ['', PARAM_TEXT], 'undodays' => [7, PARAM_INT]] as $id => [$default, $type]) {
            $settings->add(new admin_setting_configtext("local_anxue/$id", $name($id), $text($id), $default, $type));
        }
    }
}

$settings = null; // The pages were added above; Moodle would add a second one.
