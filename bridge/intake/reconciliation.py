"""What is missing on either side, the bridge's or the LMS's: each gap with what it means and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Gap(StrEnum):
    """What is missing, and where."""

    SCORE_HERE = "score_missing_here"
    SCORE_THERE = "score_unknown_there"
    REAL_NAME = "real_name_missing"
    UNIT = "unit_never_studied"
    VIDEO = "video_without_study"


EXPLANATIONS: Mapping[Gap, tuple[str, str, str]] = {
    Gap.SCORE_HERE: (
        "学习平台有成绩,安学桥没有",
        "学习平台插件当时没有送达,或送达时账号还没有实名。",
        "可以补收的点“补收”,补收后与平台主动送来的一样认定;不能补收的先让学员实名或登记课程单元。",
    ),
    Gap.SCORE_THERE: (
        "安学桥有成绩,学习平台查不到",
        "学习平台删除或重置了该次答题,或成绩不是由它发出的。",
        "请在学习平台核对操作记录;安学桥已有的认定不变,如需更正走更正流程。",
    ),
    Gap.REAL_NAME: (
        "在学习平台选了课,没有实名",
        "此人还没有从课程页面进入安学桥完成实名,学习不计学时。",
        "请通知学员实名;不是学员的请在学习平台移出课程。",
    ),
    Gap.UNIT: (
        "在学习平台打开过,在安学桥没有学习记录",
        "学员打开了课程内容,但没有开始有人脸核验的学习,不计学时。",
        "请提醒学员从安学桥的学习页面学习;页面未装学习脚本的请联系平台。",
    ),
    Gap.VIDEO: (
        "有播放记录(xAPI),没有对应的学习记录",
        "播放器报来了播放,但同一课程单元没有有人脸核验的学习,不计学时。",
        "请提醒学员从安学桥的学习页面观看。",
    ),
}
"""Of each gap: its name, what it means, and what to do."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is missing.

    Args:
        account: a reference of ours: the account's id, or a blind one.
        attempt: the LMS's id of a test attempt.
        at: when it happened there, RFC 3339; None where nobody says.
        score: "reached/maximum".
        take: the id under which the LMS lists it, where it can be taken in now.
        hindrance: reason code why it cannot be.
        held: the quarantine's id, where it waits there already.
    """

    gap: Gap
    registration: str
    account: str
    learner: str | None = None
    class_run: str | None = None
    unit: str | None = None
    attempt: str | None = None
    at: str | None = None
    score: str | None = None
    take: str | None = None
    hindrance: str | None = None
    held: str | None = None


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A platform that could not be compared in one respect, and why."""

    registration: str
    reason: str
    message: str
