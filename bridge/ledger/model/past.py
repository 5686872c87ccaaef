"""What settlement needs to know of a past that is closed, so that a ledger need not be settled anew for each entry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from bridge.ledger.model.facts import Facts
from bridge.ledger.model.order import Reach
from bridge.ledger.model.statement import Figures, UnitSeconds


@dataclass(frozen=True, slots=True)
class Past:
    """All sessions before one moment, settled for good: nothing that comes later can change a millisecond of them.

    Args:
        until_ms: every session of the past ended by then, every other one began then or later.
        sessions: names of all sessions of the past, also of those without wall time.
        units: that were studied; carried time is not within.
        credited_ms: of each of them.
        reached: how far each unit was played; see `order`.
        reasons: by code, when it first occurs and for how many ms in all.
        used: counted ms of those legal days that are not over.
        credited: the first and the last credited moment; None if there is none.
        facts: what was known when the past was closed and has no place in time, or a later one: corrections, offline
            sessions, tests, freezes, releases; of checks and prompts those of no session of the past. No beats.
    """

    until_ms: int = 0
    sessions: frozenset[str] = frozenset()
    figures: Figures = field(default_factory=lambda: Figures(0, 0, {}))
    units: Mapping[str, UnitSeconds] = field(default_factory=dict)
    credited_ms: Mapping[str, int] = field(default_factory=dict)
    reached: Mapping[str, Reach] = field(default_factory=dict)
    reasons: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    used: Mapping[date, int] = field(default_factory=dict)
    credited: tuple[int, int] | None = None
    facts: Facts = field(default_factory=lambda: Facts((), (), (), (), (), (), (), ()))


NO_PAST = Past()
