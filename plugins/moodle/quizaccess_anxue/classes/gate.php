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

use core\session\manager;
use local_anxue\bridge;
use local_anxue\grants;
use moodle_url;
use stdClass;
use Throwable;

/**
 * Asks local_anxue whether a learner holds a grant. Every doubt is a refusal.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class gate {
    /**
     * The gate, and where it asks.
     *
     * @param string $grants class of local_anxue that keeps grants.
     * @param string $bridge class of local_anxue that knows the bridge.
     */
    public function __construct(
        /** @var string class of local_anxue that keeps grants. */
        private readonly string $grants = grants::class,
        /** @var string class of local_anxue that knows the bridge. */
        private readonly string $bridge = bridge::class,
    ) {
    }

    /**
     * Whether this learner may start or go on with an attempt now.
     *
     * @param int $userid the learner.
     * @param int $cmid course module of the quiz.
     * @return decision the grant, or one of loginas, pluginmissing, notconfigured, none, expired, revoked, unavailable.
     */
    public function decide(int $userid, int $cmid): decision {
        if (manager::is_loggedinas()) {
            // Whoever looks at the page is not the learner whose face the bridge checks.
            return decision::refused('loginas');
        }
        if (!class_exists($this->grants) || !class_exists($this->bridge)) {
            return decision::refused('pluginmissing');
        }
        try {
            if (!$this->bridge::is_configured()) {
                return decision::refused('notconfigured');
            }
            $grant = $this->grants::active_grant($userid, $cmid);
            if ($grant !== null) {
                return self::still_good($grant) ? decision::granted($grant) : decision::refused('expired');
            }
            $why = $this->grants::last_refusal($userid, $cmid);
        } catch (Throwable $fault) {
            debugging('quizaccess_anxue cannot read the grants: ' . get_class($fault), DEBUG_DEVELOPER);
            return decision::refused('unavailable');
        }
        return decision::refused(in_array($why, ['expired', 'revoked'], true) ? $why : 'none');
    }

    /**
     * Whether nothing has got through to the bridge lately; not knowing counts as away.
     *
     * @return bool
     */
    public function bridge_is_away(): bool {
        try {
            return $this->bridge::is_away();
        } catch (Throwable $fault) {
            debugging('quizaccess_anxue cannot ask for the bridge: ' . get_class($fault), DEBUG_DEVELOPER);
            return true;
        }
    }

    /**
     * Where the learner proves who they are, or null while no bridge is known.
     *
     * @param int $cmid course module of the quiz.
     * @return moodle_url|null
     */
    public function url(int $cmid): ?moodle_url {
        try {
            return class_exists($this->bridge) ? $this->bridge::gate_url($cmid) : null;
        } catch (Throwable $fault) {
            debugging('quizaccess_anxue has no address of the gate: ' . get_class($fault), DEBUG_DEVELOPER);
            return null;
        }
    }

    /**
     * Whether a grant names itself and has not run out: what another plugin hands over is looked at again.
     *
     * @param stdClass $grant as local_anxue gives it.
     * @return bool
     */
    private static function still_good(stdClass $grant): bool {
        return ($grant->grantid ?? '') !== '' && (int) ($grant->expiresat ?? 0) > time();
    }
}
