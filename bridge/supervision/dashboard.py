"""The figures of an area by day and by city, put in order for charts and tables. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

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
    sums: dict[str, Counter[date]] = {}
    cities: dict[str, Counter[str]] = {}
    for one in found:
        for name, number in one.figures.items():
            sums.setdefault(name, Counter())[one.day] += number
            cities.setdefault(one.city, Counter())[name] += number
    open_on: Counter[date] = Counter()
    runs: Counter[str] = Counter()
    for division, opens_on, closes_on, number in taught:
        runs[f"{division[:4]}00"] += number
        day = max(opens_on, first)
        while day <= min(closes_on, last):
            open_on[day] += number
            day += _ONE_DAY
    return Dashboard(
        days=days,
        taught=tuple(open_on[day] for day in days),
        by_day={name: tuple(counts[day] for day in days) for name, counts in sums.items()},
        cities=tuple(
            CityRow(city, runs[city], cities.get(city, Counter())) for city in sorted(set(cities) | set(runs))
        ),
    )
