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

namespace local_anxue\event;

/**
 * Contact data of learners was replaced by placeholders.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class contact_replaced extends \core\event\base {
    /**
     * Returns the event for one clean-up. It names nobody: numbers only.
     *
     * @param string $batch id of the clean-up
     * @param int $fields
     * @return self
     */
    public static function of(string $batch, int $fields): self {
        return self::create([
            'context' => \context_system::instance(),
            'other' => ['batch' => $batch, 'fields' => $fields],
        ]);
    }

    #[\Override]
    protected function init(): void {
        $this->data['crud'] = 'u';
        $this->data['edulevel'] = self::LEVEL_OTHER;
    }

    #[\Override]
    public static function get_name(): string {
        return get_string('eventcontactreplaced', 'local_anxue');
    }

    #[\Override]
    public function get_description(): string {
        return "The user with id '$this->userid' replaced {$this->other['fields']} fields of contact data " .
            "in the batch '{$this->other['batch']}'.";
    }
}
