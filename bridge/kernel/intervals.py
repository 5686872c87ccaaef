"""Half-open interval sets over integers.

The bridge counts milliseconds: since the Unix epoch for server time, since the start for media.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """`[start, end)`; never empty."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError("an interval must end after it starts")

    @property
    def length(self) -> int:
        return self.end - self.start


class IntervalSet:
    """A set of integers as sorted, disjoint, non-touching half-open intervals. Immutable."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, intervals: Iterable[Interval | tuple[int, int]] = ()) -> None:
        """Build the union of `intervals`; pairs with end <= start are empty and vanish."""
        pairs = sorted((p.start, p.end) if isinstance(p, Interval) else p for p in intervals)
        starts: list[int] = []
        ends: list[int] = []
        for start, end in pairs:
            if end <= start:
                continue
            if ends and start <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                starts.append(start)
                ends.append(end)
        self._starts = starts
        self._ends = ends

    @classmethod
    def of_bounds(cls, starts: Sequence[int], ends: Sequence[int]) -> Self:
        """Return the set that `bounds` came from, of which nothing is checked."""
        return cls._of(list(starts), list(ends))

    @property
    def bounds(self) -> tuple[list[int], list[int]]:
        """Return all starts and all ends, for `of_bounds`."""
        return list(self._starts), list(self._ends)

    @classmethod
    def _of(cls, starts: list[int], ends: list[int]) -> Self:
        made = cls.__new__(cls)
        made._starts = starts
        made._ends = ends
        return made

    def __iter__(self) -> Iterator[Interval]:
        return (Interval(s, e) for s, e in zip(self._starts, self._ends, strict=True))

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __len__(self) -> int:
        """The number of intervals, not of integers; see `total`."""
        return len(self._starts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IntervalSet):
            return NotImplemented
        return self._starts == other._starts and self._ends == other._ends

    def __hash__(self) -> int:
        return hash((tuple(self._starts), tuple(self._ends)))

    def __repr__(self) -> str:
        return "IntervalSet(" + ", ".join(f"[{i.start}, {i.end})" for i in self) + ")"

    def __contains__(self, point: int) -> bool:
        at = bisect_right(self._starts, point) - 1
        return at >= 0 and point < self._ends[at]

    @property
    def total(self) -> int:
        """How many integers the set holds."""
        return sum(self._ends) - sum(self._starts)

    def pairs(self) -> list[list[int]]:
        """Return `[[start, end], …]`, as JSON carries it."""
        return [[s, e] for s, e in zip(self._starts, self._ends, strict=True)]

    def __or__(self, other: "IntervalSet") -> "IntervalSet":
        return self.union(other)

    def __and__(self, other: "IntervalSet") -> "IntervalSet":
        return self.intersection(other)

    def __sub__(self, other: "IntervalSet") -> "IntervalSet":
        return self.difference(other)

    def union(self, other: "IntervalSet") -> "IntervalSet":
        return IntervalSet(
            [*zip(self._starts, self._ends, strict=True), *zip(other._starts, other._ends, strict=True)]
        )

    def add(self, start: int, end: int) -> "IntervalSet":
        """Return the union with `[start, end)`, in time that grows with the log of the set and a copy."""
        if end <= start:
            return self
        left = bisect_left(self._ends, start)
        right = bisect_right(self._starts, end)
        if left < right:
            start = min(start, self._starts[left])
            end = max(end, self._ends[right - 1])
        return IntervalSet._of(
            [*self._starts[:left], start, *self._starts[right:]],
            [*self._ends[:left], end, *self._ends[right:]],
        )

    def intersection(self, other: "IntervalSet") -> "IntervalSet":
        starts: list[int] = []
        ends: list[int] = []
        i = j = 0
        while i < len(self._starts) and j < len(other._starts):
            start = max(self._starts[i], other._starts[j])
            end = min(self._ends[i], other._ends[j])
            if start < end:
                starts.append(start)
                ends.append(end)
            if self._ends[i] < other._ends[j]:
                i += 1
            else:
                j += 1
        return IntervalSet._of(starts, ends)

    def difference(self, other: "IntervalSet") -> "IntervalSet":
        starts: list[int] = []
        ends: list[int] = []
        j = 0
        for start, end in zip(self._starts, self._ends, strict=True):
            at = start
            while j < len(other._starts) and other._ends[j] <= at:
                j += 1
            k = j
            while k < len(other._starts) and other._starts[k] < end:
                if other._starts[k] > at:
                    starts.append(at)
                    ends.append(other._starts[k])
                at = max(at, other._ends[k])
                k += 1
            if at < end:
                starts.append(at)
                ends.append(end)
        return IntervalSet._of(starts, ends)

    def clip(self, start: int, end: int) -> "IntervalSet":
        """Return the part within `[start, end)`."""
        return self.intersection(IntervalSet([(start, end)]))
