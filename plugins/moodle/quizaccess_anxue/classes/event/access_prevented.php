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

namespace quizaccess_anxue\event;

use core\event\base;
use moodle_url;

/**
 * Somebody was kept out of a gated quiz.
 *
 * @property-read array $other {
 *     - string reason: one of refusal::REASONS.
 * }
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class access_prevented extends base {
    /**
     * What never changes about it.
     */
    protected function init() {
        $this->data['objecttable'] = 'quiz';
        $this->data['crud'] = 'r';
        $this->data['edulevel'] = self::LEVEL_PARTICIPATING;
    }

    /**
     * Its name for people.
     *
     * @return string
     */
    public static function get_name() {
        return get_string('eventaccessprevented', 'quizaccess_anxue');
    }

    /**
     * One sentence for the log; English, as core's.
     *
     * @return string
     */
    public function get_description() {
        return "The user with id '$this->userid' was refused access to the quiz with course module id "
            . "'$this->contextinstanceid' by the identity check: '{$this->other['reason']}'.";
    }

    /**
     * Where it happened.
     *
     * @return moodle_url
     */
    public function get_url() {
        return new moodle_url('/mod/quiz/view.php', ['id' => $this->contextinstanceid]);
    }

    /**
     * Without a reason it would say nothing.
     */
    protected function validate_data() {
        parent::validate_data();
        if (!isset($this->other['reason'])) {
            throw new \coding_exception('The \'reason\' value must be set in other.');
        }
    }

    /**
     * What objectid is after a restore.
     *
     * @return array
     */
    public static function get_objectid_mapping() {
        return ['db' => 'quiz', 'restore' => 'quiz'];
    }

    /**
     * Nothing in other is an id.
     *
     * @return bool
     */
    public static function get_other_mapping() {
        return false;
    }
}
