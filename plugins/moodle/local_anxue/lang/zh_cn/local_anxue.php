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
 * Strings in Simplified Chinese.
 *
 * @package    local_anxue
 * @copyright  2026 Anxue Bridge contributors
 * @license    https://www.gnu.org/copyleft/gpl.html GNU GPL v3 or later
 */

defined('MOODLE_INTERNAL') || die();

$string['agentunreachable'] = '暂时连不上安学桥,本页的学习时间不计。请稍后刷新页面。';
$string['agentunreachableexam'] = '暂时连不上安学桥,没有监考时不能作答,考试仍在计时。请马上刷新页面。';
$string['anxue:backfill'] = '补报历史记录';
$string['anxue:managecontact'] = '查看并清理学员联系方式';
$string['anxue:manageexams'] = '发放和撤销考试许可';
$string['anxue:setlearnerstate'] = '设置学员的实名状态和学时';
$string['anxue:study'] = '作为受监管课程的学员';
$string['anxue:viewhealth'] = '查看插件运行状态';
$string['badcursor'] = '补报游标无效。';
$string['cachedef_outbox'] = '待发消息数';
$string['cachedef_regulated'] = '课程是否受监管';
$string['check'] = '检查项';
$string['check_clock'] = '时钟';
$string['check_courses'] = '受监管课程';
$string['check_cron'] = '定时任务';
$string['check_curl'] = 'Moodle 的 HTTP 安全设置';
$string['check_ltikey'] = 'LTI 密钥';
$string['check_ltitool'] = '安学桥 LTI 工具';
$string['check_outbox'] = '待发消息';
$string['check_reach'] = '连接安学桥';
$string['check_services'] = 'Web 服务';
$string['check_settings'] = '设置';
$string['check_signature'] = '签名';
$string['column_course'] = '课程';
$string['column_created'] = '产生时间';
$string['column_held'] = '现有内容(部分隐藏)';
$string['column_learners'] = '学员数';
$string['column_placeholder'] = '占位内容';
$string['column_reason'] = '原因';
$string['column_status'] = '状态';
$string['column_tries'] = '尝试次数';
$string['column_type'] = '消息类型';
$string['column_withcontact'] = '有联系方式的学员';
$string['connection'] = '连接测试';
$string['connection_intro'] = '逐步检查到安学桥的连接;哪一步不通,就说明该怎么做。';
$string['contact'] = '联系方式清理';
$string['contact_ask'] = '替换所选学员的联系方式…';
$string['contact_back'] = '返回课程列表';
$string['contact_clean'] = '本课程学员在 Moodle 中没有联系方式。';
$string['contact_comesback'] = '下次登录时会由认证来源({$a})重新写入。请先取消该字段的映射。';
$string['contact_custom'] = '自定义字段';
$string['contact_done'] = '已替换 {$a->people} 人的 {$a->fields} 项内容,并已把统计结果告知安学桥。';
$string['contact_empty'] = '(空)';
$string['contact_intro'] = '按第二十七条,平台不收集学员的联系方式。下面是 Moodle 中受监管课程学员的联系方式。个人资料属于本人,在此替换后,其在所有课程中都会改变。';
$string['contact_isadmin'] = '网站管理员,默认不勾选。';
$string['contact_preview'] = '最多显示 {$a} 人。确认之前不会改动任何内容。';
$string['contact_put'] = '替换';
$string['contact_question'] = '确定替换 {$a->people} 人的联系方式吗?此后 Moodle 不再向其发送邮件,也不能用邮件找回密码。{$a->days} 天内可以撤销。';
$string['contact_scan'] = '重新统计并告知安学桥';
$string['contact_scanned'] = '已统计,结果将随下一批消息送达安学桥。';
$string['contact_undo'] = '撤销';
$string['contact_undo_batch'] = '{$a->time},{$a->actor}:{$a->people} 人的 {$a->fields} 项';
$string['contact_undo_button'] = '恢复';
$string['contact_undo_intro'] = '被替换的内容加密保存 {$a} 天,到期删除。只有仍为占位内容的字段会恢复。';
$string['contact_undone'] = '已恢复 {$a->restored} 项;{$a->kept} 项在此期间已被重新填写,保持不变。';
$string['eventcontactreplaced'] = '联系方式已替换为占位内容';
$string['eventcontactrestored'] = '联系方式已恢复';
$string['eventexamgranted'] = '已发放考试许可';
$string['eventexamrevoked'] = '已撤销考试许可';
$string['finding'] = '结果';
$string['found_clock_off'] = '两边的时钟相差约 {$a->seconds} 秒。请为本服务器启用 NTP 校时:相差 55 秒以上学员将无法开始学习,300 秒以上消息会被拒收。';
$string['found_clock_ok'] = '两边时钟一致。';
$string['found_clock_unknown'] = '答复中没有 Date 头,无法比较时钟。请让安学桥前面的代理保留该头。';
$string['found_courses_none'] = '没有受监管的课程。请在设置中选择类别、列出课程或填写自定义字段。';
$string['found_courses_ok'] = '受监管课程 {$a->number} 门。';
$string['found_cron_never'] = '定时任务从未运行,消息发不出去。请每分钟运行一次 admin/cli/cron.php。';
$string['found_cron_ok'] = '定时任务运行正常。';
$string['found_cron_old'] = '定时任务上次运行是在 {$a->minutes} 分钟前,消息正在积压。请每分钟运行一次 admin/cli/cron.php。';
$string['found_curl_blocked'] = 'Moodle 自身不允许本服务器连接 {$a->host} 的 {$a->port} 端口。请到"网站管理 ▸ 安全 ▸ HTTP 安全",把该主机从"cURL 禁止的主机列表"(curlsecurityblockedhosts)中去掉,并把该端口加入"cURL 允许的端口列表"(curlsecurityallowedport)。LTI 也需要这两项设置。';
$string['found_curl_ok'] = 'Moodle 允许连接 {$a->host} 的 {$a->port} 端口。';
$string['found_ltikey_missing'] = '网站没有可用的 LTI 密钥(RSA,2048 位以上),学习组件无法启动。请确认 PHP 装有 openssl,再重新执行 mod_lti 的升级,或恢复 mod_lti 的 privatekey 和 kid 两项设置。';
$string['found_ltikey_ok'] = '网站的 LTI 密钥可用。';
$string['found_ltitool_email'] = '工具"{$a->name}"会发送学员邮箱。请在该工具的隐私设置中把"向工具共享启动者的邮箱"设为"从不"。';
$string['found_ltitool_missing'] = '没有选定安学桥 LTI 工具。请先登记(外部工具 ▸ 管理工具),再在设置中选定。';
$string['found_ltitool_ok'] = '工具"{$a->name}"已启用,不发送邮箱。';
$string['found_ltitool_pending'] = '工具"{$a->name}"尚未激活。请到"外部工具 ▸ 管理工具"中激活。';
$string['found_outbox_full'] = '最近一天有消息因队列已满而未能保存。请先查明不能送达的原因,再由安学桥发起补报。';
$string['found_outbox_ok'] = '待发 {$a->waiting} 条,没有被拒收的消息。';
$string['found_outbox_old'] = '待发 {$a->waiting} 条,最早的已等待 {$a->minutes} 分钟。原因见"消息"页。';
$string['found_outbox_refused'] = '安学桥拒收了 {$a->refused} 条消息。请到"消息"页查看原因,解决后重新发送。';
$string['found_reach_failed'] = '安学桥没有应答:{$a->why}。请检查网址、防火墙、代理(网站管理 ▸ 服务器 ▸ HTTP)和证书。';
$string['found_reach_ok'] = '安学桥有应答(HTTP {$a->status})。';
$string['found_services_disabled'] = '"Anxue Bridge"服务未启用。请到"服务器 ▸ Web 服务 ▸ 外部服务"中启用。';
$string['found_services_no_token'] = '"Anxue Bridge"服务还没有令牌,安学桥无法发放考试许可。请为它建一个用户,授予 local/anxue:manageexams、:setlearnerstate、:viewhealth、:backfill 和 webservice/rest:use 权限并生成令牌,把令牌交给安学桥。';
$string['found_services_off'] = 'Web 服务或 REST 协议未启用,安学桥无法发放考试许可。请到"网站管理 ▸ 服务器 ▸ Web 服务"中启用。';
$string['found_services_ok'] = '安学桥可以调用本站。';
$string['found_settings_missing'] = '缺少网址、登记编号或密钥。三项都在安学桥的平台登记页上。';
$string['found_settings_no_https'] = '安学桥网址须以 https:// 开头。';
$string['found_settings_ok'] = '网址、登记编号和密钥已填写。';
$string['found_settings_short_secret'] = '密钥不足 32 个字符。请使用安学桥生成的密钥。';
$string['found_signature_late'] = '安学桥认为时间戳与其时钟相差过大。请为本服务器启用 NTP 校时。';
$string['found_signature_ok'] = '安学桥接收了签名消息。';
$string['found_signature_other'] = '安学桥没有接收消息:{$a->message}({$a->reason})。请核对网址是否为安学桥的地址,且不带路径。';
$string['found_signature_wrong'] = '安学桥不认识该登记编号,或密钥不符。请从安学桥的平台登记页重新复制这两项。';
$string['grantexpired'] = '考试许可已过期。';
$string['grantidused'] = '该编号已用于另一项考试许可。';
$string['grantrevoked'] = '该考试许可已撤销,不能再次发放。';
$string['granttoolong'] = '考试许可最长一天。';
$string['group_completion'] = '活动和课程完成';
$string['group_enrolment'] = '选课和角色';
$string['group_packages'] = 'SCORM、H5P 和程序教学';
$string['group_quiz'] = '测验:开始、查看、交卷';
$string['group_views'] = '查看课程和活动';
$string['heading_bridge'] = '安学桥';
$string['heading_contact'] = '联系方式';
$string['heading_courses'] = '受监管课程';
$string['heading_events'] = '消息';
$string['messages'] = '消息';
$string['messages_lost'] = '最近一次因队列已满而未能保存的时间:{$a}';
$string['messages_state'] = '待发 {$a->waiting} 条,被拒收 {$a->refused} 条,已送达且尚未清除 {$a->sent} 条。';
$string['nextsecretrefused'] = '安学桥还不接受新密钥,未做改动。';
$string['nextsecretset'] = '已填写新密钥。安学桥也填好后再启用。';
$string['nextsecretused'] = '已启用新密钥。请在安学桥上删除旧密钥。';
$string['nolticlient'] = '没有选定安学桥 LTI 工具。';
$string['noltikey'] = '网站没有 LTI 密钥。';
$string['nonextsecret'] = '没有填写新密钥。';
$string['notlearner'] = '该用户不是本课程的学员。';
$string['notregulated'] = '该课程不是受监管课程。';
$string['pluginname'] = '安学桥';
$string['privacy:metadata:bridge'] = '安学桥认定并上报受监管培训的学时。它在这里只知道 Moodle 的用户编号:姓名、邮箱、电话、IP 地址和会话都不会经由本插件离开。';
$string['privacy:metadata:bridge:actor'] = '他人操作时,操作者的用户编号';
$string['privacy:metadata:bridge:attempt'] = '测验答题编号';
$string['privacy:metadata:bridge:course'] = '课程和活动的编号';
$string['privacy:metadata:bridge:event'] = '做了什么、何时';
$string['privacy:metadata:bridge:score'] = '测验成绩和满分';
$string['privacy:metadata:bridge:userid'] = '学员的用户编号';
$string['privacy:metadata:grant'] = '安学桥发放的考试许可';
$string['privacy:metadata:grant:attemptlimit'] = '可开始的答题次数';
$string['privacy:metadata:grant:cmid'] = '测验';
$string['privacy:metadata:grant:revokereason'] = '撤销原因';
$string['privacy:metadata:grant:timeexpires'] = '有效期至';
$string['privacy:metadata:grant:timerevoked'] = '撤销时间';
$string['privacy:metadata:grant:userid'] = '学员';
$string['privacy:metadata:learner_state'] = '安学桥告知的学员状态';
$string['privacy:metadata:learner_state:classhours'] = '已认定学时';
$string['privacy:metadata:learner_state:courseid'] = '课程';
$string['privacy:metadata:learner_state:realname'] = '是否已实名';
$string['privacy:metadata:learner_state:timemodified'] = '告知时间';
$string['privacy:metadata:learner_state:userid'] = '学员';
$string['privacy:metadata:outbox'] = '等待发送,以及近日已送达或被拒收的消息';
$string['privacy:metadata:outbox:actorid'] = '他人操作时的操作者';
$string['privacy:metadata:outbox:courseid'] = '课程';
$string['privacy:metadata:outbox:msgtype'] = '消息类型';
$string['privacy:metadata:outbox:payload'] = '发送的消息内容';
$string['privacy:metadata:outbox:timecreated'] = '产生时间';
$string['privacy:metadata:outbox:userid'] = '学员';
$string['privacy:metadata:undo'] = '被占位内容替换的联系方式,加密保存,仅在可撤销的天数内';
$string['privacy:metadata:undo:actorid'] = '替换者';
$string['privacy:metadata:undo:field'] = '字段';
$string['privacy:metadata:undo:oldvalue'] = '原内容(加密)';
$string['privacy:metadata:undo:timecreated'] = '替换时间';
$string['privacy:metadata:undo:userid'] = '学员';
$string['row_refused'] = '被拒收';
$string['row_waiting'] = '待发';
$string['runtest'] = '开始测试';
$string['sendagain'] = '重新发送:{$a->n} 条 {$a->reason}';
$string['sendagaindone'] = '将随下一批发送。';
$string['sendnow'] = '立即发送';
$string['sendnowdone'] = '定时任务下次运行时发送。';
$string['setting_batchsize'] = '每批消息数';
$string['setting_batchsize_desc'] = '1 至 200。';
$string['setting_bridgeurl'] = '安学桥网址';
$string['setting_bridgeurl_desc'] = 'https:// 开头,不带路径。';
$string['setting_categories'] = '类别';
$string['setting_categories_desc'] = '这些类别及其下级类别中的全部课程。';
$string['setting_clientid'] = '安学桥 LTI 工具';
$string['setting_clientid_desc'] = '学习组件的凭证中带有其客户端编号,并由网站的 LTI 密钥签名。';
$string['setting_contactfields'] = '含联系方式的自定义字段';
$string['setting_contactfields_desc'] = '填写字段简称。社交账号字段以及形似手机号、邮箱的内容,不必填写也会被发现。';
$string['setting_coursefield'] = '课程自定义字段';
$string['setting_coursefield_desc'] = '复选框字段的简称:勾选的课程受监管。';
$string['setting_courses'] = '课程';
$string['setting_courses_desc'] = '课程编号或简称,每行一个。';
$string['setting_courses_heading_desc'] = '三种方式满足其一即受监管。对其他课程,本插件不做任何事。';
$string['setting_events'] = '上报内容';
$string['setting_events_desc'] = '仅作记录,均不直接计入学时。测验成绩和各类信号(以他人身份登录、改分、降低及格线、更换内容、发现联系方式)始终上报。';
$string['setting_mostrows'] = '队列上限';
$string['setting_mostrows_desc'] = '超过后不再保存一般记录;成绩和信号可保存到上限的两倍。';
$string['setting_nextsecret'] = '新密钥';
$string['setting_nextsecret_desc'] = '用于不中断地更换密钥:先在此处和安学桥填写,再到"连接测试"页启用。';
$string['setting_registration'] = '登记编号';
$string['setting_registration_desc'] = '安学桥中本站的登记编号。';
$string['setting_retentiondays'] = '保留天数';
$string['setting_retentiondays_desc'] = '已送达、被拒收的消息和已结束的考试许可保留的天数。';
$string['setting_secret'] = '密钥';
$string['setting_secret_desc'] = '用于给消息签名。';
$string['setting_timeout'] = '超时';
$string['setting_timeout_desc'] = '请求超过多少秒放弃,2 至 60。';
$string['setting_undodays'] = '可撤销天数';
$string['setting_undodays_desc'] = '被替换的联系方式加密保留的天数。0 表示不保留,也不能撤销。';
$string['settings'] = '设置';
$string['status_failed'] = '不通过';
$string['status_ok'] = '正常';
$string['status_warning'] = '需注意';
$string['taskdeliver'] = '向安学桥发送消息';
$string['taskscan'] = '统计学员联系方式';
$string['tasktidy'] = '清除到期内容';
$string['taskwatch'] = '检查及格线和课程内容的变动';
$string['usenextsecret'] = '启用新密钥';
$string['whyblocked'] = 'Moodle 的 HTTP 安全设置不允许连接安学桥的主机或端口。';
$string['whynoresult'] = '安学桥的答复中没有提到该消息。';
