"""What people read of a thing set aside: why, and what to do. Never a trace, never a value of the message."""

from collections.abc import Mapping

EXPLANATIONS: Mapping[str, tuple[str, str]] = {
    "account_unknown": (
        "学习平台报来的成绩属于一个还没有在安学桥完成实名的账号。",
        "请学员从课程页面进入安学桥完成实名;完成后系统会自动重放,无需手工处理。",
    ),
    "unit_unknown": (
        "学习平台报来的成绩所属的测验,没有登记为该学员班次的课程单元,或学员还没有报名该班次。",
        "请核对课程单元与学习平台测验的对应关系和报名名单;改好后点“重放”,系统也会定期自动重试。",
    ),
    "webhook_type_unknown": (
        "学习平台插件比安学桥新,发来了本版本不认识的消息类型。",
        "请升级安学桥后重放;确认不需要的可以写明原因后放弃。",
    ),
    "version_unknown": (
        "消息的版本本系统不认识,通常是发送方或另一台服务器的版本较新。",
        "请升级安学桥后重放。",
    ),
    "type_unknown": ("已保存的消息属于本版本不认识的类型。", "请升级安学桥后重放。"),
    "source_unknown": ("已保存的消息来自本版本不认识的来源。", "请升级安学桥后重放。"),
    "payload_malformed": (
        "已保存的消息缺少内容或格式不对,无法读取;同一学习会话后面的记录不受影响。",
        "请平台运维人员检查程序版本,修复后重放。",
    ),
    "statement_lost": (
        "链上记有这条学习记录,但数据库中找不到它,或内容与链上的哈希不符。",
        "请运维人员核对数据库备份;恢复后重放。",
    ),
    "worker_lost": (
        "处理这项任务的进程连续多次中途被终止(例如内存不足)。",
        "请运维人员检查服务器内存和日志,处理后重放。",
    ),
    "ledger_entry_conflict": (
        "同一事实在台账中已有内容不同的记录,台账不能改写。",
        "请核实哪一个正确;如需更正,走两人更正流程,然后写明原因放弃本条。",
    ),
    "ledger_fact_invalid": ("要记入台账的内容缺失或类型不对。", "请运维人员检查程序版本,修复后重放。"),
    "not_enrolled": ("学员不在该班次的报名名单中。", "请补报名后重放。"),
    "no_rule_in_force": ("当天没有可适用的规则值,系统不作认定。", "请更新规则包后重放。"),
    "score_malformed": (
        "成绩格式不对。",
        "请检查学习平台的成绩设置;改好后请平台重新发送,本条写明原因后放弃。",
    ),
}
_DEFECT = (
    "处理这项内容时程序出错(不是发送方的问题)。",
    "请运维人员按编号查看日志、升级修复后重放;其他内容不受影响。",
)
_OTHER = ("处理没有成功,原因代码如下。", "请按原因代码排除后重放,或写明原因后放弃。")

KINDS_ZH: Mapping[str, str] = {
    "arrived": "收到但未接收的消息",
    "stored": "已保存但无法读取的消息",
    "job": "未能完成的任务",
}
JOBS_ZH: Mapping[str, str] = {
    "event": "收到消息后的处理",
    "presence.frame_waiting": "照片核对",
    "study.beats_waiting": "学习记录记入台账",
    "ledger.extended": "学时结算",
}
"""Of jobs, by their kind; others are background work."""
STATES_ZH: Mapping[str, str] = {"waiting": "待处理", "taken": "已重放成功", "discarded": "已放弃"}
STEPS_ZH: Mapping[str, str] = {
    "set_aside": "隔离",
    "tried": "重放未成功",
    "taken": "重放成功",
    "discarded": "放弃",
    "restored": "撤销放弃",
}


def explain(reason: str) -> tuple[str, str]:
    """Return what a reason means and what to do; a name of an exception is a defect of ours."""
    if reason in EXPLANATIONS:
        return EXPLANATIONS[reason]
    return _DEFECT if reason[:1].isupper() else _OTHER
