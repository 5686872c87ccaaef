"""Corrections: entries by which two people change what a ledger is worth, without changing an entry.

A correction takes away or sets aside; none of them makes credit out of time without passed checks. 转班 carries what
was credited in another class run, and takes it away there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bridge.kernel.intervals import IntervalSet


class CorrectionKind(StrEnum):
    """What a correction does; never renamed, ledgers name them."""

    WITHDRAW = "withdraw"
    """Study time in [start_ms, end_ms) does not count; its media may be studied anew."""
    CHECK_VOID = "check_void"
    """A check that was misjudged counts neither as failed nor as passed."""
    OFFLINE_VOID = "offline_void"
    """An offline session was entered wrongly and does not count."""
    TRANSFER_OUT = "transfer_out"
    """The learner moved to another class run, which took the credit over."""
    TRANSFER_IN = "transfer_in"
    """Credit of another class run of the same outline."""


KINDS_ZH: Mapping[CorrectionKind, str] = {
    CorrectionKind.WITHDRAW: "扣除一段学习时间",
    CorrectionKind.CHECK_VOID: "作废一次误判的核验",
    CorrectionKind.OFFLINE_VOID: "作废一次线下课",
    CorrectionKind.TRANSFER_OUT: "转出到另一班次",
    CorrectionKind.TRANSFER_IN: "从另一班次转入",
}

REASONS_ZH: Mapping[str, str] = {
    "entered_wrongly": "登记有误",
    "check_misjudged": "核验误判,已人工复核",
    "impersonation_found": "查实由他人代学",
    "idle_study_found": "查实挂机",
    "technical_fault": "技术故障,已查明",
    "class_changed": "学员转班",
    "ordered_by_authority": "监管部门要求",
}
"""Why a correction may be made. A code, since free text could carry what must not be chained for ever."""


@dataclass(frozen=True, slots=True, order=True)
class OfflineFact:
    """One learner's offline session, confirmed by two people. [start_ms, end_ms) is clock time."""

    start_ms: int
    end_ms: int
    outline_unit: str
    class_hours: int
    sheet_sha256: str

    @property
    def key(self) -> tuple[str, int, int]:
        """What makes it this session of this learner and no other."""
        return self.outline_unit, self.start_ms, self.end_ms


@dataclass(frozen=True, slots=True, order=True)
class CarriedUnit:
    """What was credited of one course unit elsewhere, the media that needs no more watching, and how far it was
    played."""

    unit: str
    credited_ms: int
    seen: tuple[tuple[int, int], ...]
    furthest_ms: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as entries hold it."""
        return {
            "unit": self.unit,
            "credited_ms": self.credited_ms,
            "seen": [[start, end] for start, end in self.seen],
            "furthest_ms": self.furthest_ms,
        }


@dataclass(frozen=True, slots=True, order=True)
class CorrectionFact:
    """One correction that two people stand for.

    Args:
        start_ms, end_ms: of what is withdrawn, or of the offline session that is void.
        check: that is void.
        outline_unit: of the offline session that is void.
        class_run, head: of a transfer: the other class run, and the last link of its chain before the transfer.
        units, offline: what a transfer brings in.
    """

    correction: str
    what: CorrectionKind
    start_ms: int = 0
    end_ms: int = 0
    check: str = ""
    outline_unit: str = ""
    class_run: str = ""
    head: str = ""
    units: tuple[CarriedUnit, ...] = ()
    offline: tuple[OfflineFact, ...] = ()


@dataclass(frozen=True, slots=True)
class Corrected:
    """What the corrections of a ledger amount to, whatever their order."""

    withdrawn: IntervalSet
    void_checks: frozenset[str]
    void_offline: frozenset[tuple[str, int, int]]
    moved_away: bool
    carried: tuple[CarriedUnit, ...]
    carried_offline: tuple[OfflineFact, ...]


def gather_corrections(facts: tuple[CorrectionFact, ...]) -> Corrected:
    """Return what `facts` amount to. A chain that was moved away carries nothing any more."""

    def of(what: CorrectionKind) -> list[CorrectionFact]:
        return [fact for fact in facts if fact.what is what]

    moved_away = bool(of(CorrectionKind.TRANSFER_OUT))
    brought = [] if moved_away else of(CorrectionKind.TRANSFER_IN)
    return Corrected(
        withdrawn=IntervalSet([(fact.start_ms, fact.end_ms) for fact in of(CorrectionKind.WITHDRAW)]),
        void_checks=frozenset(fact.check for fact in of(CorrectionKind.CHECK_VOID)),
        void_offline=frozenset(
            (fact.outline_unit, fact.start_ms, fact.end_ms) for fact in of(CorrectionKind.OFFLINE_VOID)
        ),
        moved_away=moved_away,
        carried=tuple(unit for fact in brought for unit in fact.units),
        carried_offline=tuple(one for fact in brought for one in fact.offline),
    )
