"""Many ledgers at once: beats as columns of numbers, so that a cohort is settled at the speed of a database's scan.

What it says is exactly what `model.settle` says of the same entries, which stays the definition: only the reading of
beats, their gathering into sessions and the watching of parts in which nothing is out of the ordinary are done in
columns, and whatever is out of the ordinary is handed back to the model.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from bridge.kernel.intervals import Interval, IntervalSet
from bridge.ledger.chain_columns import UNTOUCHED, BeatColumns, ChainInColumns, Numbers, whole_numbers
from bridge.ledger.model.facts import read_facts
from bridge.ledger.model.media import COUNTED, DailyUse, Label, UnitMedia
from bridge.ledger.model.order import Reach, beyond_furthest_point
from bridge.ledger.model.reasons import Refusal
from bridge.ledger.model.rules import StudyLimits, StudyRules, legal_day
from bridge.ledger.model.sessions import Stretch, StudiedSession
from bridge.ledger.model.settlement import Ways, settle_sessions, watch_part
from bridge.ledger.model.statement import SecondsStatement
from bridge.registry.model import ClassRunSheet

_SHANGHAI_MS = 8 * 3_600_000
_DAY_MS = 86_400_000


class StretchColumns(Sequence[Stretch]):
    """A session's stretches, made into objects only where somebody looks at one."""

    def __init__(self, start: Numbers, end: Numbers, media_from: Numbers, media_to: Numbers) -> None:
        self.start, self.end, self.media_from, self.media_to = start, end, media_from, media_to

    def __len__(self) -> int:
        return len(self.start)

    @overload
    def __getitem__(self, index: int) -> Stretch: ...
    @overload
    def __getitem__(self, index: slice) -> "StretchColumns": ...
    def __getitem__(self, index: int | slice) -> "Stretch | StretchColumns":
        parts = (self.start[index], self.end[index], self.media_from[index], self.media_to[index])
        return StretchColumns(*parts) if isinstance(index, slice) else Stretch(*map(int, parts))


def gather_columns(beats: BeatColumns, rules: StudyRules) -> list[StudiedSession]:
    """Return what `model.sessions.gather_sessions` returns for the same beats."""
    at = beats.at_ms
    if len(at) < 2:
        return []
    limits, limit_of = _limits(at, rules)
    gap = whole_numbers([one.beat_gap_limit_ms for one in limits])[limit_of]
    fast = whole_numbers([int(one.max_rate * 1000) for one in limits])[limit_of]
    idle = whole_numbers([one.idle_limit_ms for one in limits])[limit_of]
    lost = np.maximum(at[1:] - at[:-1], beats.silence_ms[1:]) > gap[:-1]
    hidden = beats.hidden[1:] | beats.hidden[:-1]
    too_fast = np.maximum(beats.rate_permille[1:], beats.rate_permille[:-1]) > fast[:-1]
    passed = at[1:] > at[:-1]
    sessions = []
    for (name, unit, activity), first, after in zip(
        beats.sessions, beats.first[:-1].tolist(), beats.first[1:].tolist(), strict=True
    ):
        last = after - 1
        if after == first or at[last] <= at[first]:
            continue
        wall = Interval(int(at[first]), int(at[last]))
        own = slice(first, last)
        kept = passed[own]
        start, end = at[own], at[first + 1 : after]
        media_from, media_to = beats.media_ms[own], beats.media_ms[first + 1 : after]
        flags = (lost[own], hidden[own], too_fast[own])
        if not kept.all():
            start, end, media_from, media_to = (one[kept] for one in (start, end, media_from, media_to))
            flags = (flags[0][kept], flags[1][kept], flags[2][kept])
        sessions.append(
            StudiedSession(
                id=name,
                unit=unit,
                activity=activity,
                opened=(wall.start, name),
                wall=wall,
                stretches=StretchColumns(start, end, media_from, media_to),
                lost=_where(flags[0], start, end),
                hidden=_where(flags[1], start, end),
                too_fast=_where(flags[2], start, end),
                idle=_idle(wall, beats.touched_ms[first:after], idle[first:after]),
            )
        )
    return sorted(sessions, key=lambda session: session.opened)


