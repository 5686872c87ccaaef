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

namespace quizaccess_anxue;

use local_anxue\grants;
use local_anxue\regulated;
use moodle_url;
use quizaccess_anxue\event\access_prevented;
use quizaccess_anxue\tests\careless_grants;

/**
 * The access rule.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \quizaccess_anxue
 * @covers     \quizaccess_anxue\gate
 */
final class rule_test extends tests\gated_quiz_testcase {
    public function test_a_quiz_without_the_setting_has_no_such_rule(): void {
        gate_setting::save((int) $this->quiz->id, false);
        $this->assertNotContains('quizaccess_anxue', $this->rules()->get_active_rule_names());
        $this->assertSame([], $this->rules()->prevent_access());
    }

    public function test_without_a_grant_nobody_comes_in(): void {
        $this->assertContains('quizaccess_anxue', $this->rules()->get_active_rule_names());
        $this->assertSame('none', self::reason($this->rules()->prevent_access()));
        $this->assertStringContainsString('https://bridge.example/learner', implode($this->rules()->prevent_access()));
    }

    public function test_a_grant_opens_the_quiz(): void {
        $this->grant();
        $this->assertSame([], $this->rules()->prevent_access());
        $this->assertSame([], $this->rules()->prevent_new_attempt(0, false));
    }

    public function test_a_grant_of_another_learner_or_quiz_opens_nothing(): void {
        $other = $this->getDataGenerator()->create_and_enrol($this->course, 'student');
        grants::grant('g-other', (int) $other->id, (int) $this->quiz->cmid, null, time() + 600);
        $this->setAdminUser();
        $quiz = $this->make_quiz();
        $this->setUser($this->learner);
        grants::grant('g-quiz', (int) $this->learner->id, (int) $quiz->cmid, null, time() + 600);
        $this->assertSame('none', self::reason($this->rules()->prevent_access()));
    }

    public function test_a_grant_that_has_run_out_opens_nothing(): void {
        $clock = $this->mock_clock_with_frozen();
        $this->grant(seconds: 60);
        consent::give((int) $this->quiz->id, (int) $this->learner->id, 'g-1');
        $this->assertSame([], $this->rules()->prevent_access());
        $clock->bump(60);
        $this->assertSame('expired', self::reason($this->rules()->prevent_access()));
    }

    public function test_a_revoked_grant_says_why_and_opens_nothing(): void {
        $this->grant();
        $this->start();
        grants::revoke('g-1', '<b>多次</b>未通过核验');
        $messages = $this->rules()->prevent_access();
        $this->assertSame('revoked', self::reason($messages));
        $this->assertStringContainsString('&lt;b&gt;多次&lt;/b&gt;未通过核验', implode($messages));
    }

    public function test_after_a_revocation_another_grant_opens_the_quiz(): void {
        $this->grant();
        grants::revoke('g-1', 'x');
        $this->grant('g-2');
        $this->assertSame([], $this->rules()->prevent_access());
    }

    public function test_a_grant_starts_no_more_attempts_than_it_says(): void {
        $this->grant('g-1', 1);
        $this->assertSame([], $this->rules()->prevent_new_attempt(0, false));
        $this->start();
        $this->assertSame('attemptsused', self::reason($this->rules()->prevent_new_attempt(1, false)));
        $this->assertSame([], $this->rules()->prevent_access(), 'The attempt under way goes on.');
    }

    public function test_a_site_that_is_not_connected_keeps_the_quiz_closed(): void {
        $this->grant();
        foreach (['bridgeurl', 'registration', 'secret', 'clientid'] as $name) {
            $value = get_config('local_anxue', $name);
            set_config($name, '', 'local_anxue');
            $this->assertSame('notconfigured', self::reason($this->rules()->prevent_access()), $name);
            set_config($name, $value, 'local_anxue');
        }
        $this->assertSame([], $this->rules()->prevent_access());
    }

    public function test_a_course_without_the_agent_keeps_the_quiz_closed(): void {
        $this->grant();
        set_config('courses', '', 'local_anxue');
        regulated::forget();
        $this->assertSame('notregulated', self::reason($this->rules()->prevent_access()));
    }

    public function test_whoever_is_no_learner_of_the_course_stays_out(): void {
        $visitor = $this->getDataGenerator()->create_user();
        grants::grant('g-v', (int) $visitor->id, (int) $this->quiz->cmid, null, time() + 600);
        $this->setUser($visitor);
        $this->assertSame('notregulated', self::reason($this->rules()->prevent_access()));
    }

    public function test_an_administrator_logged_in_as_the_learner_stays_out(): void {
        $this->grant();
        $this->setAdminUser();
        \core\session\manager::loginas((int) $this->learner->id, \context_course::instance($this->course->id));
        $this->assertSame('loginas', self::reason($this->rules()->prevent_access()));
    }

    public function test_a_teacher_in_the_role_of_a_student_stays_out(): void {
        global $DB;
        $this->setUser($this->teacher);
        $student = $DB->get_field('role', 'id', ['shortname' => 'student'], MUST_EXIST);
        role_switch($student, \context_course::instance($this->course->id));
        $this->assertSame('loginas', self::reason($this->rules()->prevent_access()));
    }

    public function test_a_missing_plugin_keeps_the_quiz_closed(): void {
        $gate = new gate((int) $this->course->id, (int) $this->quiz->id, (int) $this->quiz->cmid, 'local_gone\grants');
        $this->assertSame('pluginmissing', $gate->decide((int) $this->learner->id)->reason);
    }

