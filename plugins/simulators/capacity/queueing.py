"""One queue in front of several servers, first come first served, event by event. Times in seconds."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace


@dataclass(frozen=True, slots=True)
class Visit:
    """One job: when it came, was taken up, and was done."""

    came: float
    begun: float
    done: float


@dataclass(frozen=True, slots=True)
class Queued:
    """What came out of a run.

    Args:
        utilisation: busy server time over server time, up to the last arrival's coming.
        wait_p50, wait_p99, in_p50, in_p99: seconds in the queue; seconds from coming to done.
    """

    jobs: int
    utilisation: float
    wait_p50: float
    wait_p99: float
    in_p50: float
    in_p99: float


def visits(arrivals: Iterable[float], services: Iterable[float], servers: int) -> Iterator[Visit]:
    """Yield each job's visit, in the order of coming.

    Args:
        arrivals: moments, rising.
        services: how long each takes a server.
    """
    free = [0.0] * servers
    heapify(free)
    for came, service in zip(arrivals, services, strict=False):
        begun = max(came, free[0])
        done = begun + service
        heapreplace(free, done)
        yield Visit(came, begun, done)


def poisson(rate: float, dice: random.Random) -> Iterator[float]:
    """Yield moments of coming, `rate` a second on average, independent of each other: learners do not agree."""
    now = 0.0
    while True:
        now += dice.expovariate(rate)
        yield now


def drawn(samples: Sequence[float], dice: random.Random) -> Iterator[float]:
    """Yield service times as they were measured, in a made-up order."""
    while True:
        yield dice.choice(samples)


def run(rate: float, samples: Sequence[float], servers: int, *, jobs: int, seed: int) -> Queued:
    """Return what `jobs` jobs meet, the first tenth left out (an empty queue is no ordinary moment)."""
    dice = random.Random(seed)  # noqa: S311  # a simulation
    every = [
        visit
        for _, visit in zip(
            range(jobs), visits(poisson(rate, dice), drawn(samples, dice), servers), strict=False
        )
    ]
    counted = every[jobs // 10 :]
    begin, end = counted[0].came, counted[-1].came
    busy = sum(max(0.0, min(one.done, end) - max(one.begun, begin)) for one in every)
    waits = sorted(one.begun - one.came for one in counted)
    within = sorted(one.done - one.came for one in counted)
    return Queued(
        jobs=len(counted),
        utilisation=busy / (servers * (end - begin)),
        wait_p50=share(waits, 0.5),
        wait_p99=share(waits, 0.99),
        in_p50=share(within, 0.5),
        in_p99=share(within, 0.99),
    )


def share(ordered: Sequence[float], part: float) -> float:
    """Return the value below which `part` of the ordered values lie."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
