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
 * The setting of a quiz: does it need an identity check?
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class gate_setting {
    /** @var string where it is kept. */
    public const TABLE = 'quizaccess_anxue';

    /**
     * Whether the quiz needs a grant.
     *
     * @param stdClass $quiz a quiz; where it was read without the rules' settings, the table is asked.
     * @return bool
     */
    public static function is_required(stdClass $quiz): bool {
        if (property_exists($quiz, 'anxuerequired')) {
            return !empty($quiz->anxuerequired);
        }
        return self::is_required_by_id((int) $quiz->id);
    }

    /**
     * Whether the quiz needs a grant, as the table has it.
     *
     * @param int $quizid the quiz.
     * @return bool
     */
    public static function is_required_by_id(int $quizid): bool {
        global $DB;
        return (bool) $DB->get_field(self::TABLE, 'required', ['quizid' => $quizid]);
    }

    /**
     * Keep whether the quiz needs a grant.
     *
     * @param int $quizid the quiz.
     * @param bool $required whether it does.
     */
    public static function save(int $quizid, bool $required): void {
        global $DB;
        $id = $DB->get_field(self::TABLE, 'id', ['quizid' => $quizid]);
        if ($id) {
            $DB->set_field(self::TABLE, 'required', (int) $required, ['id' => $id]);
        } else {
            $DB->insert_record(self::TABLE, (object) ['quizid' => $quizid, 'required' => (int) $required]);
        }
    }

    /**
     * Forget the setting of a quiz that is deleted.
     *
     * @param int $quizid the quiz.
     */
    public static function delete(int $quizid): void {
        global $DB;
        $DB->delete_records(self::TABLE, ['quizid' => $quizid]);
    }
}
