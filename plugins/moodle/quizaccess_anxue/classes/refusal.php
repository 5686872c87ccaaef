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
    /** @var string[] every reason; whatever else comes is told as unavailable. */
    public const REASONS = [
        'none', 'expired', 'revoked', 'attemptsused', 'bridgeaway',
        'loginas', 'pluginmissing', 'notconfigured', 'notregulated', 'unavailable',
    ];

    /** @var string[] reasons that the learner mends at the bridge's gate. */
    private const MENDED_AT_GATE = ['none', 'expired', 'revoked', 'attemptsused', 'bridgeaway'];

    /**
     * The sentence for the learner, with the bridge's own words and the way to its gate where there are any.
     *
     * @param string $reason one of REASONS.
     * @param gate $gate the gate that refused.
     * @param int $userid the learner.
     * @return string HTML.
     */
    public static function message(string $reason, gate $gate, int $userid): string {
        $parts = [html_writer::span(self::sentence($reason), '', ['data-anxue-refused' => $reason])];
        $words = $reason === 'revoked' ? $gate->revocation_words($userid) : '';
        if ($words !== '') {
            $parts[] = html_writer::span(get_string('bridgesays', 'quizaccess_anxue', s($words)));
        }
        $url = in_array($reason, self::MENDED_AT_GATE, true) ? $gate->url() : null;
        if ($url !== null) {
            $parts[] = html_writer::link($url, get_string('togate', 'quizaccess_anxue'));
        }
        return implode(' ', $parts);
    }

    /**
     * The sentence alone.
     *
     * @param string $reason one of REASONS.
     * @return string
     */
    public static function sentence(string $reason): string {
        $known = in_array($reason, self::REASONS, true) ? $reason : 'unavailable';
        return get_string('refused_' . $known, 'quizaccess_anxue');
    }

    /**
     * Put a refusal into Moodle's log.
     *
     * @param string $reason one of REASONS.
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
