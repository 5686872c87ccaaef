"""What settlement says: each millisecond of a learner's study, and why it counts or does not."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import overload

from bridge.kernel.intervals import IntervalSet
from bridge.ledger.model.corrections import OfflineFact
from bridge.ledger.model.facts import TestFact
from bridge.ledger.model.rules import day_start_ms, next_day_start_ms
from bridge.rules.model import Reason


class Verdict(StrEnum):
    """What a stretch of study time is worth."""

    CREDITED = "credited"
    PROVISIONAL = "provisional"
    PENDING = "pending"
    """It will count once the test of its course is passed."""
    FROZEN = "frozen"
    """It will count once the institution has mended its own fault."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Segment:
    """[start_ms, end_ms) of one session, epoch ms, study clock. `reason` is None where it is credited."""

    start_ms: int
    end_ms: int
    unit: str
    session: str
    verdict: Verdict
    reason: str | None

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over segments, in ms and, floored once each, in seconds."""

    credited_ms: int
    provisional_ms: int
    refused_ms: Mapping[str, int]
    frozen_ms: int = 0
    pending_ms: int = 0

    @property
    def credited_seconds(self) -> int:
        return self.credited_ms // 1000

    @property
    def provisional_seconds(self) -> int:
        return self.provisional_ms // 1000

    @property
    def frozen_seconds(self) -> int:
        return self.frozen_ms // 1000

    @property
    def pending_seconds(self) -> int:
        return self.pending_ms // 1000

    @property
    def refused_seconds(self) -> dict[str, int]:
        """Return whole seconds by reason."""
        return {code: ms // 1000 for code, ms in self.refused_ms.items()}

    @property
    def refused_seconds_total(self) -> int:
        return sum(self.refused_ms.values()) // 1000


class LongTimeline(Sequence[Segment]):
    """A timeline whose earlier part is fetched when somebody looks at it, as long as its unit of work is open.

    Args:
        earlier: returns the segments before those of `later`.
        credited: the first and the last credited moment of `earlier`; None if there is none.
    """

    def __init__(
        self,
        earlier: Callable[[], tuple[Segment, ...]],
        later: tuple[Segment, ...],
        credited: tuple[int, int] | None,
    ) -> None:
        self._earlier = earlier
        self._later = later
        self._credited = credited
        self._whole: tuple[Segment, ...] | None = None

    @property
    def whole(self) -> tuple[Segment, ...]:
        """Return all segments."""
        if self._whole is None:
            self._whole = (*self._earlier(), *self._later)
        return self._whole

    @property
    def credited_span(self) -> tuple[int, int] | None:
        """Return the first and the last credited moment without fetching anything."""
        return widest_span(self._credited, credited_span(self._later))

    def __len__(self) -> int:
        return len(self.whole)

    @overload
    def __getitem__(self, index: int) -> Segment: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Segment, ...]: ...
    def __getitem__(self, index: int | slice) -> Segment | tuple[Segment, ...]:
        return self.whole[index]

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.whole)

    def __eq__(self, other: object) -> bool:
        return self.whole == (other.whole if isinstance(other, LongTimeline) else other)

    def __hash__(self) -> int:
        return hash(self.whole)


@dataclass(frozen=True, slots=True)
class UnitSeconds:
    """One course unit.

    Args:
        seen_media: media ms that were credited or are provisional, and need no more watching.
        skipped_media_ms: media that passed faster than the rules allow (a drag forward): not seen, may be
            studied yet. It took no wall time, so it is in no figure.
        furthest_ms: how far the media was played, whether that counted or not; see `order`.
    """

    unit: str
    figures: Figures
    seen_media: IntervalSet
    skipped_media_ms: int
    furthest_ms: int = 0


class LongUnits(Sequence[UnitSeconds]):
    """Units of which most were not touched since the past was closed: each is made when somebody looks at it.

    Args:
        make: returns one of them.
        credited_ms: of each of them.
    """

    def __init__(self, make: Callable[[str], UnitSeconds], credited_ms: Mapping[str, int]) -> None:
        self._make = make
        self.credited_ms = credited_ms

    @cached_property
    def _names(self) -> list[str]:
        return sorted(self.credited_ms)

    def one(self, unit: str) -> UnitSeconds | None:
        """Return one of them; None if it is not among them."""
        return self._make(unit) if unit in self.credited_ms else None

    def __len__(self) -> int:
        return len(self.credited_ms)

    @overload
    def __getitem__(self, index: int) -> UnitSeconds: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[UnitSeconds, ...]: ...
    def __getitem__(self, index: int | slice) -> UnitSeconds | tuple[UnitSeconds, ...]:
        named = self._names[index]
        return self._make(named) if isinstance(named, str) else tuple(map(self._make, named))

    def __eq__(self, other: object) -> bool:
        return tuple(self) == (tuple(other) if isinstance(other, LongUnits) else other)

    def __hash__(self) -> int:
        return hash(tuple(self._names))


@dataclass(frozen=True, slots=True)
class SecondsStatement:
    """The settlement of one learner in one class run.

    Args:
        timeline: by start, then session. The segments of each session tile its wall time exactly; those of
            all sessions but for `second_session` tile the union of them, so nothing is counted twice.
        reasons: one for each code that occurs, with the rule that it rests on.
        anchored: whether a face reference was proved to be this person; until then nothing is credited.
        unanchored_tests: (unit, attempt) of tests that were accepted on checks against a reference that is nobody's.
        offline: confirmed offline sessions, by start.
        carried_ms: credited time that a transfer brought, in `figures` and in those of its unit, but in no segment.
        carried_offline: those of `offline` that a transfer brought: held in the dates of another class run.
    """

    figures: Figures
    units: Sequence[UnitSeconds]
    timeline: Sequence[Segment]
    reasons: Mapping[str, Reason]
    anchored: bool
    offline: tuple[OfflineFact, ...]
    tests: tuple[TestFact, ...]
    carried_ms: int = 0
    carried_offline: tuple[OfflineFact, ...] = ()
    unanchored_tests: frozenset[tuple[str, str]] = frozenset()

    @property
    def credited_ms(self) -> int:
        return self.figures.credited_ms

    @property
    def credited_seconds(self) -> int:
        return self.figures.credited_seconds

    @property
    def provisional_seconds(self) -> int:
        return self.figures.provisional_seconds

    @property
    def refused_seconds(self) -> dict[str, int]:
        """Return whole seconds by reason."""
        return self.figures.refused_seconds

    @property
    def credited_span(self) -> tuple[int, int] | None:
        """Return the first and the last credited moment, study clock, epoch ms; None if there is none."""
        timeline = self.timeline
        return timeline.credited_span if isinstance(timeline, LongTimeline) else credited_span(timeline)

    def unit(self, unit: str) -> UnitSeconds | None:
        """Return one unit's part; None if nothing of it was studied."""
        if isinstance(self.units, LongUnits):
            return self.units.one(unit)
        return next((one for one in self.units if one.unit == unit), None)

    @property
    def credited_ms_by_unit(self) -> Mapping[str, int]:
        """Return what was credited of each unit, carried time within."""
        if isinstance(self.units, LongUnits):
            return self.units.credited_ms
        return {one.unit: one.figures.credited_ms for one in self.units}

    def session(self, session: str) -> Figures:
        """Return the figures of one session."""
        return figures_of(s for s in self.timeline if s.session == session)

    def on_day(self, day: date) -> Figures:
        """Return the figures of one legal day (Asia/Shanghai)."""
        start = day_start_ms(day)
        end = next_day_start_ms(start)
        return figures_of(
            Segment(max(s.start_ms, start), min(s.end_ms, end), s.unit, s.session, s.verdict, s.reason)
            for s in self.timeline
            if s.start_ms < end and s.end_ms > start
        )


