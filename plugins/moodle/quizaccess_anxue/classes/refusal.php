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
use html_writer;
use quizaccess_anxue\event\access_prevented;

/**
 * What is said and noted when access is refused.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class refusal {
    /** @var string[] reasons that the learner mends at the bridge's gate. */
    private const MENDED_AT_GATE = ['none', 'expired', 'revoked', 'attemptsused'];

    /**
     * The sentence for the learner, with the way to the gate where that helps.
     *
     * @param string $reason a key of the refused_… strings.
     * @param gate $gate the gate.
     * @param int $cmid course module of the quiz.
     * @return string HTML.
     */
    public static function message(string $reason, gate $gate, int $cmid): string {
        $sentence = html_writer::span(self::sentence($reason), '', ['data-anxue-refused' => $reason]);
        $url = in_array($reason, self::MENDED_AT_GATE, true) ? $gate->url($cmid) : null;
        if ($url === null) {
            return $sentence;
        }
        return $sentence . ' ' . html_writer::link($url, get_string('togate', 'quizaccess_anxue'));
    }

    /**
     * The sentence alone.
     *
     * @param string $reason a reason of gate or rule.
     * @return string
     */
    public static function sentence(string $reason): string {
        return match ($reason) {
            'loginas' => get_string('refused_loginas', 'quizaccess_anxue'),
            'pluginmissing' => get_string('refused_pluginmissing', 'quizaccess_anxue'),
            'notconfigured' => get_string('refused_notconfigured', 'quizaccess_anxue'),
            'expired' => get_string('refused_expired', 'quizaccess_anxue'),
            'revoked' => get_string('refused_revoked', 'quizaccess_anxue'),
            'attemptsused' => get_string('refused_attemptsused', 'quizaccess_anxue'),
            'bridgeaway' => get_string('refused_bridgeaway', 'quizaccess_anxue'),
            'none' => get_string('refused_none', 'quizaccess_anxue'),
            default => get_string('refused_unavailable', 'quizaccess_anxue'),
        };
    }

    /**
     * Put a refusal into Moodle's log.
     *
     * @param string $reason a reason of gate or rule.
     * @param int $quizid the quiz.
     * @param int $cmid its course module.
     */
    public static function note(string $reason, int $quizid, int $cmid): void {
        access_prevented::create([
            'objectid' => $quizid,
            'context' => context_module::instance($cmid),
            'other' => ['reason' => $reason],
        ])->trigger();
    }
}
