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

/**
 * The access rule: no attempt, and no page of one, without a grant of the bridge.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

use mod_quiz\form\preflight_check_form;
use mod_quiz\local\access_rule_base;
use mod_quiz\quiz_attempt;
use mod_quiz\quiz_settings;
use local_anxue\agent;
use quizaccess_anxue\consent;
use quizaccess_anxue\decision;
use quizaccess_anxue\entry_script;
use quizaccess_anxue\gate;
use quizaccess_anxue\gate_setting;
use quizaccess_anxue\refusal;

/**
 * The access rule: no attempt, and no page of one, without a grant of the bridge.
 *
 * What decides stands in prevent_access(), which startattempt.php, attempt.php, summary.php and the web services ask on the
 * server; nothing depends on what the browser ran. What processattempt.php and autosave.ajax.php write without asking any
 * rule is kept out by quizaccess_anxue\write_guard.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class quizaccess_anxue extends access_rule_base {
    /** @var gate who is asked. */
    protected gate $gate;

    /** @var decision|null the answer, asked for once a request. */
    private ?decision $decision = null;

    /** @var bool whether the refusal stands in the log already. */
    private bool $noted = false;

    /**
     * The rule of one quiz.
     *
     * @param quiz_settings $quizobj the quiz.
     * @param int $timenow what counts as now.
     * @param gate|null $gate who is asked.
     */
    public function __construct($quizobj, $timenow, ?gate $gate = null) {
        parent::__construct($quizobj, $timenow);
        $this->gate = $gate ?? new gate();
    }

    /**
     * The rule, where the quiz needs an identity check.
     *
     * @param quiz_settings $quizobj the quiz.
     * @param int $timenow what counts as now.
     * @param bool $canignoretimelimits of no meaning here.
     * @return self|null
     */
    public static function make(quiz_settings $quizobj, $timenow, $canignoretimelimits) {
        return gate_setting::is_required($quizobj->get_quiz()) ? new self($quizobj, $timenow) : null;
    }

    /**
     * Refuse without a grant. A teacher's preview passes.
     *
     * @return string|false the sentence (HTML) of the refusal, or false.
     */
    public function prevent_access() {
        if ($this->quizobj->is_preview_user() || !$this->decision()->is_refused()) {
            return false;
        }
        return $this->refuse($this->decision()->reason);
    }

    /**
     * Refuse a further attempt once the grant's own number is used up, or while the bridge is away.
     *
     * @param int $numprevattempts of no meaning here: the grant counts from its own beginning.
     * @param stdClass|false $lastattempt of no meaning here.
     * @return string|false the sentence (HTML) of the refusal, or false.
     */
    public function prevent_new_attempt($numprevattempts, $lastattempt) {
        if ($this->quizobj->is_preview_user() || $this->decision()->is_refused()) {
            return false; // Without a grant, prevent_access() has refused already.
        }
        if ($this->gate->bridge_is_away()) {
            return $this->refuse('bridgeaway');
        }
        $grant = $this->decision()->grant;
        $limit = $grant->attemptlimit ?? null;
        if ($limit !== null && $this->attempts_started_since((int) $grant->timecreated) >= (int) $limit) {
            return $this->refuse('attemptsused');
        }
        return false;
    }

    /**
     * Ask for consent once a grant. Where there is no grant the check is needed too, and fails: the web service that
     * hands in asks this and no more.
     *
     * @param int|null $attemptid of no meaning here.
     * @return bool
     */
    public function is_preflight_check_required($attemptid) {
        global $USER;
        if ($this->quizobj->is_preview_user()) {
            return false;
        }
        $decision = $this->decision();
        return $decision->is_refused()
            || !consent::is_given((int) $this->quiz->id, (int) $USER->id, $decision->grant->grantid);
    }

    /**
     * What the learner agrees to, with its box.
     *
     * @param preflight_check_form $quizform the form.
     * @param MoodleQuickForm $mform the form's inside.
     * @param int|null $attemptid of no meaning here.
     */
    public function add_preflight_check_form_fields(preflight_check_form $quizform, MoodleQuickForm $mform, $attemptid) {
        $mform->addElement('header', 'anxueconsentheader', get_string('consentheader', 'quizaccess_anxue'));
        $mform->addElement('static', 'anxueconsenttext', '', get_string('consenttext', 'quizaccess_anxue'));
        $mform->addElement('checkbox', 'anxueconsent', '', get_string('consentlabel', 'quizaccess_anxue'));
    }

    /**
     * No consent, or no grant any more: no attempt.
     *
     * @param array $data what was sent.
     * @param array $files of no meaning here.
     * @param array $errors found so far.
     * @param int|null $attemptid of no meaning here.
     * @return array the errors.
     */
    public function validate_preflight_check($data, $files, $errors, $attemptid) {
        if ($this->decision()->is_refused()) {
            $errors['anxueconsent'] = refusal::sentence($this->decision()->reason);
        } else if (empty($data['anxueconsent'])) {
            $errors['anxueconsent'] = get_string('consentmissing', 'quizaccess_anxue');
        }
        return $errors;
    }

    /**
     * Keep the consent.
     *
     * @param int|null $attemptid of no meaning here.
     */
    public function notify_preflight_check_passed($attemptid) {
        global $USER;
        $grant = $this->decision()->grant;
        if ($grant !== null && !$this->quizobj->is_preview_user()) {
            consent::give((int) $this->quiz->id, (int) $USER->id, $grant->grantid);
        }
    }

    /**
     * Let the bridge's agent run beside the questions. If it cannot, the page is refused.
     *
     * @param moodle_page $page the page.
     */
    public function setup_attempt_page($page) {
        $attemptid = $this->own_running_attempt($page);
        if ($attemptid === null || $this->decision()->is_refused()) {
            return;
        }
        try {
            agent::for_attempt($page, (int) $this->quizobj->get_cmid(), $attemptid);
        } catch (Throwable $fault) {
            debugging('quizaccess_anxue cannot load the agent: ' . get_class($fault), DEBUG_DEVELOPER);
            $this->decision = decision::refused('unavailable');
        }
    }

    /**
     * What stands on the quiz's page.
     *
     * @return string
     */
    public function description() {
        return get_string('description', 'quizaccess_anxue');
    }

    /**
     * The setting in the quiz's form.
     *
     * @param mod_quiz_mod_form $quizform the form.
     * @param MoodleQuickForm $mform the form's inside.
     */
    public static function add_settings_form_fields(mod_quiz_mod_form $quizform, MoodleQuickForm $mform) {
        $mform->addElement('selectyesno', 'anxuerequired', get_string('required', 'quizaccess_anxue'));
        $mform->addHelpButton('anxuerequired', 'required', 'quizaccess_anxue');
        if (!has_capability('quizaccess/anxue:manage', $quizform->get_context())) {
            $mform->hardFreeze('anxuerequired');
        }
    }

    /**
     * Keep the setting; a form without the field, or a person without the right, changes nothing.
     *
     * @param stdClass $quiz what the form sent.
     */
    public static function save_settings($quiz) {
        if (!property_exists($quiz, 'anxuerequired')) {
            return;
        }
        $required = !empty($quiz->anxuerequired);
        if ($required === gate_setting::is_required_by_id((int) $quiz->id)) {
            return;
        }
        if (has_capability('quizaccess/anxue:manage', context_module::instance($quiz->coursemodule))) {
            gate_setting::save((int) $quiz->id, $required);
        }
    }

    /**
     * Forget what is kept of a quiz.
     *
     * @param stdClass $quiz the quiz.
     */
    public static function delete_settings($quiz) {
        gate_setting::delete((int) $quiz->id);
        consent::delete_for_quiz((int) $quiz->id);
    }

    /**
     * Load the setting together with the quiz.
     *
     * @param int $quizid the quiz.
     * @return array fields, joins, parameters.
     */
    public static function get_settings_sql($quizid): array {
        return [
            'anxue.required AS anxuerequired',
            'LEFT JOIN {quizaccess_anxue} anxue ON anxue.quizid = quiz.id',
            [],
        ];
    }

    /**
     * The answer of the gate for whoever asks for the page.
     *
     * @return decision
     */
    private function decision(): decision {
        global $USER;
        return $this->decision ??= $this->gate->decide((int) $USER->id, (int) $this->quizobj->get_cmid());
    }

    /**
     * The sentence of a refusal, noted in the log unless the learner only looked at the quiz's own page.
     *
     * @param string $reason the reason.
     * @return string HTML.
     */
    private function refuse(string $reason): string {
        $cmid = (int) $this->quizobj->get_cmid();
        if (!$this->noted && !entry_script::is('/mod/quiz/view.php')) {
            $this->noted = true;
            refusal::note($reason, (int) $this->quiz->id, $cmid);
        }
        return refusal::message($reason, $this->gate, $cmid);
    }

    /**
     * How many attempts the learner has started since a moment.
     *
     * @param int $since the moment.
     * @return int
     */
    private function attempts_started_since(int $since): int {
        global $DB, $USER;
        return $DB->count_records_select(
            'quiz_attempts',
            'quiz = :quiz AND userid = :userid AND preview = 0 AND timestart >= :since',
            ['quiz' => $this->quiz->id, 'userid' => $USER->id, 'since' => $since],
        );
    }

    /**
     * The attempt whose questions this page shows to the learner who takes it, or null for any other page.
     *
     * @param moodle_page $page the page.
     * @return int|null
     */
    private function own_running_attempt(moodle_page $page): ?int {
        global $DB, $USER;
        if ($this->quizobj->is_preview_user() || !str_ends_with($page->url->get_path(), '/mod/quiz/attempt.php')) {
            return null;
        }
        $id = $DB->get_field('quiz_attempts', 'id', [
            'id' => (int) $page->url->get_param('attempt'),
            'quiz' => $this->quiz->id,
            'userid' => $USER->id,
            'state' => quiz_attempt::IN_PROGRESS,
            'preview' => 0,
        ]);
        return $id ? (int) $id : null;
    }
}
