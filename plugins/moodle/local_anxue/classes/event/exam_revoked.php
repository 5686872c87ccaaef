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
 * The bridge has taken back its leave to sit an exam.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class exam_revoked extends \core\event\base {
    /**
     * Returns the event for a row of local_anxue_grant.
     *
     * @param int $id
     * @param int $userid the learner
     * @param int $cmid
     * @return self
     */
    public static function of(int $id, int $userid, int $cmid): self {
        return self::create([
            'objectid' => $id,
            'relateduserid' => $userid,
            'context' => \context_module::instance($cmid),
        ]);
    }

    #[\Override]
    protected function init(): void {
        $this->data['crud'] = 'u';
        $this->data['edulevel'] = self::LEVEL_OTHER;
        $this->data['objecttable'] = 'local_anxue_grant';
    }

    #[\Override]
    public static function get_name(): string {
        return get_string('eventexamrevoked', 'local_anxue');
    }

    #[\Override]
    public function get_description(): string {
        return "The bridge revoked an exam for the user with id '$this->relateduserid' " .
            "in the course module with id '$this->contextinstanceid'.";
    }

    #[\Override]
    public static function get_objectid_mapping(): array {
        return ['db' => 'local_anxue_grant', 'restore' => \core\event\base::NOT_MAPPED];
    }
}
