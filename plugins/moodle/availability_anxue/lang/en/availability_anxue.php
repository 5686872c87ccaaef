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
 * English strings of availability_anxue.
 *
 * @package    availability_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

$string['description'] = 'Open only when Anxue Bridge has proved the real name, or credited enough class hours.';
$string['error_hours'] = 'Enter the class hours as a number above 0 with at most four decimal places, for example 7.5.';
$string['hours'] = 'Class hours';
$string['need'] = 'Anxue Bridge';
$string['need_hours'] = 'has credited at least this many class hours';
$string['need_realname'] = 'has proved the real name';
$string['pluginname'] = 'Restriction by Anxue Bridge';
$string['privacy:metadata'] = 'The plugin Restriction by Anxue Bridge keeps no personal data; the plugin local_anxue keeps what Anxue Bridge reports.';
$string['requires_fewer_hours'] = 'Anxue Bridge has credited fewer than {$a} class hours';
$string['requires_hours'] = 'Anxue Bridge has credited at least {$a} class hours';
$string['requires_no_realname'] = 'Your real name is <strong>not</strong> proved at Anxue Bridge';
$string['requires_realname'] = 'Your real name is proved at Anxue Bridge';
$string['title'] = 'Anxue Bridge';
