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

namespace quizaccess_anxue;

use stdClass;

/**
 * What a learner agreed to before an attempt, kept per grant: another identity check asks again.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class consent {
    /** @var string where it is kept. */
    public const TABLE = 'quizaccess_anxue_consent';

    /**
     * Whether the learner agreed under this grant.
     *
     * @param int $quizid the quiz.
     * @param int $userid the learner.
     * @param string $grantid the grant.
     * @return bool
     */
    public static function is_given(int $quizid, int $userid, string $grantid): bool {
        global $DB;
        return $DB->record_exists(self::TABLE, ['quizid' => $quizid, 'userid' => $userid, 'grantid' => $grantid]);
    }

    /**
     * The learner's latest consent for a quiz, or null.
     *
     * @param int $quizid the quiz.
     * @param int $userid the learner.
     * @return stdClass|null
     */
    public static function last(int $quizid, int $userid): ?stdClass {
        global $DB;
        $rows = $DB->get_records(self::TABLE, ['quizid' => $quizid, 'userid' => $userid], 'id DESC', '*', 0, 1);
        return $rows ? reset($rows) : null;
    }

    /**
     * Keep that the learner agreed; a second time changes nothing.
     *
     * @param int $quizid the quiz.
     * @param int $userid the learner.
     * @param string $grantid the grant.
     */
    public static function give(int $quizid, int $userid, string $grantid): void {
        global $DB;
        if (!self::is_given($quizid, $userid, $grantid)) {
            $DB->insert_record(self::TABLE, (object) [
                'quizid' => $quizid,
                'userid' => $userid,
                'grantid' => $grantid,
                'timecreated' => time(),
            ]);
        }
    }

    /**
     * Forget the consents of a quiz that is deleted.
     *
     * @param int $quizid the quiz.
     */
    public static function delete_for_quiz(int $quizid): void {
        global $DB;
        $DB->delete_records(self::TABLE, ['quizid' => $quizid]);
    }
}
