"""The law of waiting: it grows with wrong tries, it ends, and what is forgotten costs nothing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bridge.identity.tries import Tries, TryLimit

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
LIMITS = st.builds(
    TryLimit,
    free=st.integers(1, 20),
    first_wait=st.timedeltas(timedelta(seconds=1), timedelta(minutes=5)),
    longest_wait=st.timedeltas(timedelta(minutes=5), timedelta(days=1)),
    forgotten_after=st.timedeltas(timedelta(days=2), timedelta(days=9)),
)


@given(LIMITS, st.integers(1, 10_000))
def test_a_wait_never_shrinks_and_never_exceeds_the_longest(limit: TryLimit, failures: int) -> None:
    assert limit.wait_after(failures) <= limit.wait_after(failures + 1) <= limit.longest_wait
    assert (limit.wait_after(failures) > timedelta(0)) == (failures >= limit.free)


@given(LIMITS, st.lists(st.timedeltas(timedelta(0), timedelta(hours=6)), max_size=60))
def test_whoever_waits_as_long_as_told_may_always_try_again(limit: TryLimit, pauses: list[timedelta]) -> None:
    tries, now = Tries(), BEGIN
    for pause in pauses:
        now += pause
        wait = tries.blocked(now)
        if wait is not None:
            assert wait <= limit.longest_wait
            now += wait
        assert tries.blocked(now) is None
        tries = tries.counted(limit, now)
    assert tries.failures == len(pauses)


@given(LIMITS, st.integers(0, 50))
def test_a_guesser_who_never_stops_gets_few_tries_a_day(limit: TryLimit, before: int) -> None:
    tries, now, made = Tries(before, BEGIN, None), BEGIN, 0
    while now < BEGIN + timedelta(days=1):
        tries = tries.counted(limit, now)
        made += 1
        wait = tries.blocked(now)
        now += timedelta(seconds=1) if wait is None else wait
        if wait == limit.longest_wait:
            break
    # Until the longest wait is reached each one doubles; after that it is one try for each longest wait.
    assert made <= limit.free + 32


@given(LIMITS, st.integers(1, 40))
def test_a_long_silence_forgets_all(limit: TryLimit, failures: int) -> None:
    tries = Tries(failures, BEGIN, BEGIN + limit.longest_wait)
    assert tries.counted(limit, BEGIN + limit.forgotten_after).failures == 1


@given(LIMITS, st.integers(0, 40))
def test_a_right_try_leaves_no_trace(limit: TryLimit, failures: int) -> None:
    before = Tries(failures, BEGIN, None)
    assert before.counted(limit, BEGIN).taken_back().failures == failures
