"""Whether processes stay as large as they are: their sizes over time, judged and written down."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

WARM_UP_SECONDS = 180.0
"""Not judged. Meanwhile every thread of the web process and the worker is used for the first time, each with a heap and
a connection of its own, statements are compiled, and the pages of the database's cache fill: all up to a bound."""
LEAST_SECONDS = 600.0
"""What is judged is at least so long."""
ALLOWED_BYTES = 5 * 2**20
"""In ten minutes, of each process, by its trend and by its medians."""
LEAST_SHARE = 0.9
"""Of the load that was to be: a bridge that does less is not held to be flat under it."""

_MIB = 2**20
_TEN_MINUTES = 600.0

Sample = tuple[float, int]
"""Seconds since the beginning, and bytes."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the bridge was given and did while it was judged.

    Args:
        events: taken in.
        wanted_per_second: events that were to be sent.
        share_in_ledger: of all batches of the run, those that the worker had entered at its end.
    """

    seconds: float
    events: int
    wanted_per_second: float
    share_in_ledger: float

    @property
    def kept_up(self) -> bool:
        wanted = self.wanted_per_second * self.seconds
        return self.events >= wanted * LEAST_SHARE and self.share_in_ledger >= LEAST_SHARE


@dataclass(frozen=True, slots=True)
class Growth:
    """How one process grew after the warm-up.

    Args:
        first, last: the medians of the first and the last minute, in bytes.
        trend: bytes in ten minutes, by least squares.
        stayed: it was there until the end.
    """

    first: float
    last: float
    most: float
    trend: float
    seconds: float
    stayed: bool

    @property
    def flat(self) -> bool:
        grown = (self.last - self.first) * _TEN_MINUTES / max(self.seconds, _TEN_MINUTES)
        return self.stayed and self.trend <= ALLOWED_BYTES and grown <= ALLOWED_BYTES


def growth(samples: Sequence[Sample], seconds: float) -> Growth:
    """Return how a process grew of which these samples were taken in the warm-up and `seconds` after it."""
    end = WARM_UP_SECONDS + seconds
    later = [one for one in samples if one[0] >= WARM_UP_SECONDS]
    if not later or later[-1][0] < end - 60:
        return Growth(0.0, 0.0, 0.0, 0.0, seconds, stayed=False)
    sizes = [size for _, size in later]
    return Growth(
        first=median(size for at, size in later if at < WARM_UP_SECONDS + 60),
        last=median(size for at, size in later if at >= end - 60),
        most=max(sizes),
        trend=slope(later) * _TEN_MINUTES,
        seconds=seconds,
        stayed=True,
    )


def slope(samples: Sequence[Sample]) -> float:
    """Return the trend of samples in bytes a second, by least squares."""
    mean_at = sum(at for at, _ in samples) / len(samples)
    mean = sum(size for _, size in samples) / len(samples)
    spread = sum((at - mean_at) ** 2 for at, _ in samples)
    return sum((at - mean_at) * (size - mean) for at, size in samples) / spread if spread else 0.0


def passes(samples: Mapping[str, Sequence[Sample]], load: Load) -> bool:
    """Return whether all processes stayed flat for long enough, under the load that was to be."""
    flat = all(growth(found, load.seconds).flat for found in samples.values())
    return flat and load.kept_up and load.seconds >= LEAST_SECONDS


def verdict(samples: Mapping[str, Sequence[Sample]], load: Load) -> Iterator[str]:
    """Yield the lines of the record that say what was found."""
    yield f"**{'pass' if passes(samples, load) else 'FAIL'}**"
    yield ""
    yield (
        f"Not judged: the first {WARM_UP_SECONDS / 60:g} minutes, in which each thread of the web process and of the"
        " worker comes to its own heap and connection, statements are compiled and the database's caches fill."
    )
    yield (
        f"Judged: the {load.seconds / 60:g} minutes after it (at least {LEAST_SECONDS / 60:g}). A process is flat if"
        " its trend (least squares) and the median of its last minute less that of its first are each at most"
        f" {ALLOWED_BYTES / _MIB:g} MiB in ten minutes, and it was there until the end."
    )
    yield (
        f"Load: {load.events / load.seconds:.0f} events/s taken of {load.wanted_per_second:.0f};"
        f" {load.share_in_ledger:.1%} of all batches stood in the ledgers at the end. A run with less than"
        f" {LEAST_SHARE:.0%} of either does not pass."
    )
    yield ""
    yield "MiB:"
    yield ""
    yield "| process | first minute | last minute | difference | trend in ten minutes | most | flat |"
    yield "|---|--:|--:|--:|--:|--:|---|"
    for name, found in samples.items():
        one = growth(found, load.seconds)
        if not one.stayed:
            yield f"| {name} | | | | | | **no**: it ended |"
            continue
        first, last, most, trend = (value / _MIB for value in (one.first, one.last, one.most, one.trend))
        said = "yes" if one.flat else "**no**"
        yield f"| {name} | {first:.1f} | {last:.1f} | {last - first:+.2f} | {trend:+.2f} | {most:.1f} | {said} |"


def by_minute(samples: Mapping[str, Sequence[Sample]]) -> Iterator[str]:
    """Yield a table of each minute's median, in MiB; minutes of the warm-up are in brackets."""
    yield f"| minute | {' | '.join(samples)} |"
    yield f"|---|{'--:|' * len(samples)}"
    minutes = sorted({int(at // 60) for found in samples.values() for at, _ in found})
    for minute in minutes:
        cells = []
        for found in samples.values():
            sizes = [size for at, size in found if at // 60 == minute]
            cells.append(f"{median(sizes) / _MIB:.1f}" if sizes else "")
        name = f"({minute + 1})" if minute * 60 < WARM_UP_SECONDS else f"{minute + 1}"
        yield f"| {name} | {' | '.join(cells)} |"
