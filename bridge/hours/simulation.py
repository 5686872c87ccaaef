"""A cohort's hours under another profile: who gains, who loses, and which document makes the difference. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from bridge.hours.explanation import bound_row
from bridge.hours.model import HoursStatement, credit_class_hours
from bridge.ledger.model import LedgerEntry, ProfileStudyRules, SecondsStatement, settle
from bridge.registry.model import ClassRunSheet
from bridge.rules.model import NoRuleInForce, ProfileInForce

Change = Literal["gains", "loses", "same", "stopped"]
CHANGES: tuple[Change, ...] = ("gains", "loses", "same", "stopped")


@dataclass(frozen=True, slots=True)
class Member:
    """One learner of the cohort: ledger, sheet, and the rules under which it was kept."""

    sheet: ClassRunSheet
    entries: Sequence[LedgerEntry]
    rules: ProfileInForce


@dataclass(frozen=True, slots=True)
class Worth:
    """What one ledger is worth under one profile."""

    seconds: SecondsStatement
    hours: HoursStatement

    @property
    def counted_class_hours(self) -> int:
        """Online class hours within the cap, and offline ones."""
        return self.hours.online_share.value + self.hours.offline_class_hours

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "credited_seconds": self.seconds.credited_seconds,
            "online_class_hours": self.hours.online_class_hours,
            "counted_class_hours": self.counted_class_hours,
            "offline_class_hours": self.hours.offline_class_hours,
            "missing_offline_class_hours": self.hours.offline_share.value,
            "complete": self.hours.complete,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """One learner before and after; a side is None where no rule was in force, and `stops` says which."""

    sheet: ClassRunSheet
    before: Worth | None
    after: Worth | None
    stops: tuple[NoRuleInForce, ...] = ()

    @property
    def change(self) -> Change:
        """Whether the learner gains: completing what was not complete first, counted class hours next."""
        if self.before is None or self.after is None:
            return "stopped"
        one, other = self.before, self.after
        if one.hours.complete != other.hours.complete:
            return "gains" if other.hours.complete else "loses"
        if one.counted_class_hours != other.counted_class_hours:
            return "gains" if other.counted_class_hours > one.counted_class_hours else "loses"
        return "same"

    @property
    def differences(self) -> list[dict[str, Any]]:
        """Return each rule that bound both sides with another value or document, or one side alone."""
        sides = [
            {} if worth is None else {one.parameter.name: one for one in worth.hours.bound}
            for worth in (self.before, self.after)
        ]
        names = dict.fromkeys([*sides[0], *sides[1]])
        rows = []
        for name in names:
            rows_of = [bound_row(side[name]) if name in side else None for side in sides]
            told = [None if row is None else (row["value_zh"], row["document"]) for row in rows_of]
            if told[0] != told[1]:
                rows.append({"parameter": name, "before": rows_of[0], "after": rows_of[1]})
        return rows

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {
            "learner": self.sheet.learner,
            "class_run": self.sheet.class_run.id,
            "change": self.change,
            "before": None if self.before is None else self.before.to_json(),
            "after": None if self.after is None else self.after.to_json(),
            "stops": [
                {"parameter": one.parameter, "profile": one.profile, "message": one.message}
                for one in self.stops
            ],
            "bound_differently": self.differences if self.before and self.after else [],
        }


@dataclass(frozen=True, slots=True)
class Simulation:
    """A whole cohort."""

    profile: str
    outcomes: tuple[Outcome, ...]

    @property
    def totals(self) -> dict[str, int]:
        """Return how many learners fare how."""
        counted = Counter(one.change for one in self.outcomes)
        return {change: counted[change] for change in CHANGES}

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "profile": self.profile,
            "learners": len(self.outcomes),
            **self.totals,
            "rows": [one.to_json() for one in self.outcomes],
        }


def simulate(cohort: Iterable[Member], other: ProfileInForce) -> Simulation:
    """Return what each ledger of `cohort` is worth under `other`; nothing is stored and no ledger changes."""
    return Simulation(other.profile.id, tuple(_outcome(one, other) for one in cohort))


def _outcome(member: Member, other: ProfileInForce) -> Outcome:
    moved = replace(member.sheet, class_run=replace(member.sheet.class_run, profile=other.profile.id))
    stops: list[NoRuleInForce] = []
    sides: list[Worth | None] = []
    for sheet, rules in ((member.sheet, member.rules), (moved, other)):
        try:
            seconds = settle(sheet, member.entries, ProfileStudyRules(rules, sheet))
            sides.append(Worth(seconds, credit_class_hours(seconds, sheet, rules)))
        except NoRuleInForce as error:
            stops.append(error)
            sides.append(None)
    return Outcome(member.sheet, sides[0], sides[1], tuple(stops))
