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
 * Which of Moodle's scripts the web server started. PHP itself knows it; no header or path of a request can change it.
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
        return in_array(self::path(), array_map(fn($path) => realpath($CFG->dirroot . $path), $paths), true);
    }

    /**
     * Its real path.
     *
     * @return string
     */
    public static function path(): string {
        return (string) realpath(get_included_files()[0]);
    }
}
