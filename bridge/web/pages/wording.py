"""How pages write durations, instants and codes: Chinese, in the time of Asia/Shanghai."""

import re
from datetime import date, datetime
from fractions import Fraction

from flask import Flask

from bridge.kernel.time import LEGAL_ZONE, from_epoch_ms
from bridge.rules.model import Reason, Resolved
from bridge.rules.wording import READ_ON_ZH, UNCONFIRMED_ZH, period_zh, value_zh

PAPER_STATUS = {
    "valid": "有效",
    "superseded": "已被新证明替代",
    "revoked": "已撤销",
    "expired": "已失效",
}
SEAL_FIELD = {"institution": "培训机构签章", "operator": "网络平台签章"}
PAPER_KIND = {"hour_certificate": "网络学时证明", "completion_statement": "结业说明"}
CLASS_RUN_KIND = {
    "initial": "初次培训",
    "review": "复审培训",
    "renewal": "换证培训",
    "yearly_retraining": "再培训",
}
BATCH_STATE = {
    "ready": "待发送",
    "accepted": "全部接收",
    "partly_accepted": "部分接收",
    "refused": "退回",
    "failed": "发送失败",
}
RECORD_STATE = {
    "waiting": "待报送",
    "batched": "已编批",
    "accepted": "已接收",
    "refused": "被拒绝",
    "returned": "退回更正",
    "superseded": "已有更新版次",
    "held": "未通过自检",
}
RECORD_KIND = {
    "Institution": "机构",
    "ClassInfo": "班次",
    "Learner": "学员",
    "StudySession": "学习过程",
    "Check": "在场核验",
    "Evaluation": "评价",
    "HourSummary": "学时",
    "TestResult": "测验",
    "Certificate": "证明",
}
CHECK_OUTCOME = {
    "open": "进行中",
    "passed": "通过",
    "missed": "未按时核验",
    "other_person": "与登记的人脸不一致",
    "suspected_spoof": "疑似照片或屏幕",
    "no_face": "未检测到人脸",
    "several_faces": "多张人脸",
    "too_poor": "画面不清",
    "unsure": "无法确认是否本人",
    "declined": "本人停止刷脸",
}
CHECK_KIND = {
    "entry": "进入学习时的核验",
    "random": "学习中的随机核验",
    "exit": "结束学习时的核验",
    "test_start": "考试开始时的核验",
    "in_test": "考试中的随机核验",
}
TEST_REFUSAL = {
    "score_without_presence": "没有全程的在场记录",
    "below_pass_mark": "未达到合格分数",
    "score_changed": "同一次测试已有成绩",
}
STAFF_ROLE = {
    "administrator": "系统管理员",
    "institution": "培训机构",
    "authority": "监管人员",
    "operator": "平台运营",
}


_HAN = "\u4e00-\u9fff”》）"
_AFTER_HAN = re.compile(rf"(?<=[{_HAN}])[,;:?!]|(?<=[0-9A-Za-z)%])[,;:](?=[{_HAN}“])")
_IN_BRACKETS = re.compile(rf"\(([^()]*[{_HAN}][^()]*)\)")
_WIDE = str.maketrans(",;:?!", "，；：？！")


def typeset(text: str) -> str:
    """Return a Chinese sentence with full-width punctuation; stations write theirs on a plain keyboard."""
    wide = _AFTER_HAN.sub(lambda found: found[0].translate(_WIDE), text)
    return _IN_BRACKETS.sub(lambda found: f"（{found[1]}）", wide)


def duration(seconds: int) -> str:
    """Return e.g. "1 小时 05 分", "12 分 30 秒", "0 秒"."""
    hours, rest = divmod(max(0, int(seconds)), 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} 小时 {minutes:02d} 分"
    if minutes:
        return f"{minutes} 分 {left:02d} 秒"
    return f"{left} 秒"


def beijing(instant: datetime, form: str = "%Y-%m-%d %H:%M") -> str:
    """Return the instant in Asia/Shanghai."""
    return instant.astimezone(LEGAL_ZONE).strftime(form)


def beijing_ms(milliseconds: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return the instant (epoch ms) in Asia/Shanghai."""
    return beijing(from_epoch_ms(milliseconds), form)


def span(start_ms: int, end_ms: int) -> str:
    """Return e.g. "11-23 18:03:10 至 18:05:40"."""
    start, end = (from_epoch_ms(at).astimezone(LEGAL_ZONE) for at in (start_ms, end_ms))
    day = "%m-%d %H:%M:%S"
    return f"{start:{day}} 至 {end.strftime('%H:%M:%S' if start.date() == end.date() else day)}"


def exact(number: int | Fraction) -> str:
    """Return a whole number plainly, and a fraction as one: nothing is rounded on the way to the reader."""
    return str(number.numerator) if number.denominator == 1 else f"{number.numerator}/{number.denominator}"


def source(reason: Reason) -> str:
    """Return what a reason rests on, e.g. "粤应急规〔2022〕3号第二十四条", and whether that is unconfirmed."""
    return typeset(str(reason.citation) + ("" if reason.confirmed else f"({UNCONFIRMED_ZH})"))


def rule_source(rule: Resolved) -> str:
    """Return a rule's document and place, and whether its value is unconfirmed."""
    one = rule.parameter
    return typeset(str(one.citation) + ("" if one.confirmed else f"({UNCONFIRMED_ZH})"))


def rule_value(rule: Resolved) -> str:
    """Return a rule's value with its unit, e.g. "45 分钟"."""
    return typeset(value_zh(rule.value, rule.parameter.unit, rule.parameter.labels_zh))


def read_on(code: str) -> str:
    """Return the day on which a rule is read, e.g. "开班日"."""
    return READ_ON_ZH.get(code, code)


def legal_period(effective_from: date, effective_until: date | None) -> str:
    """Return a document's dates with the last day included, e.g. "2022-07-01 至 2027-06-30"."""
    return period_zh(effective_from, effective_until)


def register_wording(app: Flask) -> None:
    """Give the templates these words as filters."""
    for name, words in (
        ("paper_status", PAPER_STATUS),
        ("paper_kind", PAPER_KIND),
        ("seal_field", SEAL_FIELD),
        ("class_run_kind", CLASS_RUN_KIND),
        ("staff_role", STAFF_ROLE),
        ("batch_state", BATCH_STATE),
        ("record_state", RECORD_STATE),
        ("record_kind", RECORD_KIND),
        ("check_outcome", CHECK_OUTCOME),
        ("check_kind", CHECK_KIND),
        ("test_refusal", TEST_REFUSAL),
    ):
        app.add_template_filter(lambda code, words=words: words.get(str(code), str(code)), name)
    for function in (
        typeset,
        duration,
        beijing,
        beijing_ms,
        span,
        exact,
        source,
        rule_source,
        rule_value,
        read_on,
        legal_period,
    ):
        app.add_template_filter(function, function.__name__)
