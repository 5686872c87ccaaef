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
    #[\Override]
    public static function get_metadata(collection $collection): collection {
        $tables = [
            'outbox' => ['userid', 'actorid', 'courseid', 'msgtype', 'payload', 'timecreated'],
            'grant' => ['userid', 'cmid', 'attemptlimit', 'timeexpires', 'timerevoked', 'revokereason'],
            'undo' => ['userid', 'actorid', 'field', 'oldvalue', 'timecreated'],
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
        $list->add_from_sql(
            'SELECT ctx.id
               FROM {context} ctx
               JOIN {local_anxue_outbox} o ON o.courseid = ctx.instanceid AND ctx.contextlevel = :level
              WHERE o.userid = :userid OR o.actorid = :actorid',
            ['level' => CONTEXT_COURSE, 'userid' => $userid, 'actorid' => $userid]
        );
        $list->add_from_sql(
            'SELECT ctx.id
               FROM {context} ctx
               JOIN {local_anxue_grant} g ON g.cmid = ctx.instanceid AND ctx.contextlevel = :level
              WHERE g.userid = :userid',
            ['level' => CONTEXT_MODULE, 'userid' => $userid]
        );
        $list->add_from_sql(
            'SELECT ctx.id
               FROM {context} ctx
               JOIN {local_anxue_undo} u ON u.userid = ctx.instanceid AND ctx.contextlevel = :level
              WHERE u.userid = :userid OR u.actorid = :actorid',
            ['level' => CONTEXT_USER, 'userid' => $userid, 'actorid' => $userid]
        );
        return $list;
    }

    #[\Override]
    public static function get_users_in_context(userlist $userlist): void {
        $context = $userlist->get_context();
        [$table, $column] = self::place($context);
        if ($table === null) {
            return;
        }
        foreach (self::people_columns($table) as $person) {
            $sql = "SELECT $person FROM {{$table}} WHERE $column = :id AND $person > 0";
            $userlist->add_from_sql($person, $sql, ['id' => $context->instanceid]);
        }
    }

    #[\Override]
    public static function export_user_data(approved_contextlist $contextlist): void {
        global $DB;
        $userid = (int) $contextlist->get_user()->id;
        foreach ($contextlist->get_contexts() as $context) {
            [$table, $column] = self::place($context);
            if ($table === null) {
                continue;
            }
            [$where, $params] = self::of_people($table, [$userid]);
            $rows = $DB->get_records_select($table, "$column = :id AND $where", $params + ['id' => $context->instanceid], 'id');
            if ($rows) {
                $path = [get_string('pluginname', 'local_anxue')];
                $data = array_map(fn(stdClass $row): array => self::shown($row), array_values($rows));
                writer::with_context($context)->export_data($path, (object) [substr($table, strlen('local_anxue_')) => $data]);
            }
        }
    }

    #[\Override]
    public static function delete_data_for_all_users_in_context(context $context): void {
        global $DB;
        [$table, $column] = self::place($context);
        if ($table !== null) {
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
        [$table, $column] = self::place($context);
        if ($table === null || !$userids) {
            return;
        }
        [$in, $params] = $DB->get_in_or_equal($userids, SQL_PARAMS_NAMED);
        $params['id'] = $context->instanceid;
        $DB->delete_records_select($table, "$column = :id AND userid $in", $params);
        if (!in_array('actorid', self::people_columns($table), true)) {
            return;
        }
        foreach ($DB->get_records_select($table, "$column = :id AND actorid $in", $params) as $row) {
            $change = ['id' => $row->id, 'actorid' => 0];
            if (isset($row->payload)) {
                $change['payload'] = message::without_actor($row->payload);
            }
            $DB->update_record($table, (object) $change);
        }
    }

    /**
     * Returns the table of a level of context and its column of the instance.
     *
     * @param context $context
     * @return array{string|null, string|null}
     */
    private static function place(context $context): array {
        return match ((int) $context->contextlevel) {
            CONTEXT_COURSE => ['local_anxue_outbox', 'courseid'],
            CONTEXT_MODULE => ['local_anxue_grant', 'cmid'],
            CONTEXT_USER => ['local_anxue_undo', 'userid'],
            default => [null, null],
        };
    }

    /**
     * Returns the columns of a table that name people.
     *
     * @param string $table
     * @return string[]
     */
    private static function people_columns(string $table): array {
        return $table === 'local_anxue_grant' ? ['userid'] : ['userid', 'actorid'];
    }

    /**
     * Returns a condition that finds the rows of people.
     *
     * @param string $table
     * @param int[] $userids
     * @return array{string, array}
     */
    private static function of_people(string $table, array $userids): array {
        global $DB;
        $parts = $params = [];
        foreach (self::people_columns($table) as $column) {
            [$in, $more] = $DB->get_in_or_equal($userids, SQL_PARAMS_NAMED);
            $parts[] = "$column $in";
            $params += $more;
        }
        return ['(' . implode(' OR ', $parts) . ')', $params];
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
