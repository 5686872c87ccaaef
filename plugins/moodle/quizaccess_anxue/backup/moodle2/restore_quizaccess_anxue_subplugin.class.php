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

/**
 * Restores the setting of a quiz.
 *
 * @package    quizaccess_anxue
 * @category   backup
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

use quizaccess_anxue\gate_setting;

defined('MOODLE_INTERNAL') || die();

require_once($CFG->dirroot . '/mod/quiz/backup/moodle2/restore_mod_quiz_access_subplugin.class.php');

/**
 * Restores the setting of a quiz: a copied course keeps its gate.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class restore_quizaccess_anxue_subplugin extends restore_mod_quiz_access_subplugin {
    /**
     * Where the setting stands in the backup.
     *
     * @return restore_path_element[]
     */
    protected function define_quiz_subplugin_structure() {
        return [new restore_path_element('quizaccess_anxue', $this->get_pathfor('/quizaccess_anxue'))];
    }

    /**
     * Keep the setting of the new quiz.
     *
     * @param array|stdClass $data the backed up row.
     */
    public function process_quizaccess_anxue($data) {
        $data = (object) $data;
        gate_setting::save((int) $this->get_new_parentid('quiz'), !empty($data->required));
    }
}
