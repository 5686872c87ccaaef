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

use local_anxue\contact\page;
use local_anxue\contact\placeholders;
use local_anxue\contact\scan;
use local_anxue\contact\undo_log;

/**
 * Tests of the scan of contact data, of placeholders and of undo.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class contact_test extends \advanced_testcase {
    /** @var \stdClass the made-up course and people */
    private \stdClass $made;

    /** @var int the learner, who has an e-mail address, phones, an address and three profile fields with contact data */
    private int $learner;

    /** @var int[] profile fields by short name */
    private array $fields = [];

    #[\Override]
    protected function setUp(): void {
        global $DB;
        parent::setUp();
        $this->resetAfterTest();
        $this->made = $this->getDataGenerator()->get_plugin_generator('local_anxue')->regulated_course();
        $this->learner = (int) $this->made->learner->id;
        $DB->set_field('user', 'address', '示例路 1 号', ['id' => $this->learner]);
        $values = ['wechat' => 'zhang-san', 'note' => '白天打 13800000009', 'qq' => 'abc'];
        $values += ['size' => 'XL', 'serial' => '2213800000009'];
        foreach ($values as $name => $value) {
            $datatype = $name === 'wechat' ? 'social' : 'text';
            $data = ['shortname' => $name, 'name' => $name, 'datatype' => $datatype, 'param1' => 'other'];
            $this->fields[$name] = (int) $this->getDataGenerator()->create_custom_profile_field($data)->id;
            $DB->insert_record('user_info_data', (object) [
                'userid' => $this->learner,
                'fieldid' => $this->fields[$name],
                'data' => $value,
                'dataformat' => 0,
            ]);
        }
        set_config('contactfields', 'qq', 'local_anxue');
    }

    /**
     * Columns, named fields, social accounts and what looks like a number are found; other fields and teachers are not.
     *
     * @covers \local_anxue\contact\scan
     */
    public function test_scan_finds_contact_data_of_learners(): void {
        global $DB;
        $found = array_keys(scan::of_person($this->learner));
        $custom = array_map(fn(string $name): string => 'custom:' . $this->fields[$name], ['wechat', 'note', 'qq']);
        $this->assertEqualsCanonicalizing(['email', 'phone1', 'address', ...$custom], $found);
        $context = \context_course::instance($this->made->course->id);
        role_assign($DB->get_field('role', 'id', ['shortname' => 'student']), $this->made->teacher->id, $context->id);
        $this->assertSame([$this->learner], scan::learners((int) $this->made->course->id));
        $this->assertSame([
            'learners' => 1,
            'with_contact' => 1,
            'fields' => ['email' => 1, 'phone1' => 1, 'phone2' => 0, 'address' => 1, 'custom' => 1],
        ], scan::count((int) $this->made->course->id));
    }

    /**
     * The suspended learner's data is held too.
     *
     * @covers \local_anxue\contact\scan
     */
    public function test_scan_counts_the_suspended(): void {
        global $DB;
        $DB->set_field('user_enrolments', 'status', ENROL_USER_SUSPENDED, ['userid' => $this->learner]);
        $this->assertSame(1, scan::count((int) $this->made->course->id)['with_contact']);
    }

    /**
     * The bridge is told numbers and no value.
     *
     * @covers \local_anxue\task\scan_contact
     */
    public function test_bridge_is_told_numbers(): void {
        global $DB;
        (new task\scan_contact())->execute();
        $payloads = $DB->get_fieldset_select('local_anxue_outbox', 'payload', "msgtype = 'lms.contact_scan'");
        $this->assertCount(1, $payloads);
        $this->assertSame(
            ['context_id' => (string) $this->made->course->id] + scan::count((int) $this->made->course->id),
            json_decode($payloads[0], true)['data']
        );
        $this->assertDoesNotMatchRegularExpression('/@|138|zhang/', $payloads[0]);
    }

    /**
     * Placeholders leave nothing, Moodle sends nothing to them, the log is not readable in the database, and undo brings back
     * what was there but for what was filled in since.
     *
     * @covers \local_anxue\contact\placeholders
     * @covers \local_anxue\contact\undo_log
     */
    public function test_placeholders_and_undo(): void {
        global $DB;
        $this->setAdminUser();
        $before = scan::of_person($this->learner);
        set_user_preference('newemail', 'next@lms.example', $this->learner);
        $sink = $this->redirectEvents();
        $done = placeholders::put([$this->learner]);
        $events = array_map(get_class(...), $sink->get_events());
        $this->assertSame([\core\event\user_updated::class, event\contact_replaced::class], $events);
        $this->assertSame([1, 6], [$done['people'], $done['fields']]);
        $this->assertSame([], scan::of_person($this->learner));
        $user = $DB->get_record('user', ['id' => $this->learner]);
        $this->assertSame("learner-$this->learner@anxue.invalid", $user->email);
        $this->assertTrue(validate_email($user->email));
        $this->assertSame(['', ''], [$user->phone1, $user->address]);
        $this->assertSame('XL', $DB->get_field('user_info_data', 'data', ['fieldid' => $this->fields['size']]));
        $this->assertFalse($DB->record_exists('user_preferences', ['userid' => $this->learner, 'name' => 'newemail']));

        $rows = json_encode($DB->get_records('local_anxue_undo'), JSON_UNESCAPED_UNICODE);
        foreach ($before as $value) {
            $this->assertStringNotContainsString($value, $rows);
        }
        $DB->set_field('user', 'phone1', '010', ['id' => $this->learner]);
        $this->assertSame(['restored' => 5, 'kept' => 1], undo_log::undo($done['batch']));
        $this->assertSame(['phone1' => '010'] + $before, ['phone1' => '010'] + scan::of_person($this->learner));
        $this->assertSame('010', $DB->get_field('user', 'phone1', ['id' => $this->learner]));
        $this->assertSame(0, $DB->count_records('local_anxue_undo'));
    }

    /**
     * The log goes after its days; with no days there is none.
     *
     * @covers \local_anxue\contact\undo_log
     * @covers \local_anxue\task\tidy
     */
    public function test_undo_log_goes_after_its_days(): void {
        global $DB;
        $this->setAdminUser();
        placeholders::put([$this->learner]);
        (new task\tidy())->execute();
        $this->assertSame(6, $DB->count_records('local_anxue_undo'));
        $DB->set_field('local_anxue_undo', 'timecreated', time() - 8 * DAYSECS);
        (new task\tidy())->execute();
        $this->assertSame(0, $DB->count_records('local_anxue_undo'));
        set_config('undodays', 0, 'local_anxue');
        $DB->set_field('user', 'phone1', '19900003001', ['id' => $this->learner]);
        placeholders::put([$this->learner]);
        $this->assertSame(0, $DB->count_records('local_anxue_undo'));
    }

    /**
     * The preview hides values in part, leaves administrators unticked and warns of sources that write the data again.
     *
     * @covers \local_anxue\contact\page
     */
    public function test_preview_hides_and_warns(): void {
        global $CFG;
        $this->setAdminUser();
        set_config('field_map_email', 'mail', 'auth_manual');
        set_config('field_updatelocal_email', 'onlogin', 'auth_manual');
        $html = page::people((int) $this->made->course->id);
        $this->assertStringContainsString('138********', $html);
        $this->assertStringNotContainsString('19900003001', $html);
        $this->assertStringNotContainsString('@lms.example', $html);
        $this->assertStringContainsString('comes back', $html);
        $this->assertMatchesRegularExpression('/name="users\[\]"[^>]*checked/', $html);
        $CFG->siteadmins .= ',' . $this->learner;
        $html = page::people((int) $this->made->course->id);
        $this->assertDoesNotMatchRegularExpression('/name="users\[\]"[^>]*checked/', $html);
        $this->assertSame('**', page::mask('ab'));
    }
}
