"""The simulation's arithmetic: laws of queues that hold whatever is simulated."""

import random
from itertools import islice, pairwise
from math import factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.simulators.capacity.queueing import poisson, run, visits

_services = st.lists(st.floats(0.001, 5), min_size=1, max_size=60)
_gaps = st.lists(st.floats(0, 5), min_size=60, max_size=60)


def came(gaps: list[float]) -> list[float]:
    at, moments = 0.0, []
    for gap in gaps:
        at += gap
        moments.append(at)
    return moments


@given(_gaps, _services, st.integers(1, 5))
def test_nobody_is_lost_begins_before_coming_or_takes_another_time(
    gaps: list[float], services: list[float], servers: int
) -> None:
    done = list(visits(came(gaps), services, servers))
    assert len(done) == len(services)
    for visit, service in zip(done, services, strict=True):
        assert visit.begun >= visit.came
        assert visit.done == visit.begun + service


@given(_gaps, _services, st.integers(1, 5))
def test_who_came_first_is_taken_up_first(gaps: list[float], services: list[float], servers: int) -> None:
    done = list(visits(came(gaps), services, servers))
    assert all(one.begun <= other.begun for one, other in pairwise(done))


@given(_gaps, _services, st.integers(1, 5))
def test_never_more_at_work_than_servers_and_none_idles_while_somebody_waits(
    gaps: list[float], services: list[float], servers: int
) -> None:
    done = list(visits(came(gaps), services, servers))
    for one in done:
        # At the moment of beginning, those at work are the ones begun before or with it and not done yet.
        at_work = [other for other in done if other.begun <= one.begun < other.done and other is not one]
        assert len([other for other in at_work if done.index(other) < done.index(one)]) < servers
        if one.begun > one.came:
            assert any(other.done == one.begun for other in done)


@given(_gaps, _services, st.integers(1, 5))
def test_littles_law_holds(gaps: list[float], services: list[float], servers: int) -> None:
    """Learners within on average × time = the sum of their times within: counted by moments, not by visits."""
    done = list(visits(came(gaps), services, servers))
    moments = sorted([(one.came, 1) for one in done] + [(one.done, -1) for one in done])
    within, area, last = 0, 0.0, moments[0][0]
    for at, change in moments:
        area += within * (at - last)
        within, last = within + change, at
    assert within == 0
    assert area == pytest.approx(sum(one.done - one.came for one in done), abs=1e-6)


@given(_gaps, _services, st.integers(1, 4))
def test_one_more_server_makes_nobody_wait_longer(
    gaps: list[float], services: list[float], servers: int
) -> None:
    few, more = (list(visits(came(gaps), services, count)) for count in (servers, servers + 1))
    assert all(b.begun <= a.begun for a, b in zip(few, more, strict=True))


def test_even_arrivals_that_fit_never_wait() -> None:
    done = list(visits([float(number) for number in range(100)], [1.0] * 100, 1))
    assert all(one.begun == one.came for one in done)


def exponential(count: int, mean: float) -> list[float]:
    dice = random.Random(5)  # a simulation
    return [dice.expovariate(1 / mean) for _ in range(count)]


@pytest.mark.parametrize(("servers", "busy"), [(1, 0.5), (1, 0.7), (4, 0.6), (16, 0.8)])
def test_a_queue_of_the_textbook_waits_as_erlang_says(servers: int, busy: float) -> None:
    """M/M/c: the share that waits is Erlang's C, and the mean wait follows from it."""
    rate = servers * busy
    waited = [
        one.begun - one.came
        for one in islice(
            visits(poisson(rate, random.Random(3)), exponential(200_000, 1.0), servers), 200_000
        )
    ]
    offered = rate
    tail = offered**servers / factorial(servers) / (1 - busy)
    c = tail / (sum(offered**k / factorial(k) for k in range(servers)) + tail)
    assert sum(wait > 0 for wait in waited) / len(waited) == pytest.approx(c, rel=0.06)
    assert sum(waited) / len(waited) == pytest.approx(c / (servers - offered), rel=0.12)


def test_utilisation_is_work_over_servers() -> None:
    found = run(6.0, [0.1], 1, jobs=40_000, seed=1)
    assert found.utilisation == pytest.approx(0.6, rel=0.03)
    assert run(6.0, [0.1], 1, jobs=400, seed=1) == run(6.0, [0.1], 1, jobs=400, seed=1)
    assert found.wait_p50 <= found.wait_p99 <= found.in_p99


def test_arrivals_are_as_many_as_was_asked_for() -> None:
    moments = list(islice(poisson(50.0, random.Random(2)), 50_000))
    assert moments == sorted(moments)
    assert moments[-1] == pytest.approx(1000, rel=0.03)
