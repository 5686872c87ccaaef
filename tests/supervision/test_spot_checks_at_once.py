"""On PostgreSQL two officers act at once: a check never closes over a finding that is just being written."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import FixedClock
from bridge.supervision.spot_check_model import Step
from bridge.supervision.spot_checks import SpotCheckDesk
from tests.completion.papers import NOW
from tests.servers.tables import make_tables
from tests.supervision.places import fill
from tests.supervision.test_spot_checks import OFFICE, ORG, TODAY, opened, take

_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
def uow(postgres_url: str) -> Iterator[UnitOfWork]:
    engine = open_engine(postgres_url)
    make_tables(engine)
    uow = UnitOfWork(engine, FixedClock(NOW))
    fill(uow)
    yield uow
    engine.dispose()


def come_as_far_as_it_can(uow: UnitOfWork, work: "Future[Any]") -> None:
    """Return once the work is done or waits for a lock."""
    with uow.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as looking:
        while not work.done() and not looking.execute(_WAITING).scalar():
            time.sleep(0.01)


def close(uow: UnitOfWork, check: str) -> str:
    try:
        with uow.for_institution(ORG) as tx:
            SpotCheckDesk(tx).close(check, conclusion="已全部整改", office=OFFICE, by="st_1")
    except InvalidInput as refused:
        return refused.reason
    return "closed"


def test_who_closes_waits_for_the_finding_that_is_being_written(uow: UnitOfWork) -> None:
    check, finding = opened(uow)
    take(uow, check, finding, Step.WITHDRAW)
    with ThreadPoolExecutor(1) as other:
        with uow.for_institution(ORG) as tx:
            desk = SpotCheckDesk(tx)
            desk.find(check, subject="hours", text="学时仍不符", deadline=TODAY, office=OFFICE, by="st_2")
            closing = other.submit(close, uow, check)
            come_as_far_as_it_can(uow, closing)
        assert closing.result(timeout=20) == "findings_open"
    assert close(uow, check) == "findings_open"


def test_who_writes_a_finding_waits_for_the_closing(uow: UnitOfWork) -> None:
    check, finding = opened(uow)
    take(uow, check, finding, Step.WITHDRAW)

    def find() -> str:
        try:
            with uow.for_institution(ORG) as tx:
                desk = SpotCheckDesk(tx)
                desk.find(check, subject="hours", text="学时仍不符", deadline=TODAY, office=OFFICE, by="st_2")
        except InvalidInput as refused:
            return refused.reason
        return "written"

    with ThreadPoolExecutor(1) as other:
        with uow.for_institution(ORG) as tx:
            SpotCheckDesk(tx).close(check, conclusion="已全部整改", office=OFFICE, by="st_1")
            finding_more = other.submit(find)
            come_as_far_as_it_can(uow, finding_more)
        assert finding_more.result(timeout=20) == "spot_check_closed"
