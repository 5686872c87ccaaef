"""Frames are told to the judges, their queue is seen, and where nobody judges the worker is told as well."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.db.outbox import WantedJob, take
from bridge.kernel.ids import InstitutionId, JobId
from bridge.kernel.time import FixedClock
from bridge.presence.frames import FRAME_WAITING
from bridge.settings import Mode, Settings
from bridge.start import migrate
from bridge.wiring import House
from bridge.wiring.frame_queue import JUDGED, FramesWaiting
from bridge.worker.celery_app import JUDGES

NOW = datetime(2026, 11, 24, 4, 0, 30, tzinfo=UTC)
ORG = InstitutionId("org_a")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    settings = Settings(mode=Mode.DEMONSTRATION, data=tmp_path / "bridge", database_url="")
    migrate(settings)
    built = House(settings, clock=FixedClock(NOW))
    yield built
    built.close()


def told(house: House) -> list[str]:
    """Return the queues of the nudges that wait, and forget those."""
    house._nudger.settle()
    paths = sorted((house.settings.data_dir / "queue" / "messages").glob("*.msg"))
    queues = [path.name.split(".")[1] for path in paths]
    for path in paths:
        path.unlink()
    return queues


def ask(house: House, kind: str, key: str = "k") -> JobId:
    with house.uow.for_institution(ORG) as tx:
        tx.want(kind, key)
        return tx.wanted_jobs[0].id


@pytest.mark.parametrize("kind", sorted(JUDGED))
def test_what_judges_do_is_told_to_them_alone(house: House, kind: str) -> None:
    ask(house, kind)
    ask(house, "made.other")
    assert sorted(told(house)) == ["celery", JUDGES]


def test_without_judges_the_worker_is_told(house: House) -> None:
    house.settings.judges = 0
    house.nudge([WantedJob(JobId("job_a"), FRAME_WAITING)])
    assert told(house) == ["celery"]


def test_the_queue_is_how_many_wait_and_since_when(house: House) -> None:
    clock = house.clock
    assert isinstance(clock, FixedClock)
    first = ask(house, FRAME_WAITING, "a")
    clock.advance(seconds=3)
    ask(house, FRAME_WAITING, "b")
    ask(house, "made.other", "c")
    clock.advance(seconds=4)
    with house.uow.across_institutions("test: the queue") as tx:
        assert (FramesWaiting().count(tx), FramesWaiting().waited_ms(tx)) == (2, 7_000)
        take(tx.session, first, clock.now())
        # What a judge has in hand does not wait any more.
        assert (FramesWaiting().count(tx), FramesWaiting().waited_ms(tx)) == (1, 4_000)


def test_an_empty_queue_waits_for_nothing(house: House) -> None:
    with house.uow.across_institutions("test: the queue", read_only=True) as tx:
        assert (FramesWaiting().count(tx), FramesWaiting().waited_ms(tx)) == (0, 0)


@pytest.mark.parametrize(("seconds", "queues"), [(19, [JUDGES]), (21, ["celery", JUDGES])])
def test_a_frame_that_nobody_judges_is_told_to_the_worker_too(
    house: House, seconds: int, queues: list[str]
) -> None:
    clock = house.clock
    assert isinstance(clock, FixedClock)
    ask(house, FRAME_WAITING)
    told(house)
    clock.advance(seconds=seconds)
    house.frames_waiting = FramesWaiting()
    house.sweep()
    assert sorted(set(told(house))) == queues
