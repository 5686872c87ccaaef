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

/**
 * Which of Moodle's scripts the web server started. PHP and the web server know it; no header or path of a request changes it.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class entry_script {
    /**
     * Whether it is one of these.
     *
     * @param string ...$paths from Moodle's folder, with a leading slash.
     * @return bool
     */
    public static function is(string ...$paths): bool {
        global $CFG;
        $asked = array_filter(array_map(fn($path) => realpath($CFG->dirroot . $path), $paths));
        return (bool) array_intersect($asked, self::started());
    }

    /**
     * Its real path, from the two that know it: where a script is put before each (auto_prepend_file), PHP's list may begin
     * with that one.
     *
     * @return string[] one, or two that differ.
     */
    private static function started(): array {
        $known = [get_included_files()[0], $_SERVER['SCRIPT_FILENAME'] ?? ''];
        return array_filter(array_map(fn($path) => $path === '' ? false : realpath($path), $known));
    }
}
