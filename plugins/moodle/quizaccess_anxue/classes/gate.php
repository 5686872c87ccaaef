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

use context_module;
use core\session\manager;
use local_anxue\grants;
use local_anxue\regulated;
use local_anxue\settings;
use moodle_url;
use stdClass;
use Throwable;

/**
 * Asks local_anxue whether a learner holds a grant for a quiz. Every doubt is a refusal.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class gate {
    /**
     * The gate of one quiz.
     *
     * @param int $courseid the course.
     * @param int $quizid the quiz.
     * @param int $cmid its course module.
     * @param string $grants class of local_anxue that keeps grants.
     */
    public function __construct(
        /** @var int the course. */
        private readonly int $courseid,
        /** @var int the quiz. */
        private readonly int $quizid,
        /** @var int its course module. */
        public readonly int $cmid,
        /** @var string class of local_anxue that keeps grants. */
        private readonly string $grants = grants::class,
    ) {
    }

    /**
     * Whether this learner may go on with an attempt now.
     *
     * @param int $userid the learner.
     * @return decision the grant, or a reason of refusal::REASONS.
     */
    public function decide(int $userid): decision {
        return $this->ask($userid, 'active_grant');
    }

    /**
     * Whether this learner may start another attempt now.
     *
     * @param int $userid the learner.
     * @return decision the grant, or a reason of refusal::REASONS.
     */
    public function decide_start(int $userid): decision {
        $running = $this->decide($userid);
        if ($running->is_refused()) {
            return $running;
        }
        $start = $this->ask($userid, 'grant_to_start');
        return $start->is_refused() ? decision::refused('attemptsused') : $start;
    }

    /**
     * What the bridge said to the learner when it took the last grant back; '' for nothing.
     *
     * @param int $userid the learner.
     * @return string
     */
    public function revocation_words(int $userid): string {
        try {
            return (string) ($this->grants::last_revoked($userid, $this->cmid)->revokereason ?? '');
        } catch (Throwable $fault) {
            self::tell_developer($fault);
            return '';
        }
    }

    /**
     * Where the learner proves who they are: an LTI activity of the bridge in this course, else the bridge's own page.
     *
     * @return moodle_url|null null while no bridge is known.
     */
    public function url(): ?moodle_url {
        try {
            if (!class_exists(settings::class) || settings::bridge() === '') {
                return null;
            }
            $cmid = $this->bridge_activity();
            return $cmid ? new moodle_url('/mod/lti/view.php', ['id' => $cmid]) : new moodle_url(settings::bridge() . '/learner');
        } catch (Throwable $fault) {
            self::tell_developer($fault);
            return null;
        }
    }

    /**
     * The grant that a method of local_anxue gives, or why there is none.
     *
     * @param int $userid the learner.
     * @param string $method active_grant or grant_to_start.
     * @return decision
     */
    private function ask(int $userid, string $method): decision {
        if (manager::is_loggedinas() || is_role_switched($this->courseid)) {
            // Whoever looks at the page is not the learner whose face the bridge checks.
            return decision::refused('loginas');
        }
        if (!class_exists($this->grants) || !class_exists(settings::class) || !class_exists(regulated::class)) {
            return decision::refused('pluginmissing');
        }
        try {
            if (!settings::complete() || settings::client_id() === '') {
                return decision::refused('notconfigured');
            }
            $context = context_module::instance($this->cmid);
            if (!regulated::is_course($this->courseid) || !regulated::is_learner($userid, $context)) {
                // There the agent does not run: an attempt would have no face check at all.
                return decision::refused('notregulated');
            }
            $grant = $this->grants::$method($userid, $this->cmid);
            return $this->still_good($grant) ? decision::granted($grant) : decision::refused($this->why_none($userid));
        } catch (Throwable $fault) {
            self::tell_developer($fault);
            return decision::refused('unavailable');
        }
    }

    /**
     * Whether a grant names itself and has not run out: what another plugin hands over is looked at again.
     *
     * @param stdClass|null $grant as local_anxue gives it.
     * @return bool
     */
    private function still_good(?stdClass $grant): bool {
        return $grant !== null
            && ($grant->grantid ?? '') !== ''
            && empty($grant->timerevoked)
            && (int) ($grant->timeexpires ?? 0) > \core\di::get(\core\clock::class)->time();
    }

    /**
     * Why a learner has no grant.
     *
     * @param int $userid the learner.
     * @return string bridgeaway, revoked, expired or none.
     */
    private function why_none(int $userid): string {
        $last = consent::last($this->quizid, $userid);
        $revoked = $this->grants::last_revoked($userid, $this->cmid);
        if ($revoked !== null && ($last === null || $last->grantid === $revoked->grantid)) {
            return 'revoked';
        }
        if (get_config('local_anxue', 'lastfault')) {
            return 'bridgeaway';
        }
        return $last === null ? 'none' : 'expired';
    }

    /**
     * An LTI activity of this course that opens the bridge and that the learner sees; 0 for none.
     *
     * @return int course module.
     */
    private function bridge_activity(): int {
        global $DB;
        $sql = "SELECT cm.id
                  FROM {course_modules} cm
                  JOIN {modules} m ON m.id = cm.module AND m.name = 'lti'
                  JOIN {lti} l ON l.id = cm.instance
             LEFT JOIN {lti_types} t ON t.id = l.typeid
                 WHERE cm.course = :courseid AND cm.deletioninprogress = 0
                       AND (t.clientid = :clientid OR " . $DB->sql_like('l.toolurl', ':bridge') . ")
              ORDER BY cm.id";
        $ids = $DB->get_fieldset_sql($sql, [
            'courseid' => $this->courseid,
            'clientid' => settings::client_id(),
            'bridge' => $DB->sql_like_escape(settings::bridge() . '/') . '%',
        ]);
        $activities = get_fast_modinfo($this->courseid)->get_cms();
        foreach ($ids as $id) {
            if (isset($activities[$id]) && $activities[$id]->uservisible) {
                return (int) $id;
            }
        }
        return 0;
    }

    /**
     * Say where something failed; its words may hold a learner's data.
     *
     * @param Throwable $fault what was thrown.
     */
    private static function tell_developer(Throwable $fault): void {
        $where = basename($fault->getFile()) . ':' . $fault->getLine();
        debugging('quizaccess_anxue could not ask: ' . get_class($fault) . " at $where", DEBUG_DEVELOPER);
    }
}
