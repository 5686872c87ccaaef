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
 * English strings of quizaccess_anxue.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

$string['anxue:manage'] = 'Switch the identity check of a quiz on or off';
$string['bridgesays'] = 'Anxue Bridge says: {$a}';
$string['consentheader'] = 'Identity check during the test';
$string['consentlabel'] = 'I have read this and agree.';
$string['consentmissing'] = 'Without your consent the test cannot start. Tick the box, or ask your training institution how to be tested in another way.';
$string['consenttext'] = 'While you take this test, Anxue Bridge opens your camera at the beginning and at some moments during the test, and compares your face with your registered one. The pictures go to Anxue Bridge, not to this site; they serve this check alone and are deleted as its notice says. Work alone and do not leave the page. A score without these checks does not count.';
$string['description'] = 'Identity check by Anxue Bridge: the test starts only after it was confirmed that you are the registered learner. You need a camera.';
$string['eventaccessprevented'] = 'Quiz access prevented by the identity check';
$string['pluginname'] = 'Identity check by Anxue Bridge';
$string['privacy:metadata:consent'] = 'Consents to the identity check before an attempt.';
$string['privacy:metadata:consent:grantid'] = 'The grant of Anxue Bridge under which the consent was given.';
$string['privacy:metadata:consent:quizid'] = 'The quiz for which it was given.';
$string['privacy:metadata:consent:timecreated'] = 'When it was given.';
$string['privacy:metadata:consent:userid'] = 'Who gave it.';
$string['refused_attemptsused'] = 'All attempts that your identity check allowed are used. Check in again at Anxue Bridge if you may take the test once more.';
$string['refused_bridgeaway'] = 'Anxue Bridge cannot be reached, so no test can start. Try again in a few minutes; if it stays so, tell your training institution.';
$string['refused_expired'] = 'Your identity check has expired. Check in again at Anxue Bridge; what you have answered so far is kept.';
$string['refused_loginas'] = 'This test cannot be taken while you are logged in as somebody else or have switched your role.';
$string['refused_none'] = 'There is no valid identity check for this test. Check in at Anxue Bridge, then come back to this page.';
$string['refused_notconfigured'] = 'This site is not connected to Anxue Bridge, so no test can start. Ask the site\'s administrator to finish the settings of the plugin local_anxue.';
$string['refused_notregulated'] = 'The face check cannot run for you in this course, so the test stays closed. You must be enrolled as a learner, and the course must be marked as regulated in the settings of the plugin local_anxue: ask your training institution.';
$string['refused_pluginmissing'] = 'The plugin local_anxue is missing on this site, so no test can start. Ask the site\'s administrator to install it.';
$string['refused_revoked'] = 'Your permission for this test was withdrawn. See the reason at Anxue Bridge, or ask your training institution.';
$string['refused_unavailable'] = 'Whether your identity was checked cannot be found out at the moment, so the test stays closed. Try again in a few minutes; if it stays so, tell your training institution.';
$string['required'] = 'Identity check by Anxue Bridge';
$string['required_help'] = 'If yes, an attempt starts and goes on only while Anxue Bridge has confirmed who the learner is. Without the bridge the quiz stays closed. Put all questions on one page: each page of a quiz begins with a face check. Teachers\' previews are not checked.';
$string['togate'] = 'Go to the identity check';
