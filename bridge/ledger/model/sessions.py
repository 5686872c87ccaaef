"""Study sessions as the server saw them: wall time and what the agent claimed of it, put in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bridge.kernel.intervals import Interval, IntervalSet
from bridge.ledger.model.facts import Beat, BeatsFact
from bridge.ledger.model.rules import StudyRules, legal_day


@dataclass(frozen=True, slots=True)
class Stretch:
    """[start_ms, end_ms) of wall time between two beats, and where the media stood at each."""

    start_ms: int
    end_ms: int
    media_from: int
    media_to: int

    def media_at(self, at_ms: int) -> int:
        """Return the media position at a moment within, as if it had passed evenly."""
        passed = (self.media_to - self.media_from) * (at_ms - self.start_ms)
        return self.media_from + passed // (self.end_ms - self.start_ms)


@dataclass(frozen=True, slots=True)
class StudiedSession:
    """One session. Its wall time runs from its first beat to its last.

    Args:
        opened: sort key; the session with the greater one was opened later.
        lost: the server heard nothing for too long.
        hidden, idle, too_fast: what the agent itself admits.
    """

    id: str
    unit: str
    activity: str
    opened: tuple[int, str]
    wall: Interval
    stretches: Sequence[Stretch]
    lost: IntervalSet
    hidden: IntervalSet
    idle: IntervalSet
    too_fast: IntervalSet


@dataclass(frozen=True, slots=True)
class _Mark:
    at_ms: int
    beat: Beat
    batch: BeatsFact


def gather_sessions(batches: Iterable[BeatsFact], rules: StudyRules) -> list[StudiedSession]:
    """Return the sessions that `batches` make, by their opening; those without wall time are left out."""
    by_session: dict[str, list[BeatsFact]] = {}
    for batch in batches:
        by_session.setdefault(batch.session, []).append(batch)
    sessions = (_session(name, own, rules) for name, own in by_session.items())
    return sorted((s for s in sessions if s is not None), key=lambda s: s.opened)


def begun(batches: Iterable[BeatsFact]) -> dict[str, int]:
    """Return every session that `batches` name, and its first moment; also those without wall time."""
    first: dict[str, int] = {}
    for batch in batches:
        for mark in _marks([batch]):
            first[batch.session] = min(first.get(batch.session, mark.at_ms), mark.at_ms)
    return first


def _session(name: str, batches: list[BeatsFact], rules: StudyRules) -> StudiedSession | None:
    marks = _marks(batches)
    if marks[-1].at_ms <= marks[0].at_ms:
        return None
    stretches: list[Stretch] = []
    lost: list[tuple[int, int]] = []
    hidden: list[tuple[int, int]] = []
    too_fast: list[tuple[int, int]] = []
    for a, b in pairwise(marks):
        if a.at_ms == b.at_ms:
            continue
        here = (a.at_ms, b.at_ms)
        limits = rules.on(legal_day(a.at_ms))
        stretches.append(Stretch(a.at_ms, b.at_ms, a.beat.media_ms, b.beat.media_ms))
        if max(b.at_ms - a.at_ms, _silence(b.batch)) > limits.beat_gap_limit_ms:
            lost.append(here)
        if not (a.beat.visible and b.beat.visible):
            hidden.append(here)
        if max(a.beat.rate_permille, b.beat.rate_permille) > limits.max_rate * 1000:
            too_fast.append(here)
    wall = Interval(marks[0].at_ms, marks[-1].at_ms)
    return StudiedSession(
        id=name,
        unit=batches[0].unit,
        activity=batches[0].activity,
        opened=(wall.start, name),
        wall=wall,
        stretches=tuple(stretches),
        lost=IntervalSet(lost),
        hidden=IntervalSet(hidden),
        idle=_idle(wall, marks, rules),
        too_fast=IntervalSet(too_fast),
    )


def _silence(batch: BeatsFact) -> int:
    """Return how long the server had heard nothing when the batch came; 0 for a session's first."""
    return 0 if batch.previous_received_ms is None else batch.received_ms - batch.previous_received_ms


def _marks(batches: list[BeatsFact]) -> list[_Mark]:
    """Return the beats in order, each kept within the time in which the server waited for its batch.

    A first batch has no time before it, so all of its beats stand at its arrival: a client that brings an
    hour with its first message gets none of it.
    """
    marks: list[tuple[int, int, int, _Mark]] = []
    for batch in batches:
        since = batch.received_ms if batch.previous_received_ms is None else batch.previous_received_ms
        for index, beat in enumerate(batch.beats):
            at = max(since, min(beat.at_ms, batch.received_ms))
            marks.append((at, batch.received_ms, index, _Mark(at, beat, batch)))
    marks.sort(key=lambda mark: mark[:3])
    return [mark[3] for mark in marks]


def _idle(wall: Interval, marks: list[_Mark], rules: StudyRules) -> IntervalSet:
    """Return the part of `wall` that lies further behind the last interaction than the limit.

    Opening the page is an interaction. An age counts from the moment that the agent gave for the beat.
    """
    active = []
    for mark in marks:
        age = mark.beat.interaction_age_ms
        touched = wall.start if age is None else mark.at_ms - age
        active.append((touched, touched + rules.on(legal_day(mark.at_ms)).idle_limit_ms))
    return IntervalSet([wall]) - IntervalSet(active)
