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

use moodle_page;

/**
 * The bridge's agent in a page: whether it belongs there, and the lines that load it.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class agent {
    /** @var string[] pages of a quiz on which an attempt is sat; its other pages have no agent */
    private const ATTEMPT_PAGES = ['mod-quiz-attempt', 'mod-quiz-summary'];

    /** @var bool whether this page has it */
    private static bool $loaded = false;

    /**
     * Tells whether this page loads the agent.
     *
     * @return bool
     */
    public static function is_loaded(): bool {
        return self::$loaded;
    }

    /**
     * Returns what loads the agent in a page's head; empty: it does not belong there.
     *
     * @param moodle_page $page
     * @return string
     */
    public static function head(moodle_page $page): string {
        global $USER;
        self::$loaded = false;
        $cm = $page->cm; // Assigned first: empty($page->cm) is always true, since the page has no __isset().
        if ($cm === null || !settings::complete() || settings::client_id() === '' || !isloggedin()) {
            return '';
        }
        if (\core\session\manager::is_loggedinas() || is_role_switched($page->course->id)) {
            return '';
        }
        if (!regulated::is_course((int) $page->course->id) || !regulated::is_learner((int) $USER->id, $page->context)) {
            return '';
        }
        [$activity, $attemptid] = self::activity($page, (string) $cm->modname);
        if ($activity === null) {
            return '';
        }
        $token = session_token::mint((int) $USER->id, (int) $cm->id, $activity, $attemptid);
        self::$loaded = true;
        return self::lines($token, $activity, $attemptid);
    }

    /**
     * Returns what is done on a page: study, or an attempt of this very person at a quiz.
     *
     * @param moodle_page $page
     * @param string $modname
     * @return array{string|null, int|null}
     */
    private static function activity(moodle_page $page, string $modname): array {
        global $DB, $USER;
        if ($modname !== 'quiz') {
            // The pages of the activity itself; not those of core that only name it, such as its settings or its logs.
            return [str_starts_with($page->pagetype, "mod-$modname-") ? session_token::STUDY : null, null];
        }
        $attemptid = optional_param('attempt', 0, PARAM_INT);
        if (!in_array($page->pagetype, self::ATTEMPT_PAGES, true) || !$attemptid) {
            return [null, null];
        }
        $own = ['id' => $attemptid, 'quiz' => $page->cm->instance, 'userid' => $USER->id, 'preview' => 0];
        return $DB->record_exists('quiz_attempts', $own) ? [session_token::TEST, $attemptid] : [null, null];
    }

    /**
     * Returns the lines. The token stands in data, not in a script, and no attribute runs code.
     *
     * @param string $token
     * @param string $activity
     * @param int|null $attemptid of a test: its pages share one session
     * @return string
     */
    private static function lines(string $token, string $activity, ?int $attemptid): string {
        global $CFG;
        $settings = [
            'bridge' => settings::bridge(),
            'token' => $token,
            'activity' => $activity,
            'attempt' => $attemptid === null ? null : (string) $attemptid,
            'unreachable' => get_string($attemptid === null ? 'agentunreachable' : 'agentunreachableexam', 'local_anxue'),
        ];
        $data = json_encode($settings, JSON_HEX_TAG | JSON_HEX_AMP | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
        $version = get_config('local_anxue', 'version');
        $ours = $CFG->wwwroot . '/local/anxue/agent.js?v=' . $version;
        return \html_writer::tag('script', $data, ['type' => 'application/json', 'id' => 'local-anxue-agent'])
            . \html_writer::tag('script', '', ['defer' => 'defer', 'src' => settings::bridge() . '/static/agent/v1.js'])
            . \html_writer::tag('script', '', ['defer' => 'defer', 'src' => $ours]);
    }
}