    public function test_a_grant_is_looked_at_again_when_it_comes(): void {
        $gate = new gate((int) $this->course->id, (int) $this->quiz->id, (int) $this->quiz->cmid, careless_grants::class);
        $good = ['grantid' => 'g-1', 'timeexpires' => time() + 60, 'timerevoked' => 0];
        foreach (
            [
                [$good, false],
                [['grantid' => ''] + $good, true],
                [['timeexpires' => time()] + $good, true],
                [['timeexpires' => null] + $good, true],
                [['timerevoked' => time()] + $good, true],
            ] as [$grant, $refused]
        ) {
            careless_grants::$grant = (object) $grant;
            $this->assertSame($refused, $gate->decide((int) $this->learner->id)->is_refused(), json_encode($grant));
        }
    }

    public function test_a_plugin_that_fails_keeps_the_quiz_closed(): void {
        global $DB;
        $this->grant();
        $DB->get_manager()->rename_table(new \xmldb_table('local_anxue_grant'), 'local_anxue_grant_away');
        try {
            $this->assertSame('unavailable', self::reason($this->rules()->prevent_access()));
        } finally {
            $DB->get_manager()->rename_table(new \xmldb_table('local_anxue_grant_away'), 'local_anxue_grant');
        }
        $this->assertDebuggingCalled();
    }

    public function test_a_bridge_that_is_away_is_told_of(): void {
        set_config('lastfault', 'network', 'local_anxue');
        $this->assertSame('bridgeaway', self::reason($this->rules()->prevent_access()));
        $this->grant();
        $this->assertSame([], $this->rules()->prevent_access());
    }

    public function test_the_preview_of_a_teacher_passes(): void {
        $this->setUser($this->teacher);
        $this->assertSame([], $this->rules()->prevent_access());
        $this->assertSame([], $this->rules()->prevent_new_attempt(0, false));
        $this->assertFalse($this->rules()->is_preflight_check_required(null));
    }

    public function test_consent_is_asked_for_once_a_grant(): void {
        $this->grant();
        $this->assertTrue($this->rules()->is_preflight_check_required(null));
        $this->assertArrayHasKey('anxueconsent', $this->rules()->validate_preflight_check([], [], null));
        $this->assertSame([], $this->rules()->validate_preflight_check(['anxueconsent' => 1], [], null));
        $this->assertTrue($this->rules()->is_preflight_check_required(null));
        $this->rules()->notify_preflight_check_passed(null);
        $this->assertFalse($this->rules()->is_preflight_check_required(null));
        grants::revoke('g-1', 'x');
        $this->grant('g-2');
        $this->assertTrue($this->rules()->is_preflight_check_required(null));
    }

    public function test_the_preflight_check_alone_refuses_too(): void {
        // The web service that hands in an attempt asks for this and not for prevent_access().
        $this->grant();
        $this->rules()->notify_preflight_check_passed(null);
        grants::revoke('g-1', 'x');
        $this->assertTrue($this->rules()->is_preflight_check_required(1));
        $errors = $this->rules()->validate_preflight_check(['anxueconsent' => 1], [], 1);
        $this->assertArrayHasKey('anxueconsent', $errors);
        $this->rules()->notify_preflight_check_passed(1);
        $this->assertTrue($this->rules()->is_preflight_check_required(1));
    }

    public function test_a_refusal_is_an_event_without_personal_data(): void {
        $sink = $this->redirectEvents();
        $rules = $this->rules();
        $rules->prevent_access();
        $rules->prevent_access();
        $events = array_filter($sink->get_events(), fn($event) => $event instanceof access_prevented);
        $this->assertCount(1, $events);
        $event = reset($events);
        $this->assertSame((int) $this->learner->id, (int) $event->userid);
        $this->assertSame(['reason' => 'none'], $event->other);
        $this->assertEquals(\context_module::instance($this->quiz->cmid), $event->get_context());
        $this->assertEquals(new moodle_url('/mod/quiz/view.php', ['id' => $this->quiz->cmid]), $event->get_url());
        $this->assertStringContainsString("'none'", $event->get_description());
        $this->assertNotSame('', $event::get_name());
    }

    public function test_the_way_to_the_gate_is_the_courses_own_lti_activity(): void {
        $this->setAdminUser();
        $this->getDataGenerator()->create_module('lti', [
            'course' => $this->course->id, 'toolurl' => 'https://elsewhere.example/x',
        ]);
        $hidden = $this->getDataGenerator()->create_module('lti', [
            'course' => $this->course->id, 'toolurl' => 'https://bridge.example/hidden', 'visible' => 0,
        ]);
        $lti = $this->getDataGenerator()->create_module('lti', [
            'course' => $this->course->id, 'toolurl' => 'https://bridge.example/lti/launch',
        ]);
        $this->setUser($this->learner);
        $text = implode($this->rules()->prevent_access());
        $this->assertStringContainsString("/mod/lti/view.php?id=$lti->cmid", $text);
        $this->assertStringNotContainsString("id=$hidden->cmid", $text);
    }

    public function test_every_reason_has_a_sentence_of_its_own(): void {
        $sentences = array_map(refusal::sentence(...), refusal::REASONS);
        $this->assertSame($sentences, array_unique($sentences));
        $this->assertSame(refusal::sentence('unavailable'), refusal::sentence('no such reason'));
    }

    public function test_the_page_says_that_there_is_a_gate(): void {
        $this->assertContains(get_string('description', 'quizaccess_anxue'), $this->rules()->describe_rules());
    }
}
