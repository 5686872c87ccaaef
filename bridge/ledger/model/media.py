"""How much of the wall time of a stretch is credit: what the media passed, what was seen, what was banked."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from bridge.kernel.intervals import IntervalSet
from bridge.ledger.model.reasons import Refusal
from bridge.ledger.model.rules import StudyLimits, legal_day

COUNTED = None
"""The label of wall time that earns credit (which kind, presence says)."""

Label = Callable[[int, int, Refusal | None], None]
"""Told [start_ms, end_ms) of wall time and why it is refused, or `COUNTED`."""


class SeenMedia:
    """The media of one unit that needs no more watching; cheap whatever holes an attacker makes."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def split(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """Yield [start, end) cut into parts that were all seen (True) or not at all, in order."""
        index = bisect_right(self._ends, start)
        at = start
        while at < end:
            if index == len(self._starts) or self._starts[index] >= end:
                yield at, end, False
                return
            if self._starts[index] > at:
                yield at, self._starts[index], False
                at = self._starts[index]
            stop = min(end, self._ends[index])
            yield at, stop, True
            at = stop
            index += 1

    def add(self, start: int, end: int) -> None:
        """Take [start, end) as seen."""
        left = bisect_left(self._ends, start)
        right = bisect_right(self._starts, end)
        if left < right:
            start, end = min(start, self._starts[left]), max(end, self._ends[right - 1])
        self._starts[left:right] = [start]
        self._ends[left:right] = [end]

    @classmethod
    def of(cls, seen: IntervalSet) -> "SeenMedia":
        """Return the media that a past has seen."""
        made = cls()
        made._starts = [part.start for part in seen]
        made._ends = [part.end for part in seen]
        return made

    def as_set(self) -> IntervalSet:
        return IntervalSet(zip(self._starts, self._ends, strict=True))


@dataclass(slots=True)
class UnitMedia:
    """What is known of one unit's media while settling."""

    nominal_ms: int
    seen: SeenMedia = field(default_factory=SeenMedia)
    skipped_ms: int = 0


class DailyUse:
    """Counted milliseconds of each legal day, held against the daily cap."""

    def __init__(self, used: Mapping[date, int] | None = None) -> None:
        self._used: dict[date, int] = dict(used or {})

    @property
    def used(self) -> Mapping[date, int]:
        """Return the counted milliseconds of each legal day."""
        return self._used

    def left(self, at_ms: int, cap_ms: int) -> int:
        """Return how much of the day of `at_ms` the cap leaves."""
        return max(0, cap_ms - self._used.get(legal_day(at_ms), 0))

    def take(self, at_ms: int, wanted_ms: int, cap_ms: int) -> int:
        """Use up to `wanted_ms` of the day of `at_ms`; return how much the cap leaves."""
        day = legal_day(at_ms)
        granted = min(wanted_ms, self.left(at_ms, cap_ms))
        self._used[day] = self._used.get(day, 0) + granted
        return granted


class WallBank:
    """Wall time of one session that passed while the media lagged behind; smooths the jitter of beats.

    The bank holds real stretches of wall time, oldest first. Media that passes takes wall time out of it and
    labels it, so that each millisecond gets one label and credit can never exceed the wall time. What stays
    longer than one beat interval is refused: the media stood still.
    """

    def __init__(self, daily: DailyUse, label: Label) -> None:
        self._pieces: deque[tuple[int, int]] = deque()
        self._total = 0
        self._daily = daily
        self._label = label

    def watch(
        self, start: int, end: int, media_from: int, media_to: int, unit: UnitMedia, limits: StudyLimits
    ) -> None:
        """Account for [start, end) of wall time, of one legal day, in which the media went on as told.

        Args:
            media_to: not before `media_from`; a jump back is a new baseline and never comes here.
        """
        rate = limits.max_rate
        allowed = (end - start) * rate.numerator // rate.denominator + self._total
        self._pieces.append((start, end))
        self._total += end - start
        passed_to = min(media_to, media_from + allowed)
        unit.skipped_ms += media_to - passed_to
        self._pass_media(media_from, passed_to, unit, limits)
        self._refuse(self._total - limits.beat_interval_ms)

    def close(self) -> None:
        """Refuse what is left: the stretch ends here, and banked time never crosses a refusal."""
        self._refuse(self._total)

    def _pass_media(self, media_from: int, media_to: int, unit: UnitMedia, limits: StudyLimits) -> None:
        within = min(max(unit.nominal_ms, media_from), media_to)
        parts = list(unit.seen.split(media_from, within)) if media_from < within else []
        # At a rate above 1 there is more media than wall time; unseen media has the first claim on it.
        to_spare = max(0, self._total - sum(stop - at for at, stop, seen in parts if not seen))
        for at, stop, seen in parts:
            if seen:
                to_spare -= self._spend(min(stop - at, to_spare), Refusal.REPEATED)
            else:
                wanted = min(stop - at, self._total)
                counted = self._credit(wanted, limits)
                if counted:
                    unit.seen.add(at, stop if counted == wanted else at + counted)
        self._spend(min(media_to - within, to_spare), Refusal.BEYOND_NOMINAL)

    def _credit(self, wanted: int, limits: StudyLimits) -> int:
        """Label up to `wanted` ms as counted, the part over the daily cap as refused; return what counted."""
        counted = 0
        for start, end in self._withdraw(wanted):
            granted = self._daily.take(start, end - start, limits.daily_cap_ms)
            counted += granted
            if granted:
                self._label(start, start + granted, COUNTED)
            if start + granted < end:
                self._label(start + granted, end, Refusal.OVER_DAILY_CAP)
        return counted

    def _refuse(self, amount: int) -> None:
        self._spend(max(0, amount), Refusal.NOT_PROGRESSING)

    def _spend(self, amount: int, reason: Refusal) -> int:
        for start, end in self._withdraw(amount):
            self._label(start, end, reason)
        return amount

    def _withdraw(self, amount: int) -> Iterator[tuple[int, int]]:
        """Yield `amount` ms of the oldest wall time; `amount` is never more than the bank holds."""
        self._total -= amount
        while amount:
            start, end = self._pieces.popleft()
            taken = min(amount, end - start)
            if taken < end - start:
                self._pieces.appendleft((start + taken, end))
            amount -= taken
            yield start, start + taken
