"""The figures of an area by day and by city, put in order for charts and tables. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from bridge.supervision.model import DayFigures

_ONE_DAY = timedelta(days=1)
_CHECKS = ("checks_passed", "checks_missed", "checks_failed", "checks_declined")


@dataclass(frozen=True, slots=True)
class CityRow:
    """One city's sums over the span.

    Args:
        taught: class runs that were taught on some day of it.
    """

    city: str
    taught: int
    figures: Mapping[str, int]

    @property
    def credited_hours(self) -> float:
        """See `credited_hours`."""
        return credited_hours(self.figures["credited_ms"])

    @property
    def checks(self) -> int:
        return sum(self.figures[name] for name in _CHECKS)


def credited_hours(milliseconds: int) -> float:
    """Return clock hours, never rounded up: down to a tenth below 100 hours, whole ones above."""
    tenths = milliseconds // 360_000
    return tenths / 10 if tenths < 1000 else tenths // 10


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A span of days, with a number for each.

    Args:
        taught: class runs that are taught on each day.
        by_day: figure → a number for each of `days`.
        cities: by division code, never by a figure (第十一条).
    """

    days: tuple[date, ...]
    taught: tuple[int, ...]
    by_day: Mapping[str, tuple[int, ...]]
    cities: tuple[CityRow, ...]

    def total(self, figure: str) -> int:
        """Return the sum of a figure over all days."""
        return sum(self.by_day.get(figure, ()))


def dashboard(
    found: Iterable[DayFigures],
    taught: Sequence[tuple[str, date, date, int]],
    first: date,
    last: date,
) -> Dashboard:
    """Return the figures of [first, last].

    Args:
        taught: (division, opens on, closes on, how many class runs).
    """
    days = tuple(first + _ONE_DAY * at for at in range((last - first).days + 1))
    by_day: dict[date, Counter[str]] = {}
    cities: dict[str, Counter[str]] = {}
    for one in found:
        by_day.setdefault(one.day, Counter()).update(one.figures)
        cities.setdefault(one.city, Counter()).update(one.figures)
    # More and less on the days on which class runs begin and have ended: a class run of months is two steps, not sixty.
    steps: Counter[date] = Counter()
    runs: Counter[str] = Counter()
    for division, opens_on, closes_on, number in taught:
        runs[f"{division[:4]}00"] += number
        steps[max(opens_on, first)] += number
        steps[closes_on + _ONE_DAY] -= number
    names = dict.fromkeys(name for figures in by_day.values() for name in figures)
    nothing: Counter[str] = Counter()
    return Dashboard(
        days=days,
        taught=tuple(accumulate(steps[day] for day in days)),
        by_day={name: tuple(by_day.get(day, nothing)[name] for day in days) for name in names},
        cities=tuple(
            CityRow(city, runs[city], cities.get(city, nothing)) for city in sorted(set(cities) | set(runs))
        ),
    )
