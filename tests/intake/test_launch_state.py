"""Logins that wait in the database: what every one-time store keeps, and that a sweep drops the stale."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bridge.db.base import Base
from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.intake.launch_state import SqlOneTimeStore, sweep_flows
from bridge.kernel.time import FixedClock
from lti.state import OneTimeStore
from tests.lti.one_time_contract import OneTimeStoreContract, flow
from tests.lti.platform import START


@pytest.fixture
def uow(database_url: str) -> Iterator[UnitOfWork]:
    engine = open_engine(database_url)
    Base.metadata.create_all(engine)
    yield UnitOfWork(engine, FixedClock(START))
    engine.dispose()


class TestSql(OneTimeStoreContract):
    @pytest.fixture
    def store(self, uow: UnitOfWork) -> OneTimeStore:
        return SqlOneTimeStore(uow)


def test_a_login_survives_the_process_that_took_it_in(uow: UnitOfWork) -> None:
    SqlOneTimeStore(uow).put(flow())
    uow.engine.dispose()
    assert SqlOneTimeStore(uow).take(flow().state_sha256, START) == flow()


def test_a_sweep_drops_what_nobody_answered_and_nothing_else(uow: UnitOfWork) -> None:
    store = SqlOneTimeStore(uow)
    store.put(flow("stale", seconds=60))
    store.put(flow("fresh", seconds=61))
    assert sweep_flows(uow, START + timedelta(seconds=60)) == 1
    assert sweep_flows(uow, START + timedelta(seconds=60)) == 0
    assert store.take(flow("fresh").state_sha256, START) == flow("fresh", seconds=61)
