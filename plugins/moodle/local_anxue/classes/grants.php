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
 * Leave to sit an exam, given and taken back by the bridge.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class grants {
    /** @var int a grant is short-lived by nature; a longer one is a fault of the sender */
    public const LONGEST = DAYSECS;

    /**
     * Returns the grant under which a person may sit an exam now, the one that lasts longest; null: none.
     *
     * Every field is answered from the database of this moment: a revoked grant must stop the next page.
     *
     * @param int $userid
     * @param int $cmid course module of the quiz
     * @return stdClass|null a row of local_anxue_grant
     */
    public static function active_grant(int $userid, int $cmid): ?stdClass {
        $grants = self::active_grants($userid, $cmid);
        return $grants ? reset($grants) : null;
    }

    /**
     * Returns the grant that lets a person start another attempt; null: none, or its attempts are used up.
     *
     * An attempt under way goes on under active_grant(): the limit counts starts.
     *
     * @param int $userid
     * @param int $cmid
     * @return stdClass|null
     */
    public static function grant_to_start(int $userid, int $cmid): ?stdClass {
        foreach (self::active_grants($userid, $cmid) as $grant) {
            if ($grant->attemptlimit === null || self::attempts_started($grant) < $grant->attemptlimit) {
                return $grant;
            }
        }
        return null;
    }

    /**
     * Returns how many attempts (no previews) were started since the grant came.
     *
     * @param stdClass $grant
     * @return int
     */
    public static function attempts_started(stdClass $grant): int {
        global $DB;
        $sql = "SELECT COUNT(qa.id)
                  FROM {quiz_attempts} qa
                  JOIN {course_modules} cm ON cm.instance = qa.quiz
                  JOIN {modules} m ON m.id = cm.module AND m.name = 'quiz'
                 WHERE cm.id = :cmid AND qa.userid = :userid AND qa.preview = 0 AND qa.timestart >= :since";
        return $DB->count_records_sql($sql, [
            'cmid' => $grant->cmid,
            'userid' => $grant->userid,
            'since' => $grant->timecreated,
        ]);
    }

    /**
     * Keeps a grant. The same grant again changes nothing; another under the same id is refused.
     *
     * @param string $grantid the bridge's id, 1-64 characters
     * @param int $userid
     * @param int $cmid
     * @param int|null $attemptlimit attempts it may start; null: no limit of ours
     * @param int $timeexpires Unix seconds
     * @return string "granted" or "known"
     * @throws \moodle_exception grantexpired, granttoolong, grantidused, grantrevoked
     */
    public static function grant(string $grantid, int $userid, int $cmid, ?int $attemptlimit, int $timeexpires): string {
        global $DB;
        $now = self::now();
        $known = $DB->get_record('local_anxue_grant', ['grantid' => $grantid]);
        if ($known) {
            return self::same($known, $userid, $cmid, $attemptlimit, $timeexpires);
        }
        if ($timeexpires <= $now) {
            throw new \moodle_exception('grantexpired', 'local_anxue');
        }
        if ($timeexpires > $now + self::LONGEST) {
            throw new \moodle_exception('granttoolong', 'local_anxue');
        }
        $id = $DB->insert_record('local_anxue_grant', (object) [
            'grantid' => $grantid,
            'userid' => $userid,
            'cmid' => $cmid,
            'attemptlimit' => $attemptlimit,
            'timeexpires' => $timeexpires,
            'timecreated' => $now,
        ]);
        event\exam_granted::of($id, $userid, $cmid)->trigger();
        return 'granted';
    }

    /**
     * Takes a grant back. One that never came is kept as revoked: whatever arrives later under its id stays shut.
     *
     * @param string $grantid
     * @param string $reason a sentence for the learner, shown where the exam stops
     * @return string "revoked", "already" or "unknown"
     */
    public static function revoke(string $grantid, string $reason): string {
        global $DB;
        $reason = \core_text::substr($reason, 0, 255);
        $known = $DB->get_record('local_anxue_grant', ['grantid' => $grantid]);
        if (!$known) {
            $DB->insert_record('local_anxue_grant', (object) [
                'grantid' => $grantid,
                'timerevoked' => self::now(),
                'revokereason' => $reason,
                'timecreated' => self::now(),
            ]);
            return 'unknown';
        }
        if ($known->timerevoked) {
            return 'already';
        }
        $DB->update_record('local_anxue_grant', (object) [
            'id' => $known->id,
            'timerevoked' => self::now(),
            'revokereason' => $reason,
        ]);
        if ($known->userid && \context_module::instance($known->cmid, IGNORE_MISSING)) {
            event\exam_revoked::of($known->id, $known->userid, $known->cmid)->trigger();
        }
        return 'revoked';
    }

    /**
     * Returns the last revoked grant of a person for an exam, for the sentence that says why it stopped.
     *
     * @param int $userid
     * @param int $cmid
     * @return stdClass|null
     */
    public static function last_revoked(int $userid, int $cmid): ?stdClass {
        global $DB;
        $select = 'userid = :userid AND cmid = :cmid AND timerevoked > 0';
        $params = ['userid' => $userid, 'cmid' => $cmid];
        $grants = $DB->get_records_select('local_anxue_grant', $select, $params, 'timerevoked DESC, id DESC', '*', 0, 1);
        return $grants ? reset($grants) : null;
    }

    /**
     * Deletes grants that ended before a moment.
     *
     * @param int $before Unix seconds
     */
    public static function purge(int $before): void {
        global $DB;
        $DB->delete_records_select(
            'local_anxue_grant',
            'timecreated < :created AND timeexpires < :expired AND timerevoked < :revoked',
            ['created' => $before, 'expired' => $before, 'revoked' => $before]
        );
    }

    /**
     * Returns the grants of this moment, the one that lasts longest first.
     *
     * @param int $userid
     * @param int $cmid
     * @return stdClass[]
     */
    private static function active_grants(int $userid, int $cmid): array {
        global $DB;
        if ($userid <= 0 || $cmid <= 0) {
            return []; // A tombstone (see revoke) is nobody's.
        }
        $select = 'userid = :userid AND cmid = :cmid AND timerevoked = 0 AND timeexpires > :now';
        $params = ['userid' => $userid, 'cmid' => $cmid, 'now' => self::now()];
        return $DB->get_records_select('local_anxue_grant', $select, $params, 'timeexpires DESC, id DESC');
    }

    /**
     * Answers a grant whose id is known.
     *
     * @param stdClass $known
     * @param int $userid
     * @param int $cmid
     * @param int|null $attemptlimit
     * @param int $timeexpires
     * @return string "known"
     * @throws \moodle_exception grantidused, grantrevoked
     */
    private static function same(stdClass $known, int $userid, int $cmid, ?int $attemptlimit, int $timeexpires): string {
        if ($known->timerevoked) {
            throw new \moodle_exception('grantrevoked', 'local_anxue');
        }
        $kept = [(int) $known->userid, (int) $known->cmid, $known->attemptlimit, (int) $known->timeexpires];
        $kept[2] = $kept[2] === null ? null : (int) $kept[2];
        if ($kept !== [$userid, $cmid, $attemptlimit, $timeexpires]) {
            throw new \moodle_exception('grantidused', 'local_anxue');
        }
        return 'known';
    }

    /**
     * Returns Unix seconds; a test may freeze them.
     *
     * @return int
     */
    private static function now(): int {
        return \core\di::get(\core\clock::class)->time();
    }
}
