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

namespace local_anxue\privacy;

use context;
use core_privacy\local\metadata\collection;
use core_privacy\local\request\approved_contextlist;
use core_privacy\local\request\approved_userlist;
use core_privacy\local\request\contextlist;
use core_privacy\local\request\transform;
use core_privacy\local\request\userlist;
use core_privacy\local\request\writer;
use local_anxue\message;
use stdClass;

/**
 * What the plugin keeps of people, and where it goes.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class provider implements
    \core_privacy\local\metadata\provider,
    \core_privacy\local\request\core_userlist_provider,
    \core_privacy\local\request\plugin\provider {
    /** @var array<string, array{int, string, string[]}> table => level of context, column of its instance, columns of people */
    private const PLACES = [
        'local_anxue_outbox' => [CONTEXT_COURSE, 'courseid', ['userid', 'actorid']],
        'local_anxue_learner_state' => [CONTEXT_COURSE, 'courseid', ['userid']],
        'local_anxue_grant' => [CONTEXT_MODULE, 'cmid', ['userid']],
        'local_anxue_undo' => [CONTEXT_USER, 'userid', ['userid', 'actorid']],
    ];

    #[\Override]
    public static function get_metadata(collection $collection): collection {
        $tables = [
            'outbox' => ['userid', 'actorid', 'courseid', 'msgtype', 'payload', 'timecreated'],
            'grant' => ['userid', 'cmid', 'attemptlimit', 'timeexpires', 'timerevoked', 'revokereason'],
            'undo' => ['userid', 'actorid', 'field', 'oldvalue', 'timecreated'],
            'learner_state' => ['userid', 'courseid', 'realname', 'classhours', 'timemodified'],
        ];
        foreach ($tables as $table => $columns) {
            $fields = array_map(fn(string $column): string => "privacy:metadata:$table:$column", $columns);
            $fields = array_combine($columns, $fields);
            $collection->add_database_table("local_anxue_$table", $fields, "privacy:metadata:$table");
        }
        $collection->add_external_location_link('bridge', [
            'userid' => 'privacy:metadata:bridge:userid',
            'actor' => 'privacy:metadata:bridge:actor',
            'event' => 'privacy:metadata:bridge:event',
            'course' => 'privacy:metadata:bridge:course',
            'attempt' => 'privacy:metadata:bridge:attempt',
            'score' => 'privacy:metadata:bridge:score',
        ], 'privacy:metadata:bridge');
        return $collection;
    }

    #[\Override]
    public static function get_contexts_for_userid(int $userid): contextlist {
        $list = new contextlist();
        foreach (self::PLACES as $table => [$level, $column, $people]) {
            $parts = $params = [];
            foreach ($people as $person) {
                $parts[] = "t.$person = :$person";
                $params[$person] = $userid;
            }
            $list->add_from_sql(
                "SELECT ctx.id
                   FROM {context} ctx
                   JOIN {{$table}} t ON t.$column = ctx.instanceid AND ctx.contextlevel = :level
                  WHERE " . implode(' OR ', $parts),
                $params + ['level' => $level]
            );
        }
        return $list;
    }

    #[\Override]
    public static function get_users_in_context(userlist $userlist): void {
        $context = $userlist->get_context();
        foreach (self::places($context) as $table => [, $column, $people]) {
            foreach ($people as $person) {
                $sql = "SELECT $person FROM {{$table}} WHERE $column = :id AND $person > 0";
                $userlist->add_from_sql($person, $sql, ['id' => $context->instanceid]);
            }
        }
    }

    #[\Override]
    public static function export_user_data(approved_contextlist $contextlist): void {
        global $DB;
        $userid = (int) $contextlist->get_user()->id;
        foreach ($contextlist->get_contexts() as $context) {
            $data = [];
            foreach (self::places($context) as $table => [, $column, $people]) {
                $parts = array_map(fn(string $person): string => "$person = :$person", $people);
                $select = "$column = :contextinstance AND (" . implode(' OR ', $parts) . ')';
                $params = array_fill_keys($people, $userid) + ['contextinstance' => $context->instanceid];
                $rows = array_values($DB->get_records_select($table, $select, $params, 'id'));
                $data[substr($table, strlen('local_anxue_'))] = array_map(self::shown(...), $rows);
            }
            if (array_filter($data)) {
                writer::with_context($context)->export_data([get_string('pluginname', 'local_anxue')], (object) $data);
            }
        }
    }

    #[\Override]
    public static function delete_data_for_all_users_in_context(context $context): void {
        global $DB;
        foreach (self::places($context) as $table => [, $column]) {
            $DB->delete_records($table, [$column => $context->instanceid]);
        }
    }

    #[\Override]
    public static function delete_data_for_user(approved_contextlist $contextlist): void {
        foreach ($contextlist->get_contexts() as $context) {
            self::delete($context, [(int) $contextlist->get_user()->id]);
        }
    }

    #[\Override]
    public static function delete_data_for_users(approved_userlist $userlist): void {
        self::delete($userlist->get_context(), array_map('intval', $userlist->get_userids()));
    }

    /**
     * Deletes what is kept of people in a context.
     *
     * A message of which somebody was only the actor is the learner's: it stays, without the actor. What was sent already lies
     * with the bridge, under its own duties of record.
     *
     * @param context $context
     * @param int[] $userids
     */
    private static function delete(context $context, array $userids): void {
        global $DB;
        if (!$userids) {
            return;
        }
        [$in, $params] = $DB->get_in_or_equal($userids, SQL_PARAMS_NAMED);
        $params['id'] = $context->instanceid;
        foreach (self::places($context) as $table => [, $column, $people]) {
            $DB->delete_records_select($table, "$column = :id AND userid $in", $params);
            if (!in_array('actorid', $people, true)) {
                continue;
            }
            foreach ($DB->get_records_select($table, "$column = :id AND actorid $in", $params) as $row) {
                $change = ['id' => $row->id, 'actorid' => 0];
                if (isset($row->payload)) {
                    $change['payload'] = message::without_actor($row->payload);
                }
                $DB->update_record($table, (object) $change);
            }
        }
    }

    /**
     * Returns the tables that keep something of a context.
     *
     * @param context $context
     * @return array as PLACES
     */
    private static function places(context $context): array {
        return array_filter(self::PLACES, fn(array $place): bool => $place[0] === (int) $context->contextlevel);
    }

    /**
     * Returns a row for its person to read.
     *
     * @param stdClass $row
     * @return array
     */
    private static function shown(stdClass $row): array {
        $shown = (array) $row;
        unset($shown['id']);
        foreach (['timecreated', 'timemodified', 'timeexpires', 'timerevoked', 'nexttry'] as $time) {
            if (!empty($shown[$time])) {
                $shown[$time] = transform::datetime($shown[$time]);
            }
        }
        if (isset($shown['oldvalue'])) {
            $shown['oldvalue'] = \core\encryption::decrypt($shown['oldvalue']);
        }
        return $shown;
    }
}
