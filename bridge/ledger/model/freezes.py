"""Freezes: study time that waits for the institution to mend its own fault, and counts once it has.

A freeze is an entry for one legal day and one fault; a release, once the fault is mended for that day, is another.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bridge.kernel.intervals import IntervalSet


class Fault(StrEnum):
    """Faults of the institution; never renamed, ledgers name them. In the order in which they take precedence."""

    NOT_REGISTERED = "not_registered"
    """No registration in force in the class run's city."""
    COURSE_WITHDRAWN = "course_withdrawn"
    """The course version was taken down (下架)."""


@dataclass(frozen=True, slots=True, order=True)
class FreezeFact:
    """[start_ms, end_ms) does not count for now."""

    freeze: str
    fault: Fault
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, order=True)
class ReleaseFact:
    """The fault behind a freeze was mended."""

    freeze: str
    at_ms: int


def frozen_time(
    freezes: Iterable[FreezeFact], releases: Iterable[ReleaseFact]
) -> Mapping[Fault, IntervalSet]:
    """Return what is frozen now, by fault; what two faults freeze stands under the first.

    A release after which the same day was frozen again ends nothing: the freeze then has another id.
    """
    released = {one.freeze for one in releases}
    found: dict[Fault, IntervalSet] = {}
    taken = IntervalSet()
    every = list(freezes)
    for fault in Fault:
        own = IntervalSet(
            [(one.start_ms, one.end_ms) for one in every if one.fault is fault and one.freeze not in released]
        )
        found[fault] = own - taken
        taken |= own
    return found
