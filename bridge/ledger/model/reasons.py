"""Why study time does not count, in the order in which reasons take precedence, each with its sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from bridge.ledger.model.freezes import Fault
from bridge.ledger.model.rules import FORWARD_SEEK, NIGHT_FROM, TEST_FIRST, StudyRules
from bridge.rules.model import NoRuleInForce, Reason


class Refusal(StrEnum):
    """Codes of refused study time; never renamed, ledgers and papers name them."""

    SECOND_SESSION = "second_session"
    OUTSIDE_CLASS_DATES = "outside_class_dates"
    TEST_TIME = "test_time"
    OFFLINE_SESSION = "offline_session"
    NIGHT = "night"
    BEAT_GAP = "beat_gap"
    OTHER_PERSON = "other_person"
    SUSPECTED_SPOOF = "suspected_spoof"
    CHECK_MISSED = "check_missed"
    NO_PRESENCE = "no_presence"
    PRESENCE_GAP = "presence_gap"
    UNCONFIRMED = "unconfirmed"
    PROMPT_MISSED = "prompt_missed"
    HIDDEN = "hidden"
    IDLE = "idle"
    OVER_RATE = "over_rate"
    BEYOND_FURTHEST = "beyond_furthest"
    CORRECTED = "corrected"
    MOVED_AWAY = "moved_away"
    OVER_DAILY_CAP = "over_daily_cap"
    REPEATED = "repeated"
    BEYOND_NOMINAL = "beyond_nominal"
    NOT_PROGRESSING = "not_progressing"


NOT_ANCHORED = "not_anchored"
AWAITS_CHECK = "awaits_check"
"""Codes of provisional time: it counts once the person is anchored, or the next check is passed."""
AWAITS_TEST = "awaits_test"
"""The code of pending time: it counts once the test is passed.

