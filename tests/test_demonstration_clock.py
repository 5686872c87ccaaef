"""The demonstration's clock: faster, never backwards, at its own pace during a check, never in production."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.demonstration_clock import WAIT_SECONDS, ConstantPace, DemonstrationClock, Pace
from bridge.kernel.time import FixedClock, StudyRate
from bridge.settings import Mode, Settings

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
FACTOR = 150


class Checks:
    """How many checks are open."""

    def __init__(self) -> None:
        self.open = 0

    def count(self) -> int:
        return self.open


class Machine:
    """One bridge: a shared file, a real clock that stands, some processes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "study_clock.json"
        self.real = FixedClock(NOW)
        self.checks = Checks()

    def process(self) -> DemonstrationClock:
        return DemonstrationClock(self.path, self.real, FACTOR, self.checks.count)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_study_time_runs_at_its_factor(machine: Machine) -> None:
    clock = machine.process()
    began = clock.now()
    machine.real.advance(seconds=2)
    assert clock.now() - began == timedelta(seconds=2 * FACTOR)
    assert clock.factor() == FACTOR


def test_while_a_check_is_open_a_second_is_a_second(machine: Machine) -> None:
    clock = machine.process()
    machine.real.advance(seconds=2)
    before = clock.now()
    machine.checks.open = 1
    clock.checks_changed()
    assert (clock.now(), clock.factor()) == (before, 1)
    machine.real.advance(seconds=30)
    assert clock.now() - before == timedelta(seconds=30)
    machine.checks.open = 0
    clock.checks_changed()
    machine.real.advance(milliseconds=50)
    assert clock.now() - before == timedelta(seconds=30, milliseconds=50 * FACTOR)


def test_a_check_that_is_about_to_be_opened_slows_study_time_at_once(machine: Machine) -> None:
    clock = machine.process()
    machine.real.advance(seconds=2)
    before = clock.now()
    clock.check_opening()
    machine.real.advance(seconds=3)
    assert (clock.now() - before, clock.factor()) == (timedelta(seconds=3), 1)


def test_an_opening_that_came_to_nothing_is_forgotten_at_the_next_beat(machine: Machine) -> None:
    clock = machine.process()
    clock.check_opening()
    machine.checks.open = 1
    clock.heard()
    assert clock.factor() == 1
    machine.checks.open = 0
    clock.heard()
    assert clock.factor() == FACTOR


def test_study_time_waits_for_the_next_beat_but_not_for_ever(machine: Machine) -> None:
    clock = machine.process()
    clock.heard()
    before = clock.now()
    machine.real.advance(milliseconds=60)
    assert clock.now() - before == timedelta(milliseconds=60 * FACTOR)
    machine.real.advance(seconds=2)
    assert clock.now() - before == timedelta(seconds=WAIT_SECONDS)
    machine.real.advance(milliseconds=940)
    assert clock.now() - before == timedelta(seconds=WAIT_SECONDS)
    machine.real.advance(seconds=1)
    assert clock.now() - before == timedelta(seconds=WAIT_SECONDS + FACTOR)


def test_each_beat_lets_study_time_run_on_without_a_jump(machine: Machine) -> None:
    web, worker = machine.process(), machine.process()
    for _ in range(5):
        machine.real.advance(milliseconds=700)
        before = worker.now()
        web.heard()
        assert worker.now() == web.now() == before
    machine.real.advance(milliseconds=20)
    assert worker.now() - before == timedelta(milliseconds=20 * FACTOR)


def test_all_processes_see_one_time_and_a_later_one_goes_on_from_it(machine: Machine) -> None:
    web, worker = machine.process(), machine.process()
    machine.real.advance(seconds=3)
    machine.checks.open = 1
    worker.checks_changed()
    machine.real.advance(seconds=3)
    late = machine.process()
    assert web.now() == worker.now() == late.now() == NOW + timedelta(seconds=3 * FACTOR + 3)


def test_the_last_of_two_open_checks_sets_the_pace_free(machine: Machine) -> None:
    clock = machine.process()
    for still_open, factor in ((2, 1), (1, 1), (0, FACTOR)):
        machine.checks.open = still_open
        clock.checks_changed()
        assert clock.factor() == factor


def test_many_processes_that_hear_at_once_agree(machine: Machine) -> None:
    processes = [machine.process() for _ in range(6)]
    machine.checks.open = 1
    threads = [threading.Thread(target=one.checks_changed) for one in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.factor() for one in processes} == {1}
    assert {one.now() for one in processes} == {NOW}


@given(
    turns=st.lists(st.tuples(st.integers(0, 3_600_000), st.integers(1, 600)), max_size=20),
    last=st.integers(0, 3_600_000),
)
def test_no_change_of_pace_jumps_or_turns_time_back(turns: list[tuple[int, int]], last: int) -> None:
    real, rate, counted = NOW, StudyRate(NOW, NOW, 1), timedelta(0)
    for milliseconds, factor in turns:
        real += timedelta(milliseconds=milliseconds)
        counted += timedelta(milliseconds=milliseconds) * rate.factor
        before = rate.at(real)
        rate = rate.changed(real, factor)
        assert rate.at(real) == before == NOW + counted
    assert rate.at(real + timedelta(milliseconds=last)) >= rate.at(real)


@given(factor=st.integers(1, 600), steps=st.lists(st.integers(0, 2_000), max_size=20))
def test_waiting_for_a_beat_neither_jumps_nor_turns_back(factor: int, steps: list[int]) -> None:
    pace, real = Pace(StudyRate(NOW, NOW, factor), waits=True), NOW
    before = pace.at(real)
    for milliseconds in steps:
        real += timedelta(milliseconds=milliseconds)
        after = pace.at(real)
        assert timedelta(0) <= after - before <= timedelta(milliseconds=milliseconds) * factor
        before = after


def test_production_has_no_such_clock(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="demonstration only"):
        DemonstrationClock.build(Settings(var=tmp_path), FixedClock(NOW), Checks().count)
    assert list(tmp_path.iterdir()) == []


def test_the_demonstration_builds_it_in_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "bridge").mkdir()
    demonstration = Settings(mode=Mode.DEMONSTRATION, var=tmp_path, study_factor=FACTOR)
    assert DemonstrationClock.build(demonstration, FixedClock(NOW), Checks().count).factor() == FACTOR
    assert (tmp_path / "bridge" / "study_clock.json").is_file()


def test_in_real_use_the_pace_is_constant(machine: Machine) -> None:
    clock = machine.process()
    machine.checks.open = 1
    ConstantPace().checks_changed()
    assert clock.factor() == FACTOR
