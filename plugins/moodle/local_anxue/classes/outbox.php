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

use stdClass;

/**
 * What waits to be told to the bridge. Bounded: it can never fill the database.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class outbox {
    /** @var string not delivered yet */
    public const WAITING = 'waiting';

    /** @var string taken by the bridge, or known to it */
    public const SENT = 'sent';

    /** @var string turned down by the bridge; the row says why */
    public const REFUSED = 'refused';

    /** @var int bytes of messages in a batch: the bridge takes 512 KB with the envelope */
    private const MOST_BYTES = 500 * 1024;

    /** @var int how many seconds a message waits after a failure at the longest */
    private const LONGEST_WAIT = 1800;

    /**
     * Keeps a message to be sent.
     *
     * @param string $type one of message's
     * @param array $data
     * @param int $courseid
     * @param int $userid the learner, or 0
     * @param int $actorid who did it if not the learner, or 0
     * @param int|null $occurred Unix seconds; null: now
     * @param string|null $id for what must not be told twice, message::id_of(); null: a new one
     * @return bool false: it is here already, or there is no room
     */
    public static function add(
        string $type,
        array $data,
        int $courseid,
        int $userid = 0,
        int $actorid = 0,
        ?int $occurred = null,
        ?string $id = null
    ): bool {
        global $DB;
        if ($id !== null && $DB->record_exists('local_anxue_outbox', ['uuid' => $id])) {
            return false;
        }
        if (!self::has_room($type)) {
            self::note_loss();
            return false;
        }
        $now = time();
        $id ??= \core\uuid::generate();
        $DB->insert_record('local_anxue_outbox', (object) [
            'uuid' => $id,
            'msgtype' => $type,
            'payload' => message::json($id, $type, $occurred ?? $now, $data),
            'courseid' => $courseid,
            'userid' => $userid,
            'actorid' => $actorid,
            'status' => self::WAITING,
            'nexttry' => $now,
            'timecreated' => $now,
            'timemodified' => $now,
        ], false);
        return true;
    }

    /**
     * Tells whether another message fits. Scores and signals may use twice the room of mere activity.
     *
     * @param string $type
     * @return bool
     */
    public static function has_room(string $type): bool {
        global $DB;
        $limit = settings::most_rows() * ($type === message::ACTIVITY ? 1 : 2);
        // Counted once a minute: the outbox may grow by a minute's events beyond its limit, and no page pays for counting.
        $cache = \cache::make('local_anxue', 'outbox');
        $rows = $cache->get('rows');
        if ($rows === false) {
            $rows = $DB->count_records_select('local_anxue_outbox', 'status <> :sent', ['sent' => self::SENT]);
            $cache->set('rows', $rows);
        }
        return $rows < $limit;
    }

    /**
     * Returns the rows of the next batch, oldest first.
     *
     * @param int $most
     * @return stdClass[] none: nothing is due
     */
    public static function due(int $most): array {
        global $DB;
        $select = 'status = :status AND nexttry <= :now';
        $params = ['status' => self::WAITING, 'now' => time()];
        $rows = [];
        $bytes = 0;
        foreach ($DB->get_records_select('local_anxue_outbox', $select, $params, 'id', '*', 0, $most) as $row) {
            $bytes += strlen($row->payload) + 1;
            if ($rows && $bytes > self::MOST_BYTES) {
                break;
            }
            $rows[] = $row;
        }
        return $rows;
    }

    /**
     * Notes that the bridge has a message.
     *
     * @param stdClass $row
     * @param string $reason "accepted" or "duplicate"
     */
    public static function mark_sent(stdClass $row, string $reason): void {
        self::change($row, ['status' => self::SENT, 'reason' => $reason, 'message' => null]);
    }

    /**
     * Notes that the bridge will not have a message, and why.
     *
     * @param stdClass $row
     * @param string $reason
     * @param string $message
     */
    public static function mark_refused(stdClass $row, string $reason, string $message): void {
        self::change($row, ['status' => self::REFUSED] + self::why($reason, $message));
    }

    /**
     * Notes why a message could not be delivered, and lets it wait: 30 s, 1 min, 2 min … half an hour.
     *
     * @param stdClass[] $rows
     * @param string $reason
     * @param string $message
     */
    public static function mark_failed(array $rows, string $reason, string $message): void {
        foreach ($rows as $row) {
            $wait = min(self::LONGEST_WAIT, 30 * 2 ** min((int) $row->tries, 10));
            $wait += random_int(0, intdiv($wait, 10)); // Many sites do not come back in the same second.
            self::change($row, ['nexttry' => time() + $wait] + self::why($reason, $message));
        }
    }

    /**
     * Makes everything that waits due at once: the bridge is there again.
     */
    public static function wake(): void {
        global $DB;
        $select = 'status = :status AND nexttry > :now';
        $DB->set_field_select('local_anxue_outbox', 'nexttry', time(), $select, ['status' => self::WAITING, 'now' => time()]);
    }

    /**
     * Lets messages that were refused be sent again, after their cause was mended.
     *
     * @param string|null $reason only those with this reason; null: all
     */
    public static function send_again(?string $reason = null): void {
        global $DB;
        $conditions = ['status' => self::REFUSED] + ($reason === null ? [] : ['reason' => $reason]);
        $rows = $DB->get_records('local_anxue_outbox', $conditions, 'id', 'id');
        foreach (array_keys($rows) as $id) {
            $change = ['id' => $id, 'status' => self::WAITING, 'nexttry' => time(), 'timemodified' => time()];
            $DB->update_record('local_anxue_outbox', (object) $change);
        }
    }

    /**
     * Deletes what was delivered or refused before a moment.
     *
     * @param int $before Unix seconds
     */
    public static function purge(int $before): void {
        global $DB;
        $select = 'status <> :status AND timemodified < :before';
        $DB->delete_records_select('local_anxue_outbox', $select, ['status' => self::WAITING, 'before' => $before]);
        \cache::make('local_anxue', 'outbox')->purge();
    }

    /**
     * Deletes the oldest of what was delivered, beyond as many rows as may wait.
     */
    public static function trim(): void {
        global $DB;
        $sent = ['status' => self::SENT];
        $rows = $DB->get_records('local_anxue_outbox', $sent, 'id DESC', 'id', settings::most_rows(), 1);
        if ($rows) {
            $select = 'status = :status AND id <= :id';
            $DB->delete_records_select('local_anxue_outbox', $select, $sent + ['id' => reset($rows)->id]);
        }
    }

    /**
     * Returns how the outbox stands.
     *
     * @return array waiting, sent, refused: counts; oldest: seconds that the oldest waiting one waits;
     *      lost: Unix seconds of the last message for which there was no room, or 0
     */
    public static function state(): array {
        global $DB;
        $sql = 'SELECT status, COUNT(*) AS n, MIN(timecreated) AS first FROM {local_anxue_outbox} GROUP BY status';
        $found = $DB->get_records_sql($sql);
        $count = fn(string $status): int => (int) ($found[$status]->n ?? 0);
        return [
            'waiting' => $count(self::WAITING),
            'sent' => $count(self::SENT),
            'refused' => $count(self::REFUSED),
            'oldest' => isset($found[self::WAITING]) ? max(0, time() - $found[self::WAITING]->first) : 0,
            'lost' => (int) get_config('local_anxue', 'timelost'),
        ];
    }

    /**
     * Notes that a message found no room. A setting's change empties a cache of the whole site: once a minute is enough.
     */
    private static function note_loss(): void {
        if ((int) get_config('local_anxue', 'timelost') < time() - MINSECS) {
            set_config('timelost', time(), 'local_anxue');
        }
    }

    /**
     * Changes a row after a try.
     *
     * @param stdClass $row
     * @param array $change
     */
    private static function change(stdClass $row, array $change): void {
        global $DB;
        $tried = ['id' => $row->id, 'tries' => min(99999, $row->tries + 1), 'timemodified' => time()];
        $DB->update_record('local_anxue_outbox', (object) ($tried + $change));
    }

    /**
     * Returns a reason as its columns hold it.
     *
     * @param string $reason
     * @param string $message
     * @return array
     */
    private static function why(string $reason, string $message): array {
        return ['reason' => \core_text::substr($reason, 0, 64), 'message' => \core_text::substr($message, 0, 255)];
    }
}
