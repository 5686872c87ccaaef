"""Used logins in the database: what every adapter keeps, and that a sweep drops the stale alone."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.intake.launch_state import SqlUsedStates, sweep_used_states
from bridge.kernel.time import FixedClock
from lti.state import UsedStates
from tests.lti.platform import START
from tests.lti.used_states_contract import END, FIRST, SECOND, UsedStatesContract
from tests.servers.tables import make_tables


@pytest.fixture
def uow(database_url: str) -> Iterator[UnitOfWork]:
    engine = open_engine(database_url)
    make_tables(engine)
    yield UnitOfWork(engine, FixedClock(START))
    engine.dispose()


class TestSql(UsedStatesContract):
    @pytest.fixture
    def used(self, uow: UnitOfWork) -> UsedStates:
        return SqlUsedStates(uow)


def test_a_mark_survives_the_process_that_made_it(uow: UnitOfWork) -> None:
    assert SqlUsedStates(uow).use(FIRST, END)
    uow.engine.dispose()
    assert not SqlUsedStates(uow).use(FIRST, END)


def test_a_sweep_drops_marks_that_are_over_and_nothing_else(uow: UnitOfWork) -> None:
    used = SqlUsedStates(uow)
    used.use(FIRST, END)
    used.use(SECOND, END + timedelta(seconds=2))
    assert sweep_used_states(uow, END) == 0
    assert sweep_used_states(uow, END + timedelta(seconds=1)) == 1
    assert sweep_used_states(uow, END + timedelta(seconds=1)) == 0
    assert not used.use(SECOND, END)
