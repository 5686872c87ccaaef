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

namespace local_anxue\task;

use local_anxue\contact\undo_log;
use local_anxue\grants;
use local_anxue\learner_state;
use local_anxue\outbox;
use local_anxue\settings;

/**
 * Deletes what is kept no longer, each night.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class tidy extends \core\task\scheduled_task {
    #[\Override]
    public function get_name(): string {
        return get_string('tasktidy', 'local_anxue');
    }

    #[\Override]
    public function execute(): void {
        $before = time() - settings::retention_days() * DAYSECS;
        outbox::purge($before);
        grants::purge($before);
        learner_state::purge();
        undo_log::purge(time() - settings::undo_days() * DAYSECS);
    }
}
