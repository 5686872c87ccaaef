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

use core\hook\output\before_standard_head_html_generation;

/**
 * Callbacks of hooks.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class hook_callbacks {
    /**
     * Adds the agent to the pages of regulated activities. A failure leaves the page as it is.
     *
     * @param before_standard_head_html_generation $hook
     */
    public static function before_standard_head_html_generation(before_standard_head_html_generation $hook): void {
        global $PAGE;
        if (during_initial_install() || !get_config('local_anxue', 'version')) {
            return;
        }
        try {
            $hook->add_html(agent::head($PAGE));
        } catch (\Throwable $error) {
            debugging('local_anxue could not load the agent: ' . get_class($error) . ' at '
                . basename($error->getFile()) . ':' . $error->getLine(), DEBUG_NORMAL);
        }
    }
}
