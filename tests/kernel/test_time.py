"""Instants, legal days and clocks."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.time import (
    FixedClock,
    StudyRate,
    SystemClock,
    epoch_ms,
    from_epoch_ms,
    legal_date,
    parse_rfc3339,
    require_utc,
    rfc3339,
)

instants = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@given(st.integers(0, 2**43))
def test_milliseconds_and_instants_are_one_to_one(milliseconds: int) -> None:
    assert epoch_ms(from_epoch_ms(milliseconds)) == milliseconds


@given(instants)
def test_milliseconds_are_cut_off_exactly(instant: datetime) -> None:
    assert timedelta(0) <= instant - from_epoch_ms(epoch_ms(instant)) < timedelta(milliseconds=1)


@given(instants)
def test_rfc_3339_text_names_the_same_millisecond(instant: datetime) -> None:
    text = rfc3339(instant)

    assert text.endswith("Z")
    assert epoch_ms(parse_rfc3339(text)) == epoch_ms(instant)


def test_an_offset_is_understood_and_its_lack_is_refused() -> None:
    assert parse_rfc3339("2026-11-24T20:00:00+08:00") == NOON
    with pytest.raises(ValueError, match="offset"):
        parse_rfc3339("2026-11-24T12:00:00")


@pytest.mark.parametrize(
    "instant",
    [NOON.replace(tzinfo=None), NOON.astimezone(timezone(timedelta(hours=8)))],
    ids=["naive", "elsewhere"],
)
def test_only_aware_utc_is_an_instant(instant: datetime) -> None:
    for function in (require_utc, epoch_ms, legal_date, rfc3339):
        with pytest.raises(ValueError, match="UTC"):
            function(instant)


def test_the_legal_day_changes_at_midnight_in_shanghai() -> None:
    midnight = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)

    assert legal_date(midnight - timedelta(microseconds=1)) == date(2026, 11, 24)
    assert legal_date(midnight) == date(2026, 11, 25)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 500))
def test_study_time_runs_at_its_factor_and_never_goes_back(first: int, second: int, factor: int) -> None:
    rate = StudyRate(real_from=NOON, study_from=NOON, factor=factor)
    earlier, later = sorted((first, second))

    passed = rate.at(NOON + timedelta(seconds=later)) - rate.at(NOON + timedelta(seconds=earlier))

    assert passed == timedelta(seconds=later - earlier) * factor
    assert rate.at(NOON - timedelta(seconds=first)) == NOON


@given(st.integers(0, 10**6), st.integers(1, 500), st.integers(1, 500))
def test_a_change_of_factor_makes_no_jump(seconds: int, before: int, after: int) -> None:
    at = NOON + timedelta(seconds=seconds)
    rate = StudyRate(real_from=NOON, study_from=NOON, factor=before)

    changed = rate.changed(at, after)

    assert changed.at(at) == rate.at(at)
    assert changed.at(at + timedelta(seconds=1)) - changed.at(at) == timedelta(seconds=after)


def test_study_time_never_stands_still() -> None:
    with pytest.raises(ValueError, match="stands still"):
        StudyRate(real_from=NOON, study_from=NOON, factor=0)


def test_a_fixed_clock_moves_only_when_told() -> None:
    clock = FixedClock(NOON)
    assert clock.now() == clock.now() == NOON
    clock.advance(minutes=1, seconds=2)
    assert clock.now() == NOON + timedelta(seconds=62)
    assert clock.factor() == 1


def test_the_system_clock_is_aware_and_unscaled() -> None:
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.factor() == 1
