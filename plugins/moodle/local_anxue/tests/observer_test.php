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
 * Tests of what is told: which events, whose, and nothing but the listed fields.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class observer_test extends \advanced_testcase {
    /** @var \stdClass the made-up course and people */
    private \stdClass $made;

    /** @var \local_anxue_generator the plugin's generator */
    private \local_anxue_generator $generator;

    #[\Override]
    protected function setUp(): void {
        global $DB;
        parent::setUp();
        $this->resetAfterTest();
        $this->preventResetByRollback(); // Observers run after the commit.
        $this->generator = $this->getDataGenerator()->get_plugin_generator('local_anxue');
        $this->made = $this->generator->regulated_course();
        $DB->delete_records('local_anxue_outbox');
    }

    /**
     * Lets somebody look at a page activity.
     *
     * @param \stdClass $user
     * @param \stdClass $page
     */
    private function view(\stdClass $user, \stdClass $page): void {
        global $DB;
        $this->setUser($user);
        $cm = get_coursemodule_from_id('page', $page->cmid);
        $course = get_course($cm->course);
        page_view($DB->get_record('page', ['id' => $page->id]), $course, $cm, \context_module::instance($cm->id));
    }

    /**
     * Every event on the list exists, and every observer runs after the commit.
     *
     * @covers \local_anxue\event_map
     */
    public function test_every_listed_event_exists(): void {
        $listed = array_merge(...array_values(event_map::GROUPS));
        $missing = array_filter($listed, fn(string $class): bool => !class_exists($class));
        $this->assertSame([], array_values(array_diff($missing, ['quizaccess_anxue\event\access_prevented'])));
        $this->assertSame(settings::EVENT_GROUPS, array_keys(event_map::GROUPS));
        $observers = [];
        require(__DIR__ . '/../db/events.php');
        $this->assertSame([false], array_values(array_unique(array_column($observers, 'internal'))));
        foreach ($observers as $observer) {
            $this->assertTrue(is_callable($observer['callback']), $observer['callback']);
        }
    }

    /**
     * A learner's view and its completion are told with the listed fields alone.
     *
     * @covers \local_anxue\activity
     * @covers \local_anxue\observer::activity
     */
    public function test_a_learners_view_is_told_with_listed_fields_alone(): void {
        $this->view($this->made->learner, $this->made->page);
        $messages = $this->generator->messages();
        $this->assertSame(
            ['mod_page\event\course_module_viewed', 'core\event\course_module_completion_updated'],
            array_column(array_column($messages, 'data'), 'event')
        );
        foreach ($messages as $message) {
            $this->assertSame('lms.activity', $message['type']);
            $this->assertSame(['v', 'id', 'type', 'occurred_at', 'data'], array_keys($message));
            unset($message['data']['event']);
            $this->assertSame([
                'sub' => (string) $this->made->learner->id,
                'actor_sub' => null,
                'context_id' => (string) $this->made->course->id,
                'resource_link_id' => 'cm-' . $this->made->page->cmid,
                'attempt' => null,
            ], $message['data']);
        }
    }

    /**
     * Teachers, other courses and groups that were switched off are not told.
     *
     * @covers \local_anxue\activity
     */
    public function test_others_are_not_told(): void {
        $this->view($this->made->teacher, $this->made->page);
        $this->view($this->made->learner, $this->made->otherpage);
        $this->view(get_admin(), $this->made->page);
        set_config('events', 'completion,quiz', 'local_anxue');
        $this->view($this->made->learner, $this->made->page);
        $events = array_column(array_column($this->generator->messages(), 'data'), 'event');
        $this->assertSame(['core\event\course_module_completion_updated'], $events);
    }

    /**
     * Nothing is told of logging in and out, nor of a deleted account: their events hold session ids and addresses.
     *
     * @covers \local_anxue\event_map
     */
    public function test_no_address_and_no_session_leaves(): void {
        global $DB;
        $this->view($this->made->learner, $this->made->page);
        \core\event\user_loggedout::create([
            'userid' => $this->made->learner->id,
            'objectid' => $this->made->learner->id,
            'other' => ['sessionid' => 'session-canary'],
        ])->trigger();
        delete_user($DB->get_record('user', ['id' => $this->made->learner->id]));
        $all = implode("\n", $DB->get_fieldset_select('local_anxue_outbox', 'payload', ''));
        $this->assertStringContainsString('user_enrolment_deleted', $all);
        $learner = $this->made->learner;
        foreach (['@', 'session-canary', '19900003001', $learner->username, $learner->lastname] as $canary) {
            $this->assertStringNotContainsString($canary, $all);
        }
    }

    /**
     * Behind "log in as" the activity names the person who really did it, and the login itself is a signal.
     *
     * @covers \local_anxue\observer::logged_in_as
     * @covers \local_anxue\activity
     */
    public function test_login_as_is_told(): void {
        global $DB;
        $this->setUser($this->made->teacher);
        \core\session\manager::loginas($this->made->learner->id, \context_course::instance($this->made->course->id));
        $cm = get_coursemodule_from_id('page', $this->made->page->cmid);
        $page = $DB->get_record('page', ['id' => $cm->instance]);
        page_view($page, get_course($cm->course), $cm, \context_module::instance($cm->id));
        $messages = $this->generator->messages();
        $this->assertSame(['lms.signal', 'lms.activity'], array_slice(array_column($messages, 'type'), 0, 2));
        $this->assertSame([
            'kind' => 'login_as',
            'sub' => (string) $this->made->learner->id,
            'actor_sub' => (string) $this->made->teacher->id,
            'context_id' => (string) $this->made->course->id,
            'resource_link_id' => null,
            'before' => null,
            'after' => null,
        ], $messages[0]['data']);
        $this->assertSame((string) $this->made->teacher->id, $messages[1]['data']['actor_sub']);
    }

    /**
     * "Log in as" for the whole site is a signal for each regulated course of the learner, and none for others.
     *
     * @covers \local_anxue\observer::logged_in_as
     */
    public function test_login_as_for_the_whole_site_is_told_for_each_course(): void {
        $this->setAdminUser();
        \core\session\manager::loginas($this->made->learner->id, \context_system::instance());
        $contexts = array_column(array_column($this->generator->messages(message::SIGNAL), 'data'), 'context_id');
        $this->assertSame([(string) $this->made->course->id], $contexts);
    }

    /**
     * With an account go the contact data that could be brought back and the grants.
     *
     * @covers \local_anxue\observer::user_deleted
     */
    public function test_deleted_account_leaves_no_contact_data(): void {
        global $DB;
        $this->setAdminUser();
        $learner = (int) $this->made->learner->id;
        contact\placeholders::put([$learner]);
        grants::grant('g', $learner, (int) $this->made->page->cmid, null, time() + 60);
        $this->assertGreaterThan(0, $DB->count_records('local_anxue_undo'));
        delete_user($DB->get_record('user', ['id' => $learner]));
        $this->assertSame([0, 0], [$DB->count_records('local_anxue_undo'), $DB->count_records('local_anxue_grant')]);
    }

    /**
     * "Log in as" from one course is a signal for that course alone.
     *
     * @covers \local_anxue\observer::logged_in_as
     */
    public function test_login_as_from_a_course_is_told_for_that_course(): void {
        set_config('courses', $this->made->other->id, 'local_anxue');
        regulated::forget();
        $this->setUser($this->made->teacher);
        \core\session\manager::loginas($this->made->learner->id, \context_course::instance($this->made->other->id));
        $contexts = array_column(array_column($this->generator->messages(message::SIGNAL), 'data'), 'context_id');
        $this->assertSame([(string) $this->made->other->id], $contexts);
    }

    /**
     * A learner is enrolled, active, has the capability by a role and edits nothing.
     *
     * @covers \local_anxue\regulated::is_learner
     */
    public function test_who_is_a_learner(): void {
        global $DB;
        $context = \context_course::instance($this->made->course->id);
        $is = fn(\stdClass $user): bool => regulated::is_learner((int) $user->id, $context);
        $both = $this->made->teacher;
        role_assign($DB->get_field('role', 'id', ['shortname' => 'student']), $both->id, $context->id);
        $admin = get_admin();
        $this->getDataGenerator()->enrol_user($admin->id, $this->made->course->id, 'teacher');
        $outside = $this->getDataGenerator()->create_user();
        role_assign($DB->get_field('role', 'id', ['shortname' => 'student']), $outside->id, $context->id);
        $suspended = $this->getDataGenerator()->create_user();
        $this->getDataGenerator()->enrol_user(
            $suspended->id,
            $this->made->course->id,
            'student',
            'manual',
            0,
            0,
            ENROL_USER_SUSPENDED
        );
        $people = [$this->made->learner, $both, $admin, $outside, $suspended, guest_user()];
        $this->assertSame([true, false, false, false, false, false], array_map($is, $people));
    }

    /**
     * A failure of ours does not reach the page.
     *
     * @covers \local_anxue\observer
     */
    public function test_a_failure_does_not_break_the_page(): void {
        global $DB;
        $dbman = $DB->get_manager();
        $table = new \xmldb_table('local_anxue_outbox');
        $dbman->rename_table($table, 'local_anxue_gone');
        try {
            $this->view($this->made->learner, $this->made->otherpage);
            $this->assertDebuggingNotCalled();
            $this->view($this->made->learner, $this->made->page);
            $ours = array_filter(
                $this->getDebuggingMessages(),
                fn(\stdClass $said): bool => str_starts_with($said->message, 'local_anxue could not report')
            );
            $this->assertCount(2, $ours);
            $this->resetDebugging();
        } finally {
            $dbman->rename_table(new \xmldb_table('local_anxue_gone'), 'local_anxue_outbox');
        }
    }

    /**
     * A category, a list or a ticked field makes a course regulated; a change counts at once.
     *
     * @covers \local_anxue\regulated
     */
    public function test_three_ways_to_be_regulated(): void {
        $other = (int) $this->made->other->id;
        $this->assertFalse(regulated::is_course($other));
        $this->assertFalse(regulated::is_course(SITEID));
        set_config('courses', "nonsense\n{$this->made->other->shortname}\n" . SITEID, 'local_anxue');
        regulated::forget();
        $this->assertTrue(regulated::is_course($other));
        $this->assertFalse(regulated::is_course(SITEID));
        set_config('courses', '', 'local_anxue');
        set_config('coursefield', 'regulated', 'local_anxue');
        regulated::forget();
        $this->assertFalse(regulated::is_course($other));
        $fields = $this->getDataGenerator()->get_plugin_generator('core_customfield');
        $category = $fields->create_category();
        $field = $fields->create_field(['categoryid' => $category->get('id'), 'shortname' => 'regulated', 'type' => 'checkbox']);
        $fields->add_instance_data($field, $other, 1);
        regulated::forget();
        $this->assertTrue(regulated::is_course($other));
        // Moved into the category, by the course's own form.
        set_config('coursefield', '', 'local_anxue');
        regulated::forget();
        $this->assertFalse(regulated::is_course($other));
        update_course((object) ['id' => $other, 'category' => $this->made->course->category]);
        $this->assertTrue(regulated::is_course($other));
    }
}
