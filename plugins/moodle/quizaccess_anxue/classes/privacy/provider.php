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

use context;
use context_module;
use core_privacy\local\metadata\collection;
use core_privacy\local\request\approved_contextlist;
use core_privacy\local\request\approved_userlist;
use core_privacy\local\request\contextlist;
use core_privacy\local\request\transform;
use core_privacy\local\request\userlist;
use core_privacy\local\request\writer;
use quizaccess_anxue\consent;

/**
 * What is kept about a person: the consents. Grants are kept, and told of, by local_anxue.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class provider implements
    \core_privacy\local\metadata\provider,
    \core_privacy\local\request\core_userlist_provider,
    \core_privacy\local\request\plugin\provider {
    /** @var string the rows of a context's quiz, to which a condition is added. */
    private const OF_CONTEXT = '{quizaccess_anxue_consent} ac
              JOIN {course_modules} cm ON cm.instance = ac.quizid
              JOIN {modules} m ON m.id = cm.module AND m.name = \'quiz\'
              JOIN {context} ctx ON ctx.instanceid = cm.id AND ctx.contextlevel = :contextlevel';

    /**
     * What is kept.
     *
     * @param collection $collection to add to.
     * @return collection
     */
    public static function get_metadata(collection $collection): collection {
        $collection->add_database_table('quizaccess_anxue_consent', [
            'quizid' => 'privacy:metadata:consent:quizid',
            'userid' => 'privacy:metadata:consent:userid',
            'grantid' => 'privacy:metadata:consent:grantid',
            'timecreated' => 'privacy:metadata:consent:timecreated',
        ], 'privacy:metadata:consent');
        return $collection;
    }

    /**
     * The quizzes for which a person agreed.
     *
     * @param int $userid the person.
     * @return contextlist
     */
    public static function get_contexts_for_userid(int $userid): contextlist {
        $list = new contextlist();
        $list->add_from_sql(
            'SELECT ctx.id FROM ' . self::OF_CONTEXT . ' WHERE ac.userid = :userid',
            ['contextlevel' => CONTEXT_MODULE, 'userid' => $userid],
        );
        return $list;
    }

    /**
     * Who agreed for a quiz.
     *
     * @param userlist $userlist to add to.
     */
    public static function get_users_in_context(userlist $userlist) {
        $userlist->add_from_sql(
            'userid',
            'SELECT ac.userid FROM ' . self::OF_CONTEXT . ' WHERE ctx.id = :contextid',
            ['contextlevel' => CONTEXT_MODULE, 'contextid' => $userlist->get_context()->id],
        );
    }

    /**
     * Hand out a person's consents.
     *
     * @param approved_contextlist $contextlist whose and where.
     */
    public static function export_user_data(approved_contextlist $contextlist) {
        global $DB;
        foreach ($contextlist->get_contexts() as $context) {
            $quizid = self::quiz_of($context);
            if ($quizid === null) {
                continue;
            }
            $conditions = ['quizid' => $quizid, 'userid' => $contextlist->get_user()->id];
            $rows = $DB->get_records(consent::TABLE, $conditions, 'id', 'id, grantid, timecreated');
            if ($rows) {
                writer::with_context($context)->export_data(
                    [get_string('pluginname', 'quizaccess_anxue')],
                    (object) ['consents' => array_map(fn($row) => [
                        'grantid' => $row->grantid,
                        'timecreated' => transform::datetime($row->timecreated),
                    ], array_values($rows))],
                );
            }
        }
    }

    /**
     * Forget the consents of a quiz.
     *
     * @param context $context the quiz.
     */
    public static function delete_data_for_all_users_in_context(context $context) {
        $quizid = self::quiz_of($context);
        if ($quizid !== null) {
            consent::delete_for_quiz($quizid);
        }
    }

    /**
     * Forget a person's consents.
     *
     * @param approved_contextlist $contextlist whose and where.
     */
    public static function delete_data_for_user(approved_contextlist $contextlist) {
        foreach ($contextlist->get_contexts() as $context) {
            self::delete($context, [$contextlist->get_user()->id]);
        }
    }

    /**
     * Forget the consents of some people.
     *
     * @param approved_userlist $userlist whose and where.
     */
    public static function delete_data_for_users(approved_userlist $userlist) {
        self::delete($userlist->get_context(), $userlist->get_userids());
    }

    /**
     * Forget the consents of people for the quiz of a context.
     *
     * @param context $context the quiz.
     * @param int[] $userids the people.
     */
    private static function delete(context $context, array $userids): void {
        global $DB;
        $quizid = self::quiz_of($context);
        if ($quizid === null || !$userids) {
            return;
        }
        [$in, $params] = $DB->get_in_or_equal($userids, SQL_PARAMS_NAMED);
        $DB->delete_records_select(consent::TABLE, "quizid = :quizid AND userid $in", $params + ['quizid' => $quizid]);
    }

    /**
     * The quiz of a context, or null.
     *
     * @param context $context any context.
     * @return int|null
     */
    private static function quiz_of(context $context): ?int {
        $cm = $context instanceof context_module ? get_coursemodule_from_id('quiz', $context->instanceid) : false;
        return $cm ? (int) $cm->instance : null;
    }
}
