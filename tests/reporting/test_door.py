"""When the regulator may be called: breaker, pauses, maintenance windows, order. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.reporting.door import Circuit, Door, DoorRules, Window, first_due
from bridge.settings import ROOT
from bridge.wiring.feed_rules import door_rules

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
RULES = DoorRules(failures_until_open=3, open_seconds=60, longest_open_seconds=200)


def _failed(door: Door, times: int, at: datetime = NOW) -> Door:
    for _ in range(times):
        door = door.after_failure(at, "regulator_busy", RULES)
    return door


def test_the_circuit_opens_after_so_many_failures_and_closes_after_one_receipt() -> None:
    assert _failed(Door(), 2).lets_through(NOW)
    open_ = _failed(Door(), 3)
    assert open_.circuit is Circuit.OPEN
    assert not open_.lets_through(NOW + timedelta(seconds=59))
    assert open_.lets_through(NOW + timedelta(seconds=60))
    assert open_.after_success(NOW) == Door(changed_at=NOW)


def test_a_failure_when_one_goes_to_see_opens_it_for_twice_as_long_up_to_the_longest() -> None:
    door = _failed(Door(), 3)
    waits = []
    for _ in range(3):
        assert door.until is not None
        at = door.until
        door = door.after_failure(at, "regulator_busy", RULES)
        assert door.until is not None
        waits.append((door.until - at).total_seconds())
    assert waits == [120, 200, 200]


def test_it_waits_for_as_long_as_the_regulator_asks() -> None:
    door = Door().after_failure(NOW, "regulator_busy", RULES, asked=timedelta(minutes=10))
    assert not door.lets_through(NOW + timedelta(minutes=9))
    assert door.lets_through(NOW + timedelta(minutes=10))
    assert RULES.pause(1, 0.0, timedelta(minutes=10)) == timedelta(minutes=10)


def test_what_only_a_person_can_put_right_stays_stopped() -> None:
    stopped = Door().stopped(NOW, "regulator_key_refused")
    assert not stopped.lets_through(NOW + timedelta(days=365))


@pytest.mark.parametrize(("failures", "seconds"), [(1, 2), (2, 4), (3, 8), (9, 512), (10, 900), (90, 900)])
def test_pauses_double_up_to_the_longest_with_a_quarter_of_chance(failures: int, seconds: int) -> None:
    rules = DoorRules()
    assert rules.pause(failures, 0.0) == timedelta(seconds=seconds)
    assert rules.pause(failures, 0.5) == timedelta(seconds=seconds * 1.125)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # 23:30 to 00:30 in China on Sundays of December: 15:30 to 16:30 UTC.
        (datetime(2026, 12, 6, 15, 29, tzinfo=UTC), None),
        (datetime(2026, 12, 6, 15, 30, tzinfo=UTC), datetime(2026, 12, 6, 16, 30, tzinfo=UTC)),
        (datetime(2026, 12, 6, 16, 29, tzinfo=UTC), datetime(2026, 12, 6, 16, 30, tzinfo=UTC)),
        (datetime(2026, 12, 6, 16, 30, tzinfo=UTC), None),
        (datetime(2026, 12, 7, 15, 40, tzinfo=UTC), None),
        (datetime(2027, 1, 3, 15, 40, tzinfo=UTC), None),
    ],
)
def test_a_maintenance_window_is_in_legal_time_and_may_pass_midnight(
    now: datetime, until: datetime | None
) -> None:
    window = Window(time(23, 30), time(0, 30), frozenset({7}), date(2026, 12, 1), date(2026, 12, 31))
    assert window.until(now) == until
    assert DoorRules(maintenance=(window,)).maintenance_until(now) == until


def test_a_batch_never_overtakes_an_earlier_one() -> None:
    later = NOW + timedelta(seconds=5)
    assert first_due([("a", None), ("b", None)], NOW) == "a"
    assert first_due([("a", later), ("b", None)], NOW) is None
    assert first_due([("a", later), ("b", None)], later) == "a"
    assert first_due([], NOW) is None


def test_the_shipped_rules_are_read_and_broken_ones_are_named(tmp_path: Path) -> None:
    shipped = door_rules(ROOT / "config")
    assert shipped.maintenance == ()
    assert shipped.reconcile_at == time(1, 30)
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "guangdong.yaml").write_text("door: {failures_until_open: 0}")
    with pytest.raises(InvalidInput, match="feed_rules_malformed"):
        door_rules(tmp_path)
