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

namespace quizaccess_anxue\privacy;

use context_module;
use context_system;
use core_privacy\local\metadata\collection;
use core_privacy\local\request\approved_userlist;
use core_privacy\local\request\userlist;
use core_privacy\tests\provider_testcase;
use quizaccess_anxue\consent;

/**
 * What is told of, handed out and forgotten about a person.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 * @covers     \quizaccess_anxue\privacy\provider
 */
final class provider_test extends provider_testcase {
    /** @var \stdClass[] two quizzes. */
    private array $quizzes;

    /** @var \stdClass[] two people. */
    private array $people;

    /**
     * Two people who agreed for two quizzes.
     */
    protected function setUp(): void {
        parent::setUp();
        $this->resetAfterTest();
        $generator = $this->getDataGenerator();
        $course = $generator->create_course();
        foreach ([0, 1] as $number) {
            $this->quizzes[$number] = $generator->create_module('quiz', ['course' => $course->id]);
            $this->people[$number] = $generator->create_user();
        }
        foreach ($this->quizzes as $quiz) {
            foreach ($this->people as $person) {
                consent::give((int) $quiz->id, (int) $person->id, "g-$quiz->id-$person->id");
            }
        }
    }

    public function test_the_table_is_told_of(): void {
        $items = provider::get_metadata(new collection('quizaccess_anxue'))->get_collection();
        $this->assertSame('quizaccess_anxue_consent', $items[0]->get_name());
    }

    public function test_contexts_and_people_are_found(): void {
        $contexts = provider::get_contexts_for_userid((int) $this->people[0]->id)->get_contextids();
        $this->assertEqualsCanonicalizing([$this->context(0)->id, $this->context(1)->id], $contexts);
        $userlist = new userlist($this->context(0), 'quizaccess_anxue');
        provider::get_users_in_context($userlist);
        $this->assertEqualsCanonicalizing(array_column($this->people, 'id'), $userlist->get_userids());
    }

    public function test_a_persons_own_consents_are_handed_out(): void {
        $this->export_context_data_for_user((int) $this->people[0]->id, $this->context(0), 'quizaccess_anxue');
        $data = \core_privacy\local\request\writer::with_context($this->context(0))
            ->get_data([get_string('pluginname', 'quizaccess_anxue')]);
        $this->assertCount(1, $data->consents);
        $this->assertSame("g-{$this->quizzes[0]->id}-{$this->people[0]->id}", $data->consents[0]['grantid']);
    }

    public function test_one_persons_consents_are_forgotten(): void {
        $list = new \core_privacy\local\request\approved_contextlist(
            $this->people[0],
            'quizaccess_anxue',
            [$this->context(0)->id, context_system::instance()->id],
        );
        provider::delete_data_for_user($list);
        $this->assertSame(['01', '10', '11'], $this->left());
    }

    public function test_some_peoples_consents_are_forgotten(): void {
        $list = new approved_userlist($this->context(1), 'quizaccess_anxue', [(int) $this->people[1]->id]);
        provider::delete_data_for_users($list);
        $this->assertSame(['00', '01', '10'], $this->left());
    }

    public function test_all_consents_of_a_quiz_are_forgotten(): void {
        provider::delete_data_for_all_users_in_context(context_system::instance());
        provider::delete_data_for_all_users_in_context($this->context(0));
        $this->assertSame(['10', '11'], $this->left());
    }

    /**
     * The context of a quiz.
     *
     * @param int $number which quiz.
     * @return context_module
     */
    private function context(int $number): context_module {
        return context_module::instance($this->quizzes[$number]->cmid);
    }

    /**
     * Which consents are there: number of the quiz, number of the person.
     *
     * @return string[]
     */
    private function left(): array {
        global $DB;
        $left = [];
        foreach ($this->quizzes as $q => $quiz) {
            foreach ($this->people as $p => $person) {
                if ($DB->record_exists(consent::TABLE, ['quizid' => $quiz->id, 'userid' => $person->id])) {
                    $left[] = "$q$p";
                }
            }
        }
        return $left;
    }
}