def _limits(at: Numbers, rules: StudyRules) -> tuple[list[StudyLimits], NDArray[np.intp]]:
    """Return what holds on each legal day that occurs, and for each moment which of them."""
    day = (at + _SHANGHAI_MS) // _DAY_MS
    _days, example, which = np.unique(day, return_index=True, return_inverse=True)
    return [rules.on(legal_day(int(at[index]))) for index in example], which


_NOTHING = IntervalSet()


def _where(flag: NDArray[np.bool_], start: Numbers, end: Numbers) -> IntervalSet:
    if not flag.any():
        return _NOTHING
    return IntervalSet(zip(start[flag].tolist(), end[flag].tolist(), strict=True))


def _idle(wall: Interval, touched: Numbers, limit: Numbers) -> IntervalSet:
    touched = np.where(touched == UNTOUCHED, wall.start, touched)
    latest = np.maximum.accumulate(touched)
    # While no interaction comes later than the limit after the latest before it, they cover the wall without a hole.
    if limit[0] == limit[-1] and (touched[1:] - latest[:-1] <= limit[0]).all():
        until = int(latest[-1] + limit[0])
        if until >= wall.end and (limit == limit[0]).all():
            return _NOTHING
    active = zip(touched.tolist(), (touched + limit).tolist(), strict=True)
    return IntervalSet([wall]) - IntervalSet(active)


def watch_columns(
    session: StudiedSession,
    part: Interval,
    unit: UnitMedia,
    rules: StudyRules,
    daily: DailyUse,
    label: Label,
) -> None:
    """Do exactly what `watch_part` does, at once where the media went on as time did."""
    stretches = session.stretches
    if not (isinstance(stretches, StretchColumns) and _watched(stretches, part, unit, rules, daily, label)):
        watch_part(session, part, unit, rules, daily, label)


def _watched(
    stretches: StretchColumns,
    part: Interval,
    unit: UnitMedia,
    rules: StudyRules,
    daily: DailyUse,
    label: Label,
) -> bool:
    """Return whether the part was watched here: on one day, well within its cap, with no rate above 1 allowed.

    Then the wall time that `WallBank` holds is a sum kept between nothing and one beat interval; wall time goes out in
    the order in which it came in, so that something is to do only where the sum meets a bound or the media jumps.
    """
    day = legal_day(part.start)
    limits = rules.on(day)
    if legal_day(part.end - 1) != day or limits.max_rate != 1:
        return False
    first = int(np.searchsorted(stretches.start, part.start, "right")) - 1
    after = int(np.searchsorted(stretches.start, part.end, "left"))
    start, end = stretches.start[first:after].copy(), stretches.end[first:after].copy()
    media_from, media_to = stretches.media_from[first:after].copy(), stretches.media_to[first:after].copy()
    media_from[0] = stretches[first].media_at(part.start)
    media_to[-1] = stretches[after - 1].media_at(part.end)
    start[0], end[-1] = part.start, part.end
    media_to = np.maximum(media_from, media_to)  # a jump back is a new baseline
    at_bound, bank = _bounds_met(((end - start) - (media_to - media_from)).tolist(), limits.beat_interval_ms)
    stood = sum(refused for _lost, refused in at_bound.values())
    if part.length - bank - stood > daily.left(part.start, limits.daily_cap_ms):
        return False
    jumps = np.flatnonzero(media_from[1:] != media_to[:-1]).tolist()
    at, begin = part.start, 0
    for index in sorted({*at_bound, *jumps, len(start) - 1}):
        lost, refused = at_bound.get(index, (0, 0))
        passed = int(media_from[begin]), int(media_to[index]) - lost
        at = _pass_media(*passed, unit, at, daily, limits.daily_cap_ms, label)
        unit.skipped_ms += lost
        if refused:
            label(at, at + refused, Refusal.NOT_PROGRESSING)
            at += refused
        begin = index + 1
    if at < part.end:
        label(at, part.end, Refusal.NOT_PROGRESSING)
    return True


