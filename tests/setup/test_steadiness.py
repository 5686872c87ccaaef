"""A process passes only if it stayed as large as it was, for long enough, under the load that was to be."""

from collections.abc import Callable

import pytest

from bridge.bench.steadiness import (
    LEAST_SECONDS,
    WARM_UP_SECONDS,
    Load,
    Sample,
    by_minute,
    growth,
    passes,
    slope,
    verdict,
)

_MIB = 2**20
_LOAD = Load(seconds=600.0, events=6_000_000, wanted_per_second=10_000, share_in_ledger=1.0)


def sizes(mib_at: Callable[[float], float], *, until: float = WARM_UP_SECONDS + 600) -> list[Sample]:
    return [(float(at), round(mib_at(at) * _MIB)) for at in range(5, int(until), 5)]


def rising(mib_in_ten_minutes: float) -> list[Sample]:
    return sizes(lambda at: 200 + mib_in_ten_minutes * at / 600)


def test_the_trend_is_the_slope_of_the_samples() -> None:
    assert slope(rising(6)) == pytest.approx(6 * _MIB / 600, rel=1e-3)
    assert slope([(1.0, 5)]) == 0.0


@pytest.mark.parametrize(("mib_in_ten_minutes", "flat"), [(0, True), (4.9, True), (-50, True), (5.6, False)])
def test_a_process_is_flat_up_to_five_mib_in_ten_minutes(mib_in_ten_minutes: float, flat: bool) -> None:
    assert growth(rising(mib_in_ten_minutes), 600).flat is flat
    assert passes({"web": rising(0), "worker": rising(mib_in_ten_minutes)}, _LOAD) is flat


def test_a_step_that_the_trend_smooths_away_shows_in_the_medians() -> None:
    last_minute = WARM_UP_SECONDS + 540
    found = growth(sizes(lambda at: 206 if at >= last_minute else 200), 600)
    assert found.trend / _MIB < 5
    assert not found.flat


def test_a_hump_that_the_medians_leave_out_shows_in_the_trend() -> None:
    found = growth(sizes(lambda at: 220 if 600 <= at < WARM_UP_SECONDS + 540 else 200), 600)
    assert found.last == found.first
    assert not found.flat


def test_what_grows_in_the_warm_up_alone_is_flat() -> None:
    assert growth(sizes(lambda at: min(at, WARM_UP_SECONDS)), 600).flat


def test_a_longer_run_may_grow_in_proportion() -> None:
    samples = sizes(lambda at: 200 + 4.5 * at / 600, until=WARM_UP_SECONDS + 1200)
    assert growth(samples, 1200).flat


def test_a_process_that_ended_is_not_flat() -> None:
    found = growth(sizes(lambda _at: 200, until=WARM_UP_SECONDS + 300), 600)
    assert not found.flat
    assert not growth([], 600).flat
    assert any("it ended" in line for line in verdict({"worker": []}, _LOAD))


@pytest.mark.parametrize(
    "load",
    [
        Load(LEAST_SECONDS - 60, 6_000_000, 10_000, 1.0),
        Load(600.0, 5_300_000, 10_000, 1.0),
        Load(600.0, 6_000_000, 10_000, 0.89),
    ],
    ids=["too short", "too little was sent", "the worker did not follow"],
)
def test_a_run_that_asked_too_little_does_not_pass(load: Load) -> None:
    found = {"worker": rising(0)}
    assert passes(found, _LOAD)
    assert not passes(found, load)
    assert "**FAIL**" in list(verdict(found, load))


def test_the_record_says_what_was_found_and_each_minute() -> None:
    found = {"web": rising(0), "worker": rising(8)}
    said = list(verdict(found, _LOAD))
    assert said[0] == "**FAIL**"
    assert said[-2].endswith("| 200.0 | 200.0 | +0.00 | +0.00 | 200.0 | yes |")
    assert said[-1].endswith("| **no** |")
    lines = list(by_minute({"web": rising(0)}))
    assert lines[2:6] == ["| (1) | 200.0 |", "| (2) | 200.0 |", "| (3) | 200.0 |", "| 4 | 200.0 |"]
    assert len(lines) == 2 + 13
