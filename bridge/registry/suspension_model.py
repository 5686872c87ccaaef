"""Orders that stop an institution's teaching in an area, and what they say against a class run. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from bridge.registry.model import ClassRun
from bridge.rules.model import ProfileInForce, Reason


@dataclass(frozen=True, slots=True)
class Restoration:
    """The end of an order: teaching may go on from `from_day`."""

    document_number: str
    reason: str
    from_day: date
    restored_at: datetime


@dataclass(frozen=True, slots=True)
class Suspension:
    """One order.

    Args:
        division_code: of the area in which it holds: class runs there, and no others, may not be taught.
        authority: the office in words.
        notice: what the institution and its learners are told.
        from_day: the first day on which it holds, never one before it was entered.
    """

    id: str
    division_code: str
    authority: str
    document_number: str
    reason: str
    notice: str
    basis: str
    from_day: date
    ordered_at: datetime
    restoration: Restoration | None

    def holds(self, division_code: str, on: date) -> bool:
        """Return whether a class run of that division may not be taught on the legal day `on`."""
        ended = self.restoration is not None and self.restoration.from_day <= on
        return self.from_day <= on and not ended and covers(self.division_code, division_code)


def covers(area: str, division_code: str) -> bool:
    """Return whether the division lies in the area of that code: a province (…0000), a city (…00) or a county."""
    digits = 2 if area.endswith("0000") else 4 if area.endswith("00") else 6
    return division_code.startswith(area[:digits])


def suspension_objections(
    suspensions: Sequence[Suspension], class_run: ClassRun, rules: ProfileInForce, on: date
) -> tuple[Reason, ...]:
    """Return what orders say against teaching the class run on the legal day `on`; NoRuleInForce."""
    holding = [one for one in suspensions if one.holds(class_run.division_code, on)]
    if not holding:
        return ()
    rule = rules.value("supervision.suspension_stops_teaching", on)
    if not rule.boolean():
        return ()
    return tuple(
        rule.reason(
            "suspended",
            f"{one.authority}决定自 {one.from_day.isoformat()} 起暂停本机构在本地区的网络培训"
            f"({one.document_number})。此前的学时不受影响。{one.notice}",
        )
        for one in holding
    )