def _bounds_met(steps: list[int], most: int) -> tuple[dict[int, tuple[int, int]], int]:
    """Return where a sum of `steps` would leave [0, most], with what it lost below or above, and where it ends."""
    met: dict[int, tuple[int, int]] = {}
    bank = 0
    for index, step in enumerate(steps):
        bank += step
        if bank < 0:
            met[index] = (-bank, 0)
            bank = 0
        elif bank > most:
            met[index] = (0, bank - most)
            bank = most
    return met, bank


def _pass_media(
    begin: int, stop: int, unit: UnitMedia, at: int, daily: DailyUse, cap_ms: int, label: Label
) -> int:
    """Label the wall time from `at` on in which the media [begin, stop) passed; return where that ended."""
    within = min(max(unit.nominal_ms, begin), stop)
    for one, other, seen in tuple(unit.seen.split(begin, within)):
        label(at, at + other - one, Refusal.REPEATED if seen else COUNTED)
        if not seen:
            daily.take(at, other - one, cap_ms)
            unit.seen.add(one, other)
        at += other - one
    if within < stop:
        label(at, at + stop - within, Refusal.BEYOND_NOMINAL)
        at += stop - within
    return at


def beyond_columns(
    sessions: Iterable[StudiedSession],
    nominal_ms: Mapping[str, int],
    rules: StudyRules,
    reached: dict[str, Reach],
) -> dict[str, IntervalSet]:
    """Do exactly what `beyond_furthest_point` does; whoever did play beyond it is left to the model."""
    sessions = list(sessions)
    followed = dict(reached)
    last_end = 0
    for session in sessions:
        limits = rules.on(legal_day(session.wall.start))
        stretches = session.stretches
        apart = session.wall.start >= last_end and legal_day(session.wall.end) == legal_day(
            session.wall.start
        )
        if not (apart and limits.max_rate == 1 and isinstance(stretches, StretchColumns)):
            return beyond_furthest_point(sessions, nominal_ms, rules, reached)
        last_end = session.wall.end
        here, nominal = followed.get(session.unit, Reach()), nominal_ms.get(session.unit, 0)
        if here.furthest_ms >= nominal:
            continue
        went = _reach_of(stretches, here.rested(session.wall.start, limits), nominal, limits)
        if went is None:
            return beyond_furthest_point(sessions, nominal_ms, rules, reached)
        followed[session.unit] = went
    reached.update(followed)
    return {}


def _reach_of(stretches: StretchColumns, here: Reach, nominal_ms: int, limits: StudyLimits) -> Reach | None:
    """Return how far a unit was played up to its first finish; None if that was beyond what was allowed."""
    furthest = np.maximum.accumulate(
        np.maximum(np.maximum(stretches.media_from, stretches.media_to), here.furthest_ms)
    )
    count = min(int(np.searchsorted(furthest, nominal_ms)) + 1, len(furthest))
    furthest = furthest[:count]
    if limits.forward_seek:
        return Reach(int(furthest[-1]))
    passed = stretches.end[:count] - stretches.start[:count]
    before = np.concatenate(([here.furthest_ms], furthest[:-1]))
    # What is left of the tolerance is a sum of steps that never grows above it.
    steps = np.cumsum(passed - (furthest - before))
    lead = steps + np.minimum(np.minimum.accumulate(limits.seek_tolerance_ms - steps), here.lead_ms)
    lead_before = np.concatenate(([here.lead_ms], lead[:-1]))
    ahead = (stretches.media_from[:count] > before + lead_before) | (lead < 0)
    if ahead.any():
        return None
    return Reach(int(furthest[-1]), int(lead[-1]), int(stretches.end[count - 1]))


COLUMNS = Ways(watch_columns, beyond_columns)


def settle_chain(sheet: ClassRunSheet, read: ChainInColumns, rules: StudyRules) -> SecondsStatement:
    """Return what the chain is worth: exactly what `model.settle` says of its entries; its errors too."""
    sessions = gather_columns(read.beats, rules)
    return settle_sessions(sheet, read_facts(read.others), sessions, rules, COLUMNS)
