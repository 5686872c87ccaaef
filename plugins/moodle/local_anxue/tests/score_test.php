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
 * Tests of scores and of the back-fill.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class score_test extends \advanced_testcase {
    /** @var \stdClass the made-up course and people */
    private \stdClass $made;

    /** @var \stdClass a quiz in the regulated course */
    private \stdClass $quiz;

    /** @var \local_anxue_generator the plugin's generator */
    private \local_anxue_generator $generator;

    #[\Override]
    protected function setUp(): void {
        global $CFG;
        parent::setUp();
        require_once($CFG->dirroot . '/mod/quiz/locallib.php');
        $this->resetAfterTest();
        $this->preventResetByRollback();
        $this->generator = $this->getDataGenerator()->get_plugin_generator('local_anxue');
        $this->made = $this->generator->regulated_course();
        $this->setAdminUser();
        $this->quiz = $this->generator->quiz((int) $this->made->course->id);
    }

    /**
     * A finished attempt is told once, in the quiz's own marks, as decimals.
     *
     * @covers \local_anxue\score
     * @covers \local_anxue\observer::attempt_finished
     */
    public function test_finished_attempt_is_told_once(): void {
        global $DB;
        $this->setUser($this->made->learner);
        $attemptid = $this->generator->attempt($this->quiz, (int) $this->made->learner->id);
        $this->assertFalse(score::report($attemptid));
        $messages = $this->generator->messages(message::GRADED);
        $attempt = $DB->get_record('quiz_attempts', ['id' => $attemptid]);
        $this->assertCount(1, $messages);
        $this->assertSame([
            'sub' => (string) $this->made->learner->id,
            'resource_link_id' => 'cm-' . $this->quiz->cmid,
            'attempt' => (string) $attemptid,
            'score' => '1',
            'maximum' => '2',
            'started_at' => gmdate('Y-m-d\TH:i:s\Z', $attempt->timestart),
            'finished_at' => gmdate('Y-m-d\TH:i:s\Z', $attempt->timefinish),
        ], $messages[0]['data']);
        $activity = array_column($this->generator->messages(message::ACTIVITY), 'data');
        $started = array_values(array_filter($activity, fn(array $data): bool => str_ends_with($data['event'], 'submitted')));
        $this->assertSame((string) $attemptid, $started[0]['attempt']);
    }

    /**
     * A teacher's preview, an attempt under way, one that waits for marks and one of another course are no scores.
     *
     * @covers \local_anxue\score
     */
    public function test_what_is_no_score_is_not_told(): void {
        global $DB;
        $preview = $this->generator->attempt($this->quiz, (int) $this->made->teacher->id, true);
        $this->assertFalse(score::report($preview));
        $other = $this->generator->quiz((int) $this->made->other->id);
        $this->generator->attempt($other, (int) $this->made->learner->id);
        $this->assertSame([], $this->generator->messages(message::GRADED));
        $attemptid = $this->generator->attempt($this->quiz, (int) $this->made->learner->id);
        $DB->delete_records('local_anxue_outbox');
        $DB->set_field('quiz_attempts', 'sumgrades', null, ['id' => $attemptid]);
        $this->assertFalse(score::report($attemptid));
        $DB->set_field('quiz_attempts', 'sumgrades', 1, ['id' => $attemptid]);
        $DB->set_field('quiz_attempts', 'state', 'inprogress', ['id' => $attemptid]);
        $this->assertFalse(score::report($attemptid));
        $DB->set_field('quiz_attempts', 'state', 'finished', ['id' => $attemptid]);
        $this->assertTrue(score::report($attemptid));
    }

    /**
     * The past is told part by part to its end; what was told live has the same id and is not told twice.
     *
     * @covers \local_anxue\backfill
     */
    public function test_backfill_tells_the_past_once(): void {
        global $DB;
        $this->setUser($this->made->learner);
        $cm = get_coursemodule_from_id('page', $this->made->page->cmid);
        $page = $DB->get_record('page', ['id' => $cm->instance]);
        page_view($page, get_course($cm->course), $cm, \context_module::instance($cm->id));
        $this->generator->attempt($this->quiz, (int) $this->made->learner->id);
        $late = $this->getDataGenerator()->create_user();
        $this->getDataGenerator()->enrol_user($late->id, $this->made->course->id, 'student');
        // The first two were enrolled before the course was regulated.
        $this->assertSame(['queued' => 2, 'known' => 3], array_slice($this->all(100), 0, 2));

        $live = $DB->get_fieldset_select('local_anxue_outbox', 'uuid', "payload LIKE '%user_enrolment_created%'
            OR payload LIKE '%completion_updated%' OR msgtype = 'attempt.graded'");
        $DB->delete_records('local_anxue_outbox');
        $found = $this->all(1);
        $this->assertSame(['queued' => 5, 'known' => 0], array_slice($found, 0, 2));
        $this->assertGreaterThanOrEqual(5, $found['calls']);
        $this->assertEqualsCanonicalizing($live, $DB->get_fieldset_select('local_anxue_outbox', 'uuid', ''));
        $this->assertSame(0, backfill::next(0, 1000, '', 100)['known']);
    }

    /**
     * A full outbox stops the back-fill where it can go on later.
     *
     * @covers \local_anxue\backfill
     */
    public function test_backfill_waits_for_room(): void {
        global $DB;
        $DB->delete_records('local_anxue_outbox');
        \cache::make('local_anxue', 'outbox')->set('rows', 1000000);
        $this->assertSame(
            ['next' => 'enrolments:0', 'full' => true, 'queued' => 0, 'known' => 0],
            backfill::next(0, time() + 1, '', 100)
        );
    }

    /**
     * A cursor that is none of ours is refused.
     *
     * @covers \local_anxue\backfill
     */
    public function test_backfill_takes_its_own_cursors_alone(): void {
        foreach (["attempts:1' OR 1=1", 'grades:1', 'attempts'] as $cursor) {
            try {
                backfill::next(0, 1, $cursor, 100);
                $this->fail($cursor);
            } catch (\moodle_exception $refused) {
                $this->assertSame('badcursor', $refused->errorcode);
            }
        }
    }

    /**
     * The bridge is told of the scores that there are, under the ids of their messages, and nothing is changed.
     *
     * @covers \local_anxue\score
     * @covers \local_anxue\external\attempts
     */
    public function test_scores_are_listed_under_their_own_ids(): void {
        global $DB;
        $first = $this->generator->attempt($this->quiz, (int) $this->made->learner->id);
        $this->generator->attempt($this->quiz, (int) $this->made->teacher->id, true);
        $other = $this->generator->quiz((int) $this->made->other->id);
        $this->generator->attempt($other, (int) $this->made->learner->id);
        [$unmarked, $last] = array_map(function (): int {
            $learner = $this->getDataGenerator()->create_and_enrol($this->made->course, 'student');
            return $this->generator->attempt($this->quiz, (int) $learner->id);
        }, [1, 2]);
        $DB->set_field('quiz_attempts', 'sumgrades', null, ['id' => $unmarked]);
        $told = array_column($this->generator->messages(message::GRADED), 'data', 'id');
        $before = $DB->count_records('local_anxue_outbox');

        $listed = [];
        $after = 0;
        do {
            $part = \core_external\external_api::clean_returnvalue(
                external\attempts::execute_returns(),
                external\attempts::execute(0, time() + 1, $after, 1)
            );
            $this->assertSame('told', $part['status']);
            $listed += array_column($part['scores'], 'data', 'id');
            $after = $part['next'];
        } while ($after);

        $this->assertSame([(string) $first, (string) $last], array_column(array_values($listed), 'attempt'));
        foreach ($listed as $id => $data) {
            $this->assertEquals($told[$id], $data);
        }
        $this->assertSame($before, $DB->count_records('local_anxue_outbox'));
        $this->assertSame([], external\attempts::execute(0, 1000)['scores']);
    }

    /**
     * Who may not read the past is told nothing.
     *
     * @covers \local_anxue\external\attempts
     */
    public function test_scores_are_told_to_the_bridge_alone(): void {
        $this->setUser($this->made->teacher);
        $this->expectException(\required_capability_exception::class);
        external\attempts::execute(0, time());
    }

    /**
     * Runs the back-fill to its end.
     *
     * @param int $most rows in a call
     * @return array queued, known, calls
     */
    private function all(int $most): array {
        $sum = ['queued' => 0, 'known' => 0, 'calls' => 0];
        $cursor = '';
        do {
            $part = backfill::next(0, time() + 1, $cursor, $most);
            $sum['queued'] += $part['queued'];
            $sum['known'] += $part['known'];
            $sum['calls']++;
            $cursor = $part['next'];
        } while ($cursor !== '');
        return $sum;
    }
}
