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

use local_anxue\external\grant_exam;
use local_anxue\external\revoke_exam;

/**
 * Tests of grants, and of the web services that give and take them.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class grants_test extends \advanced_testcase {
    /** @var \stdClass the made-up course and people */
    private \stdClass $made;

    /** @var int course module of a quiz in the regulated course */
    private int $cmid;

    /** @var int the learner */
    private int $learner;

    /** @var \stdClass the quiz */
    private \stdClass $quiz;

    #[\Override]
    protected function setUp(): void {
        global $CFG;
        parent::setUp();
        require_once($CFG->dirroot . '/mod/quiz/locallib.php');
        $this->resetAfterTest();
        $generator = $this->getDataGenerator()->get_plugin_generator('local_anxue');
        $this->made = $generator->regulated_course();
        $this->setAdminUser();
        $this->quiz = $generator->quiz((int) $this->made->course->id);
        $this->cmid = (int) $this->quiz->cmid;
        $this->learner = (int) $this->made->learner->id;
    }

    /**
     * A grant holds for its person, its quiz and its time, and until it is revoked.
     *
     * @covers \local_anxue\grants
     */
    public function test_grant_holds_for_its_person_quiz_and_time(): void {
        $clock = $this->mock_clock_with_frozen(1795852800);
        $this->assertNull(grants::active_grant($this->learner, $this->cmid));
        $this->assertSame('granted', grants::grant('g1', $this->learner, $this->cmid, null, 1795852800 + 600));
        $this->assertSame('g1', grants::active_grant($this->learner, $this->cmid)->grantid);
        $this->assertNull(grants::active_grant((int) $this->made->teacher->id, $this->cmid));
        $this->assertNull(grants::active_grant($this->learner, (int) $this->made->page->cmid));
        $clock->bump(599);
        $this->assertNotNull(grants::active_grant($this->learner, $this->cmid));
        $clock->bump(1);
        $this->assertNull(grants::active_grant($this->learner, $this->cmid));
    }

    /**
     * A revoked grant is over at once, says why, and cannot be given again; nor can one that was revoked before it came.
     *
     * @covers \local_anxue\grants
     */
    public function test_revoked_grant_is_over_for_ever(): void {
        $expires = time() + 600;
        grants::grant('g1', $this->learner, $this->cmid, null, $expires);
        $this->assertSame('revoked', grants::revoke('g1', '人脸核验未通过'));
        $this->assertSame('already', grants::revoke('g1', 'again'));
        $this->assertNull(grants::active_grant($this->learner, $this->cmid));
        $this->assertSame('人脸核验未通过', grants::last_revoked($this->learner, $this->cmid)->revokereason);
        $this->assertSame('unknown', grants::revoke('g2', 'came first'));
        foreach (['g1', 'g2'] as $id) {
            try {
                grants::grant($id, $this->learner, $this->cmid, null, $expires);
                $this->fail('granted again');
            } catch (\moodle_exception $refused) {
                $this->assertSame('grantrevoked', $refused->errorcode);
            }
        }
        $this->assertNull(grants::active_grant(0, 0));
    }

    /**
     * The same grant again changes nothing; another person, quiz or time under its id is refused.
     *
     * @covers \local_anxue\grants
     */
    public function test_an_id_stands_for_one_grant(): void {
        $expires = time() + 600;
        grants::grant('g1', $this->learner, $this->cmid, 2, $expires);
        $this->assertSame('known', grants::grant('g1', $this->learner, $this->cmid, 2, $expires));
        $others = [
            [(int) $this->made->teacher->id, $this->cmid, 2, $expires],
            [$this->learner, (int) $this->made->page->cmid, 2, $expires],
            [$this->learner, $this->cmid, 3, $expires],
            [$this->learner, $this->cmid, 2, $expires + 600],
        ];
        foreach ($others as $other) {
            try {
                grants::grant('g1', ...$other);
                $this->fail('changed');
            } catch (\moodle_exception $refused) {
                $this->assertSame('grantidused', $refused->errorcode);
            }
        }
    }

    /**
     * A grant lets so many attempts start as it says; attempts from before it and previews do not count.
     *
     * @covers \local_anxue\grants
     */
    public function test_attempt_limit_counts_starts_under_the_grant(): void {
        global $DB;
        $generator = $this->getDataGenerator()->get_plugin_generator('local_anxue');
        $old = $generator->attempt($this->quiz, $this->learner);
        $DB->set_field('quiz_attempts', 'timestart', time() - 60, ['id' => $old]);
        $DB->set_field('quiz_attempts', 'attempt', 9, ['id' => $old]);
        grants::grant('g1', $this->learner, $this->cmid, 1, time() + 600);
        $preview = $generator->attempt($this->quiz, $this->learner, true);
        $DB->set_field('quiz_attempts', 'attempt', 8, ['id' => $preview]);
        $this->assertNotNull(grants::grant_to_start($this->learner, $this->cmid));
        $generator->attempt($this->quiz, $this->learner);
        $this->assertNull(grants::grant_to_start($this->learner, $this->cmid));
        $this->assertNotNull(grants::active_grant($this->learner, $this->cmid));
        grants::grant('g2', $this->learner, $this->cmid, 3, time() + 300);
        $this->assertSame('g2', grants::grant_to_start($this->learner, $this->cmid)->grantid);
    }

    /**
     * The web service gives to learners of regulated quizzes alone, for a day at the longest, and to nobody without right.
     *
     * @covers \local_anxue\external\grant_exam
     */
    public function test_service_gives_to_learners_of_regulated_quizzes_alone(): void {
        $sub = (string) $this->learner;
        $expires = time() + 600;
        $other = $this->getDataGenerator()->create_module('quiz', ['course' => $this->made->other->id]);
        $refused = [
            'notlearner' => [(string) $this->made->teacher->id, $this->cmid, $expires, 'g', null],
            'notregulated' => [$sub, (int) $other->cmid, $expires, 'g', null],
            'invalidrecordunknown' => [$sub, (int) $this->made->page->cmid, $expires, 'g', null],
            'grantexpired' => [$sub, $this->cmid, time(), 'g', null],
            'granttoolong' => [$sub, $this->cmid, time() + DAYSECS + 60, 'g', null],
            'invalidparameter' => [$sub, $this->cmid, $expires, 'g', 0],
        ];
        foreach ($refused as $code => $arguments) {
            try {
                grant_exam::execute(...$arguments);
                $this->fail($code);
            } catch (\moodle_exception $exception) {
                $this->assertSame($code, $exception->errorcode);
            }
        }
        $sink = $this->redirectEvents();
        $answer = grant_exam::execute($sub, $this->cmid, $expires, 'g', 1);
        $answer = grant_exam::clean_returnvalue(grant_exam::execute_returns(), $answer);
        $this->assertSame(['grant_id' => 'g', 'status' => 'granted', 'expires_at' => $expires], $answer);
        $this->assertInstanceOf(event\exam_granted::class, $sink->get_events()[0]);
        $this->assertSame('revoked', revoke_exam::execute('g', '重新核验')['status']);
        $this->assertInstanceOf(event\exam_revoked::class, $sink->get_events()[1]);
        $this->setUser($this->made->teacher);
        $this->expectException(\required_capability_exception::class);
        grant_exam::execute($sub, $this->cmid, $expires, 'g3', null);
    }

    /**
     * Nobody revokes without right.
     *
     * @covers \local_anxue\external\revoke_exam
     */
    public function test_revoking_needs_the_right(): void {
        grants::grant('g1', $this->learner, $this->cmid, null, time() + 600);
        $this->setUser($this->made->learner);
        $this->expectException(\required_capability_exception::class);
        revoke_exam::execute('g1', 'no');
    }

    /**
     * The state of the site is told in figures, to those who may see it.
     *
     * @covers \local_anxue\external\site_health
     * @covers \local_anxue\external\backfill
     */
    public function test_health_and_backfill_are_for_those_who_may(): void {
        $health = external\site_health::clean_returnvalue(external\site_health::execute_returns(), external\site_health::execute());
        $this->assertSame(1, $health['regulated_courses']);
        $this->assertMatchesRegularExpression('/^\d+\.\d+/', $health['moodle']);
        $part = external\backfill::execute(0, time() + 1);
        $this->assertSame('', external\backfill::clean_returnvalue(external\backfill::execute_returns(), $part)['next']);
        $this->setUser($this->made->teacher);
        foreach ([fn() => external\site_health::execute(), fn() => external\backfill::execute(0, 1)] as $call) {
            try {
                $call();
                $this->fail('allowed');
            } catch (\required_capability_exception $refused) {
                $this->assertSame('nopermissions', $refused->errorcode);
            }
        }
    }

    /**
     * Grants go once they ended long ago; those that hold stay.
     *
     * @covers \local_anxue\grants::purge
     */
    public function test_ended_grants_are_purged(): void {
        global $DB;
        $clock = $this->mock_clock_with_frozen(1795852800);
        grants::grant('old', $this->learner, $this->cmid, null, 1795852800 + 60);
        grants::revoke('tombstone', 'x');
        $clock->bump(5000);
        grants::grant('new', $this->learner, $this->cmid, null, 1795852800 + 9000);
        grants::purge(1795852800 + 4000);
        $this->assertSame(['new'], $DB->get_fieldset_select('local_anxue_grant', 'grantid', ''));
    }
}
