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

namespace local_anxue\contact;

use core\encryption;
use stdClass;

/**
 * What was replaced, for as long as it can be brought back.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class undo_log {
    /**
     * Keeps a value before it is replaced.
     *
     * It is the very data that should go. Hence it lies encrypted with the site's key, which stands outside the database
     * (a copy of the database alone gives nothing), is never shown, and is deleted after a few days.
     *
     * @param string $batch id of the clean-up
     * @param int $userid
     * @param string $field as in scan::of_person()
     * @param string $oldvalue
     * @param string $newvalue the placeholder
     */
    public static function keep(string $batch, int $userid, string $field, string $oldvalue, string $newvalue): void {
        global $DB, $USER;
        $DB->insert_record('local_anxue_undo', (object) [
            'batch' => $batch,
            'userid' => $userid,
            'actorid' => $USER->id,
            'field' => $field,
            'oldvalue' => encryption::encrypt($oldvalue),
            'newvalue' => $newvalue,
            'timecreated' => time(),
        ], false);
    }

    /**
     * Returns the clean-ups that can be undone, newest first.
     *
     * @return stdClass[] batch, people, fields, actorid, timecreated
     */
    public static function batches(): array {
        global $DB;
        return $DB->get_records_sql(
            'SELECT batch, COUNT(DISTINCT userid) AS people, COUNT(*) AS fields,
                    MIN(actorid) AS actorid, MIN(timecreated) AS timecreated
               FROM {local_anxue_undo}
           GROUP BY batch
           ORDER BY MIN(timecreated) DESC'
        );
    }

    /**
     * Brings back what a clean-up replaced, where the placeholder still stands, and deletes its log.
     *
     * @param string $batch
     * @return array restored, kept: numbers of fields; kept are those that somebody filled in since
     */
    public static function undo(string $batch): array {
        global $DB;
        $done = ['restored' => 0, 'kept' => 0];
        $rows = $DB->get_records('local_anxue_undo', ['batch' => $batch], 'userid, id');
        foreach ($rows as $row) {
            $old = encryption::decrypt($row->oldvalue);
            $brought = placeholders::swap((int) $row->userid, $row->field, (string) $row->newvalue, $old);
            $done[$brought ? 'restored' : 'kept']++;
            $DB->delete_records('local_anxue_undo', ['id' => $row->id]);
        }
        placeholders::tell(array_unique(array_column($rows, 'userid')));
        \local_anxue\event\contact_restored::of($batch, $done['restored'])->trigger();
        return $done;
    }

    /**
     * Deletes what was kept before a moment.
     *
     * @param int $before Unix seconds
     */
    public static function purge(int $before): void {
        global $DB;
        $DB->delete_records_select('local_anxue_undo', 'timecreated < :before', ['before' => $before]);
    }
}