def credited_span(segments: Iterable[Segment]) -> tuple[int, int] | None:
    """Return when the first credited segment begins and the last one ends; None if there is none."""
    credited = [(one.start_ms, one.end_ms) for one in segments if one.verdict is Verdict.CREDITED]
    if not credited:
        return None
    return min(start for start, _ in credited), max(end for _, end in credited)


def widest_span(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return the span from the beginning of the first to the end of the last; None if there is none."""
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])


def with_carried(figures: Figures, carried_ms: int) -> Figures:
    """Return `figures` with credited time that stands in no segment."""
    return replace(figures, credited_ms=figures.credited_ms + carried_ms) if carried_ms else figures


def figures_of(segments: Iterable[Segment]) -> Figures:
    """Return the sums over `segments`; refused reasons in alphabetical order."""
    credited = provisional = frozen = pending = 0
    refused: dict[str, int] = {}
    for one in segments:
        if one.verdict is Verdict.CREDITED:
            credited += one.length_ms
        elif one.verdict is Verdict.PROVISIONAL:
            provisional += one.length_ms
        elif one.verdict is Verdict.FROZEN:
            frozen += one.length_ms
        elif one.verdict is Verdict.PENDING:
            pending += one.length_ms
        elif one.reason is not None:
            refused[one.reason] = refused.get(one.reason, 0) + one.length_ms
    return Figures(credited, provisional, dict(sorted(refused.items())), frozen, pending)


def added(one: Figures, other: Figures) -> Figures:
    """Return the sums of both; refused reasons in alphabetical order."""
    codes = sorted(one.refused_ms.keys() | other.refused_ms.keys())
    return Figures(
        one.credited_ms + other.credited_ms,
        one.provisional_ms + other.provisional_ms,
        {code: one.refused_ms.get(code, 0) + other.refused_ms.get(code, 0) for code in codes},
        one.frozen_ms + other.frozen_ms,
        one.pending_ms + other.pending_ms,
    )
