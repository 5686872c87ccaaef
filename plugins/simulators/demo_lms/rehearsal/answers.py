"""How a tool answered, and whether that was right."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

SLOWEST_SECONDS = 20
"""A tool that takes longer lets a platform hold its visitors up."""

_LEARNER_PLACES = ("/learner",)
_OTHER_PLACES = ("/lms/", "/deep-link", "/submission-review")
"""Where the bridge sends people after a launch; of another tool's places nothing is known: acceptance alone counts."""

_AFTER_A_RIGHT_LAUNCH = frozenset(
    {
        "anonymous_launch",
        "attempt_over",
        "attempt_unknown",
        "class_run_unlinked",
        "launch_role",
        "link_of_other_class_run",
        "review_learner_unknown",
        "teacher_launch",
        "test_unlinked",
    }
)
"""Reasons with which the bridge turns people away after it believed the launch: as launches they were accepted."""


class Right(StrEnum):
    """What is right for a case."""

    LEARNER = "learner"
    NO_LEARNER = "no_learner"
    REFUSE = "refuse"
    NOT_AS_LEARNER = "not_as_learner"

    @property
    def words(self) -> str:
        """What should happen, for people."""
        return {
            Right.LEARNER: "应接受，身份为学员",
            Right.NO_LEARNER: "应接受，但不得有学员身份",
            Right.REFUSE: "应拒绝",
            Right.NOT_AS_LEARNER: "应拒绝，或按匿名接受",
        }[self]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a launch.

    Args:
        status: of HTTP; 0 if the connection ended without an answer.
        reason: the code in a JSON answer, "" if there is none.
        location: where the browser is sent, "" if nowhere.
        seconds: how long it took.
        note: what else is wrong with it, in Chinese; "" for nothing.
        unproven: why the case says nothing about this tool, in Chinese; "" if it does.
    """

    status: int
    reason: str = ""
    location: str = ""
    seconds: float = 0.0
    note: str = ""
    unproven: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the tool believed the launch."""
        return 0 < self.status < 400 or self.reason in _AFTER_A_RIGHT_LAUNCH

    @property
    def _path(self) -> str:
        return urlsplit(self.location).path

    def words(self) -> str:
        """What happened, for people."""
        if not self.status:
            return "没有答复"
        what = "接受" if self.accepted else "拒绝"
        detail = self.reason or self._path
        return f"{what}（{self.status}{'，' + detail if detail else ''}）"


def fault_of(
    right: Right, answer: Answer, *, may_hang_up: bool = False, may_be_unavailable: bool = False
) -> str:
    """Return in Chinese what is wrong with the answer; "" if it is right.

    Args:
        may_hang_up: closing the connection counts as a refusal (what was sent is far too large).
        may_be_unavailable: 503 counts as a refusal (the platform's keys cannot be had).
    """
    if answer.note:
        return answer.note
    if not answer.status:
        return "" if may_hang_up and right is Right.REFUSE else "没有答复"
    if answer.status >= 500 and not (may_be_unavailable and answer.status == 503):
        return f"服务器出错（{answer.status}）"
    if answer.seconds > SLOWEST_SECONDS:
        return f"答复过慢（{answer.seconds:.0f} 秒）"
    as_learner = answer.status < 400 and answer._path.startswith(_LEARNER_PLACES)
    as_other = answer.status < 400 and answer._path.startswith(_OTHER_PLACES)
    match right:
        case Right.REFUSE:
            return "应当拒绝，却接受了" if answer.accepted else ""
        case Right.NOT_AS_LEARNER:
            return "没有说明是谁，却得到了学员身份" if as_learner else ""
        case Right.LEARNER:
            if as_other:
                return "应为学员，却得到了其他身份"
        case Right.NO_LEARNER:
            if as_learner:
                return "不是学员，却得到了学员身份"
    return "" if answer.accepted else "应当接受，却拒绝了"
