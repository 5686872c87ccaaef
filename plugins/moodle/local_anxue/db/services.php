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
 * Web services: what the bridge may ask of this site.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

$functions = [
    'local_anxue_grant_exam' => [
        'classname' => \local_anxue\external\grant_exam::class,
        'description' => 'Gives a learner leave to sit an exam for a short time.',
        'type' => 'write',
        'capabilities' => 'local/anxue:manageexams',
    ],
    'local_anxue_revoke_exam' => [
        'classname' => \local_anxue\external\revoke_exam::class,
        'description' => 'Takes back a learner\'s leave to sit an exam.',
        'type' => 'write',
        'capabilities' => 'local/anxue:manageexams',
    ],
    'local_anxue_set_learner_state' => [
        'classname' => \local_anxue\external\set_learner_state::class,
        'description' => 'Says whether a learner is proved and how many class hours count.',
        'type' => 'write',
        'capabilities' => 'local/anxue:setlearnerstate',
    ],
    'local_anxue_site_health' => [
        'classname' => \local_anxue\external\site_health::class,
        'description' => 'Tells how the site and the plugin stand.',
        'type' => 'read',
        'capabilities' => 'local/anxue:viewhealth',
    ],
    'local_anxue_backfill' => [
        'classname' => \local_anxue\external\backfill::class,
        'description' => 'Puts past enrolments, completions and attempts into the outbox.',
        'type' => 'write',
        'capabilities' => 'local/anxue:backfill',
    ],
    'local_anxue_attempts' => [
        'classname' => \local_anxue\external\attempts::class,
        'description' => 'Tells which scores there are in regulated courses; changes nothing.',
        'type' => 'read',
        'capabilities' => 'local/anxue:backfill',
    ],
];

$services = [
    'Anxue Bridge' => [
        'functions' => array_keys($functions),
        'shortname' => 'local_anxue',
        'restrictedusers' => 1,
        'enabled' => 1,
    ],
];