Frozen time has the code of its `freezes.Fault`.
"""


@dataclass(frozen=True, slots=True)
class _Wording:
    """`parameter` is the rule; `instead` the practice to name where a profile has no such rule."""

    parameter: str
    sentence_zh: str
    instead: str = ""


_WORDINGS: Mapping[str, _Wording] = {
    Refusal.SECOND_SESSION: _Wording(
        "study.counting_sessions",
        "同一时间另一台设备或另一个页面也在学习,只计其中一处。请关闭其他学习页面。",
    ),
    Refusal.OUTSIDE_CLASS_DATES: _Wording(
        "study.counting_sessions",
        "这段学习不在班次的开班至结班日期之内,不计学时。请在班次期间学习,或联系班主任。",
    ),
    Refusal.TEST_TIME: _Wording("study.counting_sessions", "测试用时不计入学时;课程学习时间照常计入。"),
    Refusal.OFFLINE_SESSION: _Wording(
        "study.counting_sessions", "这段时间已登记您在参加线下培训,线上学习不重复计入。请在其他时间学习。"
    ),
    Refusal.NIGHT: _Wording(
        NIGHT_FROM,
        "这段时间在规定的夜间停计时段内,不计学时。请在白天重新学习这部分内容。",
        "study.counting_sessions",
    ),
    Refusal.BEYOND_FURTHEST: _Wording(
        FORWARD_SEEK,
        "首次学完之前跳到了还没学到的位置,这段时间不计学时。请从上次学到的位置继续,按顺序学习。",
        "study.counting_sessions",
    ),
    Refusal.BEAT_GAP: _Wording(
        "study.beat_gap_limit_seconds",
        "这段时间学习页面与服务器失去联系,不计学时。请检查网络,保持页面打开后重新学习这部分内容。",
    ),
    Refusal.OTHER_PERSON: _Wording(
        "study.presence_required",
        "核验时不是本人,自上次核验通过以后的学习不计学时。请本人重新核验后再学这部分内容;如有误判请联系班主任。",
    ),
    Refusal.SUSPECTED_SPOOF: _Wording(
        "study.presence_required",
        "核验时镜头前疑似照片或屏幕,自上次核验通过以后的学习不计学时。"
        "请本人重新核验后再学这部分内容;如有误判请联系班主任申请人工复核。",
    ),
    Refusal.CHECK_MISSED: _Wording(
        "study.presence_required",
        "未通过应完成的人脸核验,自应核验时起到下次核验通过为止不计学时。请完成核验后重新学习这部分内容。",
    ),
    Refusal.NO_PRESENCE: _Wording(
        "study.presence_required", "进入学习后尚未通过核验,这段时间不计学时。请先完成人脸核验再学习。"
    ),
    Refusal.PRESENCE_GAP: _Wording(
        "presence.check_gap_max_seconds",
        "距上次核验通过的时间过长,其间没有本人在场的证明,不计学时。请完成核验后重新学习这部分内容。",
    ),
    Refusal.UNCONFIRMED: _Wording(
        "study.presence_required",
        "离开学习页面前没有再通过核验,最后一段时间不计学时。请重新学习这部分内容,结束学习时请完成退出核验。",
    ),
    Refusal.PROMPT_MISSED: _Wording(
        "prompt.answer_window_seconds",
        "没有按时答对屏幕上的提问,自提问时起到下次答对提问或核验通过为止不计学时。请重新学习这部分内容,看到提问及时作答。",
        "study.idle_limit_seconds",
    ),
    Refusal.HIDDEN: _Wording(
        "study.idle_limit_seconds", "学习页面被切到后台或被遮住,这段时间不计学时。请保持页面在前台重新学习。"
    ),
    Refusal.IDLE: _Wording(
        "study.idle_limit_seconds",
        "长时间没有任何操作,超过时限的部分不计学时。请重新学习这部分内容并适时操作页面。",
    ),
    Refusal.OVER_RATE: _Wording(
        "study.max_rate", "播放速度超过允许的倍速,这段时间不计学时。请用正常速度重新学习这部分内容。"
    ),
    Refusal.CORRECTED: _Wording(
        "institution.data_change_allowed",
        "这段时间经两名工作人员核实更正,不计学时,更正记录留在台账中。如有异议请联系班主任。",
        "study.counting_sessions",
    ),
    Refusal.MOVED_AWAY: _Wording(
        "institution.data_change_allowed",
        "您已转到另一班次,原班次的学时已转入新班次,本班次不再计学时。请在新班次继续学习。",
        "study.counting_sessions",
    ),
    Refusal.OVER_DAILY_CAP: _Wording(
        "study.daily_cap_seconds", "当天计入的学习时间已到上限,超出部分不计学时。请改天再学习这部分内容。"
    ),
    Refusal.REPEATED: _Wording(
        "study.max_rate", "这部分内容已经计过学时,重复学习不再计入。请学习尚未学过的内容。"
    ),
    Refusal.BEYOND_NOMINAL: _Wording(
        "study.max_rate", "超出课程单元审定时长的部分不计学时。请继续学习下一个单元。"
    ),
    Refusal.NOT_PROGRESSING: _Wording(
        "study.beat_interval_seconds", "课程内容没有向前播放,这段时间不计学时。请继续播放并学习后面的内容。"
    ),
    Fault.NOT_REGISTERED: _Wording(
        "institution.registration_required",
        "培训机构当时在开班地没有有效的登记,这段学习暂时冻结,不是您的责任;机构补办登记后计入。",
    ),
    Fault.COURSE_WITHDRAWN: _Wording(
        "course.review_order",
        "这门课程的这个版本当时已下架,这段学习暂时冻结,不是您的责任;机构办妥审核恢复课程后计入。",
        "study.counting_sessions",
    ),
    AWAITS_TEST: _Wording(TEST_FIRST, "课程的测试还没有合格,这段学习时间待定。请完成测试,测试合格后计入。"),
    NOT_ANCHORED: _Wording(
        "presence.anchor_good_frames",
        "登记的人脸还没有与报名证件照比对一致、也没有当面核对证件,学习时间暂记。核对后计入。",
    ),
    AWAITS_CHECK: _Wording(
        "presence.check_gap_max_seconds", "最近一段学习时间暂记,下一次人脸核验通过后计入。"
    ),
}


def explain(code: str, rules: StudyRules, day: date, milliseconds: int) -> Reason:
    """Return the reason for a code with its sentence, what to do about it, and the rule that it rests on.

    Args:
        day: a legal day on which the time was studied; the rule is read as of it.

    Raises:
        NoRuleInForce: the rule has no value on that day.
    """
    wording = _WORDINGS[code]
    try:
        rule = rules.source(wording.parameter, day)
    except NoRuleInForce:
        if not wording.instead:
            raise
        rule = rules.source(wording.instead, day)
    return rule.reason(code, wording.sentence_zh, seconds=milliseconds // 1000)
