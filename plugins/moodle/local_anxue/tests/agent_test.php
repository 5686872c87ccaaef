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

use Firebase\JWT\JWK;
use Firebase\JWT\JWT;
use mod_lti\local\ltiopenid\jwks_helper;

/**
 * Tests of the agent in pages, and of its token.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class agent_test extends \advanced_testcase {
    /** @var \stdClass the made-up course and people */
    private \stdClass $made;

    /** @var \local_anxue_generator the plugin's generator */
    private \local_anxue_generator $generator;

    #[\Override]
    protected function setUp(): void {
        global $CFG;
        parent::setUp();
        require_once($CFG->dirroot . '/mod/quiz/locallib.php');
        $this->resetAfterTest();
        $this->generator = $this->getDataGenerator()->get_plugin_generator('local_anxue');
        $this->made = $this->generator->regulated_course();
        set_config('kid', 'kid-1', 'mod_lti');
        $key = openssl_pkey_new(['private_key_bits' => 2048, 'private_key_type' => OPENSSL_KEYTYPE_RSA]);
        openssl_pkey_export($key, $pem);
        set_config('privatekey', $pem, 'mod_lti');
    }

    #[\Override]
    protected function tearDown(): void {
        unset($_GET['attempt']);
        parent::tearDown();
    }

    /**
     * Returns what the head of an activity's page gets.
     *
     * @param \stdClass $module
     * @param string $modname
     * @param string $pagetype
     * @return string
     */
    private function head(\stdClass $module, string $modname = 'page', string $pagetype = 'mod-page-view'): string {
        $cm = get_coursemodule_from_id($modname, $module->cmid);
        $page = new \moodle_page();
        $page->set_cm($cm, get_course($cm->course));
        $page->set_pagetype($pagetype);
        return agent::head($page);
    }

    /**
     * Returns the claims of the token in a head.
     *
     * @param string $head
     * @return array
     */
    private function claims(string $head): array {
        return (array) JWT::decode($this->settings($head)['token'], JWK::parseKeySet(jwks_helper::get_jwks()));
    }

    /**
     * Returns what a head hands to our script.
     *
     * @param string $head
     * @return array
     */
    private function settings(string $head): array {
        preg_match('~<script type="application/json" id="local-anxue-agent">(.*?)</script>~', $head, $match);
        return json_decode($match[1], true);
    }

    /**
     * A learner's page loads the bridge's script and ours, with a token that the site's JWKS verifies.
     *
     * @covers \local_anxue\agent
     * @covers \local_anxue\session_token
     */
    public function test_learners_page_has_the_agent(): void {
        global $CFG;
        $this->setUser($this->made->learner);
        $head = $this->head($this->made->page);
        $this->assertStringContainsString('src="https://bridge.lms.example/static/agent/v1.js"', $head);
        $this->assertStringContainsString("src=\"$CFG->wwwroot/local/anxue/agent.js", $head);
        $this->assertTrue(agent::is_loaded());
        $this->assertNull($this->settings($head)['attempt']);
        $this->assertSame(get_string('agentunreachable', 'local_anxue'), $this->settings($head)['unreachable']);
        $claims = $this->claims($head);
        $this->assertEqualsWithDelta(time(), $claims['iat'], 5);
        $this->assertSame(240, $claims['exp'] - $claims['iat']);
        $this->assertMatchesRegularExpression('/^[0-9a-f]{32}$/', $claims['jti']);
        $this->assertNotSame($claims['jti'], $this->claims($this->head($this->made->page))['jti']);
        unset($claims['iat'], $claims['exp'], $claims['jti']);
        $this->assertSame([
            'iss' => $CFG->wwwroot,
            'client_id' => 'client-1',
            'aud' => 'https://bridge.lms.example/agent/v1/sessions',
            'sub' => (string) $this->made->learner->id,
            'resource_link_id' => 'cm-' . $this->made->page->cmid,
            'activity' => 'study',
        ], $claims);
        preg_match('~"token":"([^.]+)~', $head, $match);
        $header = json_decode(JWT::urlsafeB64Decode($match[1]), true);
        $this->assertEquals(['typ' => 'anxue-session+jwt', 'alg' => 'RS256', 'kid' => 'kid-1'], $header);
    }

    /**
     * Nobody else's page has it: no teacher, administrator or guest, nobody who is not signed in, no unregulated course.
     *
     * @covers \local_anxue\agent
     */
    public function test_nobody_elses_page_has_the_agent(): void {
        $this->setUser($this->made->learner);
        $this->assertSame('', $this->head($this->made->otherpage));
        $this->assertSame('', $this->head($this->made->page, 'page', 'course-modedit'));
        foreach ([$this->made->teacher, get_admin(), guest_user()] as $user) {
            $this->setUser($user);
            $this->assertSame('', $this->head($this->made->page));
        }
        $this->setUser(0);
        $this->assertSame('', $this->head($this->made->page));
        $this->assertFalse(agent::is_loaded());
        $this->setUser($this->made->learner);
        $page = new \moodle_page();
        $page->set_course($this->made->course);
        $this->assertSame('', agent::head($page));
    }

    /**
     * Behind "log in as", and for a teacher who plays a student, there is no token.
     *
     * @covers \local_anxue\agent
     */
    public function test_no_token_behind_log_in_as_or_a_switched_role(): void {
        global $DB;
        $this->setUser($this->made->teacher);
        $context = \context_course::instance($this->made->course->id);
        role_switch($DB->get_field('role', 'id', ['shortname' => 'student']), $context);
        $this->assertSame('', $this->head($this->made->page));
        role_switch(0, $context);
        \core\session\manager::loginas($this->made->learner->id, $context);
        $this->assertSame('', $this->head($this->made->page));
    }

    /**
     * An exam's page has it for the sitting learner's own attempt alone, and not on the quiz's other pages.
     *
     * @covers \local_anxue\agent
     */
    public function test_exam_has_the_agent_for_the_own_attempt_alone(): void {
        $this->setAdminUser();
        $quiz = $this->generator->quiz((int) $this->made->course->id);
        $attemptid = $this->generator->attempt($quiz, (int) $this->made->learner->id);
        $this->setUser($this->made->learner);
        $this->assertSame('', $this->head($quiz, 'quiz', 'mod-quiz-attempt'));
        $_GET['attempt'] = $attemptid;
        $head = $this->head($quiz, 'quiz', 'mod-quiz-attempt');
        $claims = $this->claims($head);
        $this->assertSame(['test', (string) $attemptid], [$claims['activity'], $claims['attempt']]);
        // By the attempt the agent of its next page finds the session of this one, and it speaks of an exam.
        $settings = $this->settings($head);
        $this->assertSame((string) $attemptid, $settings['attempt']);
        $this->assertSame(get_string('agentunreachableexam', 'local_anxue'), $settings['unreachable']);
        $this->assertSame('', $this->head($quiz, 'quiz', 'mod-quiz-view'));
        $second = $this->getDataGenerator()->create_user();
        $this->getDataGenerator()->enrol_user($second->id, $this->made->course->id, 'student');
        $this->setUser($second);
        $this->assertSame('', $this->head($quiz, 'quiz', 'mod-quiz-attempt'));
    }

    /**
     * Through the hook, in a real head; and a site without its key shows its pages all the same.
     *
     * @covers \local_anxue\hook_callbacks
     */
    public function test_hook_adds_it_and_never_breaks_a_page(): void {
        global $PAGE;
        $this->setUser($this->made->learner);
        $cm = get_coursemodule_from_id('page', $this->made->page->cmid);
        $PAGE->set_cm($cm, get_course($cm->course));
        $PAGE->set_pagetype('mod-page-view');
        $PAGE->set_url('/mod/page/view.php', ['id' => $cm->id]);
        $renderer = $PAGE->get_renderer('core');
        $this->assertStringContainsString('local-anxue-agent', $renderer->standard_head_html());
        set_config('privatekey', '', 'mod_lti');
        $this->assertStringNotContainsString('local-anxue-agent', $renderer->standard_head_html());
        $this->assertDebuggingCalled();
    }
}
