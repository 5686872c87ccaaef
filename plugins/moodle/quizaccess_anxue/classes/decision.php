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
 * Whether a learner may work on a gated quiz now: a grant, or the reason why not.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
final class decision {
    /**
     * Either a grant or a reason.
     *
     * @param stdClass|null $grant the grant in force.
     * @param string $reason why there is none, a key of the refused_… strings; '' with a grant.
     */
    private function __construct(
        /** @var stdClass|null the grant in force. */
        public readonly ?stdClass $grant,
        /** @var string why there is none; '' with a grant. */
        public readonly string $reason,
    ) {
    }

    /**
     * The learner may go on under this grant.
     *
     * @param stdClass $grant the grant in force.
     * @return self
     */
    public static function granted(stdClass $grant): self {
        return new self($grant, '');
    }

    /**
     * The learner may not go on.
     *
     * @param string $reason a key of the refused_… strings.
     * @return self
     */
    public static function refused(string $reason): self {
        return new self(null, $reason);
    }

    /**
     * Whether access is refused.
     *
     * @return bool
     */
    public function is_refused(): bool {
        return $this->grant === null;
    }
}
