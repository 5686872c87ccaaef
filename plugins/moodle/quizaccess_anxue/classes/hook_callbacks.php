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

use core\hook\after_config;
use mod_quiz\hook\attempt_state_changed;
use moodle_exception;

/**
 * What quizaccess_anxue does when core calls.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class hook_callbacks {
    /**
     * Before a script that writes answers does anything, see that its learner holds a grant.
     *
     * @param after_config $hook of no meaning here.
     */
    public static function after_config(after_config $hook): void {
        if (!entry_script::is(...write_guard::SCRIPTS)) {
            return;
        }
        try {
            write_guard::check_answers(optional_param('attempt', 0, PARAM_INT));
        } catch (moodle_exception $refused) {
            if (AJAX_SCRIPT) {
                throw $refused;
            }
            redirect($refused->link); // There the sentence stands, with the way to the gate.
        }
    }

    /**
     * Inside the transaction that makes an attempt, see that its learner holds a grant: an exception undoes it.
     *
     * @param attempt_state_changed $hook the attempt before and after.
     */
    public static function attempt_state_changed(attempt_state_changed $hook): void {
        write_guard::check_new_attempt($hook->get_original_attempt(), $hook->get_updated_attempt());
    }
}
