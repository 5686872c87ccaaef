"""Where an institution stands that leaves this bridge, and what that says against teaching. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bridge.rules.model import ProfileInForce, Reason

RULE = "institution.leaving_stops_teaching"


class Leaving(StrEnum):
    """Where an institution that leaves stands; one that stays has no step, or `TAKEN_BACK`."""

    ANNOUNCED = "announced"
    FROZEN = "frozen"
    TAKEN_BACK = "taken_back"
    HANDED_OVER = "handed_over"
    ENDED = "ended"

    @property
    def shut(self) -> bool:
        """Return whether nothing is taught any more."""
        return self in (Leaving.FROZEN, Leaving.HANDED_OVER, Leaving.ENDED)


GONE = (Leaving.HANDED_OVER, Leaving.ENDED)
"""The institution is another bridge's."""
FOLLOWS: Mapping[Leaving, frozenset[Leaving | None]] = {
    Leaving.ANNOUNCED: frozenset({None, Leaving.TAKEN_BACK}),
    Leaving.FROZEN: frozenset({Leaving.ANNOUNCED}),
    Leaving.TAKEN_BACK: frozenset({Leaving.ANNOUNCED, Leaving.FROZEN}),
    Leaving.HANDED_OVER: frozenset({Leaving.FROZEN}),
    Leaving.ENDED: frozenset({Leaving.HANDED_OVER}),
}
"""Step → after which it may come."""
STEPS_ZH: Mapping[Leaving | None, str] = {
    None: "没有移交安排",
    Leaving.ANNOUNCED: "已宣布移交",
    Leaving.FROZEN: "已停止授课,等待移交",
    Leaving.TAKEN_BACK: "移交已撤回",
    Leaving.HANDED_OVER: "已移交并收到接收回执",
    Leaving.ENDED: "已终止",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step, by whom and when."""

    step: Leaving
    reason: str
    by: str
    approved_by: str
    at: datetime


def leaving_objections(standing: Leaving | None, rules: ProfileInForce, on: date) -> tuple[Reason, ...]:
    """Return what an institution's leaving says against teaching on the legal day `on`; NoRuleInForce."""
    if standing is None or not standing.shut:
        return ()
    rule = rules.value(RULE, on)
    if not rule.boolean():
        return ()
    sentence = "培训机构正在移交到其他网络平台或已经移交,本平台不再授课;此前的学时和档案不受影响。"
    return (rule.reason("leaving", sentence),)
