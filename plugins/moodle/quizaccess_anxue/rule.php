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
use mod_quiz\quiz_settings;
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
 * rule is kept out by quizaccess_anxue\write_guard. The bridge's agent comes into the attempt's page by local_anxue; where it
 * would not come (another course, another role), the gate refuses.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */
class quizaccess_anxue extends access_rule_base {
    /** @var string[] the pages of an attempt. */
    private const PAGES = ['/mod/quiz/startattempt.php', '/mod/quiz/attempt.php', '/mod/quiz/summary.php'];

    /** @var gate who is asked. */
    private readonly gate $gate;

    /** @var decision|null its answer, asked for once a request. */
    private ?decision $decision = null;

    /** @var bool whether the refusal stands in the log already. */
    private bool $noted = false;

    /**
     * The rule of one quiz.
     *
     * @param quiz_settings $quizobj the quiz.
     * @param int $timenow what counts as now.
     */
    public function __construct($quizobj, $timenow) {
        parent::__construct($quizobj, $timenow);
        $this->gate = new gate((int) $this->quiz->course, (int) $this->quiz->id, (int) $quizobj->get_cmid());
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
     * Refuse a further attempt once the grant's own number is used up.
     *
     * @param int $numprevattempts of no meaning here: a grant counts from its own beginning.
     * @param stdClass|false $lastattempt of no meaning here.
     * @return string|false the sentence (HTML) of the refusal, or false.
     */
    public function prevent_new_attempt($numprevattempts, $lastattempt) {
        global $USER;
        if ($this->quizobj->is_preview_user() || $this->decision()->is_refused()) {
            return false; // Without a grant, prevent_access() refuses with the right words.
        }
        $start = $this->gate->decide_start((int) $USER->id);
        return $start->is_refused() ? $this->refuse($start->reason) : false;
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
        return $this->decision ??= $this->gate->decide((int) $USER->id);
    }

    /**
     * The sentence of a refusal, noted in the log unless the learner only looked at the quiz's own page.
     *
     * A page of an attempt sends its reader back to the quiz's own page, where the sentence stands with its link: Moodle's
     * error page would show the markup of any rule's sentence as text.
     *
     * @param string $reason the reason.
     * @return string HTML.
     */
    private function refuse(string $reason): string {
        global $USER;
        if (!$this->noted && !entry_script::is('/mod/quiz/view.php')) {
            $this->noted = true;
            refusal::note($reason, (int) $this->quiz->id, $this->gate->cmid);
        }
        if (entry_script::is(...self::PAGES)) {
            redirect($this->quizobj->view_url());
        }
        return refusal::message($reason, $this->gate, (int) $USER->id);
    }
}
