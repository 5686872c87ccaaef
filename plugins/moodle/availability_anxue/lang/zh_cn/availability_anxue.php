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
 * Chinese strings of availability_anxue.
 *
 * @package    availability_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

$string['description'] = '只有安学桥确认实名，或认定足够学时后才开放。';
$string['error_hours'] = '请填写大于 0 的学时数，最多四位小数，例如 7.5。';
$string['hours'] = '学时';
$string['need'] = '安学桥';
$string['need_hours'] = '已认定的学时不少于';
$string['need_realname'] = '已确认实名';
$string['pluginname'] = '安学桥访问限制';
$string['privacy:metadata'] = '插件“安学桥访问限制”不保存个人信息；安学桥报告的内容由插件 local_anxue 保存。';
$string['requires_fewer_hours'] = '安学桥认定的学时少于 {$a}';
$string['requires_hours'] = '安学桥认定的学时不少于 {$a}';
$string['requires_no_realname'] = '您<strong>尚未</strong>在安学桥完成实名';
$string['requires_realname'] = '您已在安学桥完成实名';
$string['title'] = '安学桥';
