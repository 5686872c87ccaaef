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
 * Chinese strings of quizaccess_anxue.
 *
 * @package    quizaccess_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

$string['anxue:manage'] = '开启或关闭测验的身份核验';
$string['bridgesays'] = '安学桥说明：{$a}';
$string['consentheader'] = '测验中的身份核验';
$string['consentlabel'] = '我已阅读并同意。';
$string['consentmissing'] = '未经您同意，测验不能开始。请勾选同意，或向培训机构询问其他测验方式。';
$string['consenttext'] = '测验开始时和测验过程中，安学桥会打开您的摄像头，将您的人脸与登记照片比对。照片只传给安学桥，不存入本网站，只用于本次核验，并按其告知书所述删除。请独自作答，不要离开页面。没有核验记录的成绩不予认定。';
$string['description'] = '由安学桥核验身份：确认您是登记的学员后，测验才会开放。请准备好摄像头。';
$string['eventaccessprevented'] = '身份核验阻止了进入测验';
$string['pluginname'] = '安学桥身份核验';
$string['privacy:metadata:consent'] = '测验开始前对身份核验的同意记录。';
$string['privacy:metadata:consent:grantid'] = '作出同意时所依据的安学桥准考许可。';
$string['privacy:metadata:consent:quizid'] = '所涉及的测验。';
$string['privacy:metadata:consent:timecreated'] = '作出同意的时间。';
$string['privacy:metadata:consent:userid'] = '作出同意的人。';
$string['refused_attemptsused'] = '本次身份核验允许的测验次数已经用完。如果您还可以再考，请到安学桥重新核验。';
$string['refused_bridgeaway'] = '目前无法连接安学桥，测验不能开始。请几分钟后重试；如仍不行，请联系培训机构。';
$string['refused_expired'] = '您的身份核验已过期。请到安学桥重新核验，已作答的内容会保留。';
$string['refused_loginas'] = '以他人身份登录或切换角色时不能参加本测验。';
$string['refused_none'] = '本测验没有有效的身份核验。请先到安学桥核验，再回到本页。';
$string['refused_notconfigured'] = '本网站尚未接入安学桥，测验不能开始。请网站管理员完成插件 local_anxue 的设置。';
$string['refused_notregulated'] = '在本课程中无法为您进行人脸核验，测验不开放。您须以学员身份加入课程，且课程须在插件 local_anxue 的设置中列为受监管课程，请联系培训机构。';
$string['refused_pluginmissing'] = '本网站缺少插件 local_anxue，测验不能开始。请网站管理员安装该插件。';
$string['refused_revoked'] = '您参加本测验的许可已被撤回。请到安学桥查看原因，或联系培训机构。';
$string['refused_unavailable'] = '目前无法确认您是否已核验身份，测验暂不开放。请几分钟后重试；如仍不行，请联系培训机构。';
$string['required'] = '由安学桥核验身份';
$string['required_help'] = '选“是”后，只有安学桥确认了学员身份，测验才能开始和继续；安学桥不可用时测验不开放。请把全部题目放在同一页：测验每换一页都要重新核验人脸。教师预览不核验。';
$string['togate'] = '前往身份核验';
