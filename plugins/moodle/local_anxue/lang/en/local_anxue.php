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
 * Strings in English.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

$string['agentunreachable'] = 'The Anxue Bridge cannot be reached just now: time on this page is not counted. Please reload the page later.';
$string['agentunreachableexam'] = 'The Anxue Bridge cannot be reached just now: you cannot answer while nobody watches the exam, and the clock runs on. Please reload the page.';
$string['anxue:backfill'] = 'Put past activity into the outbox';
$string['anxue:managecontact'] = 'See contact data of learners and replace it';
$string['anxue:manageexams'] = 'Grant and revoke exams';
$string['anxue:setlearnerstate'] = 'Say who is proved and how many class hours count';
$string['anxue:study'] = 'Be a learner of a regulated course';
$string['anxue:viewhealth'] = 'See the state of the plugin';
$string['badcursor'] = 'This is not a cursor of a back-fill.';
$string['cachedef_outbox'] = 'Number of rows in the outbox';
$string['cachedef_regulated'] = 'Which courses are regulated';
$string['check'] = 'Check';
$string['check_clock'] = 'Clock';
$string['check_courses'] = 'Regulated courses';
$string['check_cron'] = 'Cron';
$string['check_curl'] = 'Moodle\'s HTTP security';
$string['check_ltikey'] = 'Key of LTI';
$string['check_ltitool'] = 'The bridge as an LTI tool';
$string['check_outbox'] = 'Outbox';
$string['check_reach'] = 'Reaching the bridge';
$string['check_services'] = 'Web services';
$string['check_settings'] = 'Settings';
$string['check_signature'] = 'Signature';
$string['column_course'] = 'Course';
$string['column_created'] = 'Since';
$string['column_held'] = 'Held now (hidden in part)';
$string['column_learners'] = 'Learners';
$string['column_placeholder'] = 'Placeholder';
$string['column_reason'] = 'Reason';
$string['column_status'] = 'State';
$string['column_tries'] = 'Tries';
$string['column_type'] = 'Message';
$string['column_withcontact'] = 'With contact data';
$string['connection'] = 'Connection test';
$string['connection_intro'] = 'Tries the way to the Anxue Bridge step by step, and says what to do where it fails.';
$string['contact'] = 'Contact data';
$string['contact_ask'] = 'Replace for those who are ticked…';
$string['contact_back'] = 'Back to the courses';
$string['contact_clean'] = 'Moodle holds no contact data of learners of this course.';
$string['contact_comesback'] = 'At the next login the address comes back from the authentication source ({$a}). Take its field off the mapping first.';
$string['contact_custom'] = 'Profile fields';
$string['contact_done'] = '{$a->fields} fields of {$a->people} people were replaced. The number was told to the bridge.';
$string['contact_empty'] = '(empty)';
$string['contact_intro'] = 'Under article 27 a platform collects no contact data of learners. Here is what Moodle holds of the learners of regulated courses. A profile belongs to the person, so what is replaced here is replaced in all courses.';
$string['contact_isadmin'] = 'Administrator of the site: not ticked by itself.';
$string['contact_preview'] = 'Up to {$a} people are shown. Nothing is changed before you have confirmed.';
$string['contact_put'] = 'Replace';
$string['contact_question'] = 'Replace the contact data of {$a->people} people? Moodle then sends them no e-mail, and a forgotten password cannot be reset by e-mail. For {$a->days} days this can be undone.';
$string['contact_scan'] = 'Count again and tell the bridge';
$string['contact_scanned'] = 'Counted. The numbers go to the bridge with the next delivery.';
$string['contact_undo'] = 'Undo';
$string['contact_undo_batch'] = '{$a->time}, {$a->actor}: {$a->fields} fields of {$a->people} people';
$string['contact_undo_button'] = 'Bring back';
$string['contact_undo_intro'] = 'What was replaced is kept encrypted for {$a} days and then deleted. Only the placeholders that still stand are undone.';
$string['contact_undone'] = '{$a->restored} fields are as before. {$a->kept} were filled in since and stay.';
$string['eventcontactreplaced'] = 'Contact data replaced by placeholders';
$string['eventcontactrestored'] = 'Contact data brought back';
$string['eventexamgranted'] = 'Exam granted';
$string['eventexamrevoked'] = 'Exam grant revoked';
$string['finding'] = 'Finding';
$string['found_clock_off'] = 'The clocks differ by about {$a->seconds} seconds. Set this server\'s clock by NTP: from 55 seconds on learners cannot start to study, from 300 on no message is taken.';
$string['found_clock_ok'] = 'The clocks agree.';
$string['found_clock_unknown'] = 'The answer had no Date header, so the clocks could not be compared. Let the proxy in front of the bridge keep that header.';
$string['found_courses_none'] = 'No course is regulated. Choose categories, list courses or name the custom field in the settings.';
$string['found_courses_ok'] = '{$a->number} courses are regulated.';
$string['found_cron_never'] = 'Cron has never run: nothing is sent. Run admin/cli/cron.php each minute.';
$string['found_cron_ok'] = 'Cron runs.';
$string['found_cron_old'] = 'Cron last ran {$a->minutes} minutes ago: messages wait. Run admin/cli/cron.php each minute.';
$string['found_curl_blocked'] = 'Moodle itself does not let this server connect to {$a->host}, port {$a->port}. Under Site administration ▸ Security ▸ HTTP security, take the host out of "cURL blocked hosts list" (curlsecurityblockedhosts) and add the port to "cURL allowed ports list" (curlsecurityallowedport). LTI needs the same two settings.';
$string['found_curl_ok'] = 'Moodle lets this server connect to {$a->host}, port {$a->port}.';
$string['found_ltikey_missing'] = 'The site has no usable LTI key (RSA, 2048 bits or more), so agents cannot start. Check that PHP has openssl, then run the upgrade of mod_lti anew or restore the settings "privatekey" and "kid" of mod_lti.';
$string['found_ltikey_ok'] = 'The site has its LTI key.';
$string['found_ltitool_email'] = '"{$a->name}" sends learners\' e-mail addresses. In the tool\'s privacy settings set "Share launcher\'s email with tool" to "Never".';
$string['found_ltitool_missing'] = 'The bridge is not chosen among the LTI tools. Register it (External tool ▸ Manage tools), then choose it in the settings.';
$string['found_ltitool_ok'] = '"{$a->name}" is active and sends no e-mail address.';
$string['found_ltitool_pending'] = '"{$a->name}" is not active yet. Activate it under External tool ▸ Manage tools.';
$string['found_outbox_full'] = 'In the last day a message found no room in the outbox. Find out why nothing is delivered, then let the bridge ask for a back-fill.';
$string['found_outbox_ok'] = '{$a->waiting} messages wait, none was refused.';
$string['found_outbox_old'] = '{$a->waiting} messages wait, the oldest for {$a->minutes} minutes. The page "Messages" says why.';
$string['found_outbox_refused'] = 'The bridge refused {$a->refused} messages. The page "Messages" says why; mend the cause there named, then send them again.';
$string['found_reach_failed'] = 'The bridge does not answer: {$a->why}. Check the address, the firewall, the proxy (Site administration ▸ Server ▸ HTTP) and the certificate.';
$string['found_reach_ok'] = 'The bridge answers (HTTP {$a->status}).';
$string['found_services_disabled'] = 'The service "Anxue Bridge" is switched off. Enable it under Server ▸ Web services ▸ External services.';
$string['found_services_no_token'] = 'Nobody has a token of the service "Anxue Bridge", so the bridge cannot grant exams. Make a user for it, with the capabilities local/anxue:manageexams, :setlearnerstate, :viewhealth, :backfill and webservice/rest:use, and a token; give the token to the bridge.';
$string['found_services_off'] = 'Web services or the REST protocol are off, so the bridge cannot grant exams. Enable both under Site administration ▸ Server ▸ Web services.';
$string['found_services_ok'] = 'The bridge can call this site.';
$string['found_settings_missing'] = 'Address, registration or secret is missing. All three stand on the bridge\'s page for this platform.';
$string['found_settings_no_https'] = 'The bridge\'s address must begin with https://.';
$string['found_settings_ok'] = 'Address, registration and secret are set.';
$string['found_settings_short_secret'] = 'The secret is shorter than 32 characters. Take the one that the bridge made.';
$string['found_signature_late'] = 'The bridge finds the timestamp too far from its own clock. Set this server\'s clock by NTP.';
$string['found_signature_ok'] = 'The bridge took a signed message.';
$string['found_signature_other'] = 'The bridge did not take the message: {$a->message} ({$a->reason}). Check that the address is the bridge\'s own, without a path.';
$string['found_signature_wrong'] = 'The bridge does not know this registration, or the secret is another. Copy both again from the bridge\'s page for this platform.';
$string['grantexpired'] = 'The grant has expired.';
$string['grantidused'] = 'Another grant has this id.';
$string['grantrevoked'] = 'The grant was revoked and cannot be given again.';
$string['granttoolong'] = 'A grant lasts a day at the longest.';
$string['group_completion'] = 'Completion of activities and courses';
$string['group_enrolment'] = 'Enrolments and roles';
$string['group_packages'] = 'SCORM, H5P and lessons';
$string['group_quiz'] = 'Quiz attempts: begun, viewed, handed in';
$string['group_views'] = 'Courses and activities viewed';
$string['heading_bridge'] = 'The bridge';
$string['heading_contact'] = 'Contact data';
$string['heading_courses'] = 'Regulated courses';
$string['heading_events'] = 'Messages';
$string['messages'] = 'Messages';
$string['messages_lost'] = 'The last message for which there was no room: {$a}';
$string['messages_state'] = '{$a->waiting} wait, {$a->refused} refused, {$a->sent} delivered and not deleted yet.';
$string['nextsecretrefused'] = 'The bridge does not take the next secret yet. Nothing was changed.';
$string['nextsecretset'] = 'A next secret is set. Use it once the bridge has it too.';
$string['nextsecretused'] = 'The next secret signs from now on. Take the old one off the bridge.';
$string['nolticlient'] = 'The bridge is not chosen among the LTI tools.';
$string['noltikey'] = 'The site has no LTI key.';
$string['nonextsecret'] = 'No next secret is set.';
$string['notlearner'] = 'This person is no learner of the course.';
$string['notregulated'] = 'The course is not regulated.';
$string['pluginname'] = 'Anxue Bridge';
$string['privacy:metadata:bridge'] = 'The Anxue Bridge, which counts hours of regulated training and reports them. It knows people here by Moodle\'s user id alone: no name, e-mail address, phone number, IP address or session leaves by this plugin.';
$string['privacy:metadata:bridge:actor'] = 'User id of who did it, if it was somebody else';
$string['privacy:metadata:bridge:attempt'] = 'Id of a quiz attempt';
$string['privacy:metadata:bridge:course'] = 'Ids of the course and the activity';
$string['privacy:metadata:bridge:event'] = 'What was done, and when';
$string['privacy:metadata:bridge:score'] = 'Score of a quiz attempt and its maximum';
$string['privacy:metadata:bridge:userid'] = 'User id of the learner';
$string['privacy:metadata:grant'] = 'The bridge\'s leave to sit an exam';
$string['privacy:metadata:grant:attemptlimit'] = 'How many attempts it may start';
$string['privacy:metadata:grant:cmid'] = 'The quiz';
$string['privacy:metadata:grant:revokereason'] = 'Why it was taken back';
$string['privacy:metadata:grant:timeexpires'] = 'Until when it holds';
$string['privacy:metadata:grant:timerevoked'] = 'When it was taken back';
$string['privacy:metadata:grant:userid'] = 'The learner';
$string['privacy:metadata:learner_state'] = 'What the bridge has said of a learner in a course';
$string['privacy:metadata:learner_state:classhours'] = 'Class hours that count';
$string['privacy:metadata:learner_state:courseid'] = 'The course';
$string['privacy:metadata:learner_state:realname'] = 'Whether the real name is proved';
$string['privacy:metadata:learner_state:timemodified'] = 'When that was said';
$string['privacy:metadata:learner_state:userid'] = 'The learner';
$string['privacy:metadata:outbox'] = 'Messages for the bridge that wait, or were delivered or refused in the last days';
$string['privacy:metadata:outbox:actorid'] = 'Who did it, if not the learner';
$string['privacy:metadata:outbox:courseid'] = 'The course';
$string['privacy:metadata:outbox:msgtype'] = 'Kind of message';
$string['privacy:metadata:outbox:payload'] = 'The message as it is sent';
$string['privacy:metadata:outbox:timecreated'] = 'When it happened';
$string['privacy:metadata:outbox:userid'] = 'The learner';
$string['privacy:metadata:undo'] = 'Contact data that was replaced by placeholders, encrypted, for the days in which that can be undone';
$string['privacy:metadata:undo:actorid'] = 'Who replaced it';
$string['privacy:metadata:undo:field'] = 'The field';
$string['privacy:metadata:undo:oldvalue'] = 'What stood there, encrypted';
$string['privacy:metadata:undo:timecreated'] = 'When it was replaced';
$string['privacy:metadata:undo:userid'] = 'The learner';
$string['row_refused'] = 'refused';
$string['row_waiting'] = 'waiting';
$string['runtest'] = 'Test the connection';
$string['sendagain'] = 'Send again: {$a->n} × {$a->reason}';
$string['sendagaindone'] = 'They go with the next delivery.';
$string['sendnow'] = 'Send now';
$string['sendnowdone'] = 'The next run of cron sends what waits.';
$string['setting_batchsize'] = 'Messages in a batch';
$string['setting_batchsize_desc'] = '1 to 200.';
$string['setting_bridgeurl'] = 'Address of the bridge';
$string['setting_bridgeurl_desc'] = 'https://…, without a path.';
$string['setting_categories'] = 'Categories';
$string['setting_categories_desc'] = 'All courses in these categories and in those below them.';
$string['setting_clientid'] = 'The bridge as an LTI tool';
$string['setting_clientid_desc'] = 'Its client id goes into the tokens of agents, which the site\'s LTI key signs.';
$string['setting_contactfields'] = 'Profile fields with contact data';
$string['setting_contactfields_desc'] = 'Short names. Fields for social accounts, and whatever looks like a mobile number or an e-mail address, are found without being named.';
$string['setting_coursefield'] = 'Custom field of courses';
$string['setting_coursefield_desc'] = 'Short name of a checkbox: courses in which it is ticked are regulated.';
$string['setting_courses'] = 'Courses';
$string['setting_courses_desc'] = 'Ids or short names, one a line.';
$string['setting_courses_heading_desc'] = 'A course is regulated if one of the three says so. On other courses the plugin does nothing.';
$string['setting_events'] = 'What is told';
$string['setting_events_desc'] = 'Claims for the record; none of them credits time. Scores of quizzes and signals (log in as, grades overridden, pass marks lowered, content changed, contact data found) are always told.';
$string['setting_mostrows'] = 'Rows in the outbox';
$string['setting_mostrows_desc'] = 'Beyond it activity is no longer kept; scores and signals are, up to twice as many.';
$string['setting_nextsecret'] = 'Next secret';
$string['setting_nextsecret_desc'] = 'For a change without a gap: set it here and at the bridge, then use it on the page "Connection test".';
$string['setting_registration'] = 'Registration';
$string['setting_registration_desc'] = 'The id under which the bridge knows this site.';
$string['setting_retentiondays'] = 'Days kept';
$string['setting_retentiondays_desc'] = 'For which delivered and refused messages and ended exam grants can be looked at.';
$string['setting_secret'] = 'Secret';
$string['setting_secret_desc'] = 'Signs what is sent.';
$string['setting_timeout'] = 'Timeout';
$string['setting_timeout_desc'] = 'Seconds after which a request is given up, 2 to 60.';
$string['setting_undodays'] = 'Days for undo';
$string['setting_undodays_desc'] = 'For which replaced contact data is kept, encrypted. 0: not at all, and nothing can be undone.';
$string['settings'] = 'Settings';
$string['status_failed'] = 'Failed';
$string['status_ok'] = 'In order';
$string['status_warning'] = 'To be looked at';
$string['taskdeliver'] = 'Send messages to the Anxue Bridge';
$string['taskscan'] = 'Count contact data of learners';
$string['tasktidy'] = 'Delete what is kept no longer';
$string['taskwatch'] = 'Look for lowered pass marks and changed content';
$string['usenextsecret'] = 'Use the next secret';
$string['whyblocked'] = 'Moodle\'s HTTP security does not allow the bridge\'s host or port.';
$string['whynoresult'] = 'The bridge\'s answer does not name this message.';
