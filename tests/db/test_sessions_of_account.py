"""Ending the sessions of one LMS account, on both databases: all of them, and nobody else's."""

from sqlalchemy import select

from bridge.db.base import Base
from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import FixedClock
from bridge.web.sessions import (
    WebSession,
    WebSessionRow,
    end_sessions_of_account,
    end_sessions_of_staff,
)
from tests.identity.house import NOW, ORG

OTHER = InstitutionId("org_other")


def test_an_accounts_sessions_end_and_no_other(database_url: str) -> None:
    engine = open_engine(database_url)
    Base.metadata.create_all(engine, tables=[Base.metadata.tables["web_session"]])
    uow = UnitOfWork(engine, FixedClock(NOW))
    for facts in (
        {"role": "learner", "institution_id": ORG, "account_id": "acc_1", "gone": True},
        {"role": "lms_teacher", "institution_id": ORG, "account_id": "acc_1", "gone": True},
        {"role": "learner", "institution_id": ORG, "account_id": "acc_10"},
        {"role": "learner", "institution_id": OTHER, "account_id": "acc_1"},
        {"role": "institution", "institution_id": ORG, "staff_id": "acc_1"},
        {"role": None},
    ):
        session = WebSession(uow, uow.clock, None)
        for name, value in facts.items():
            session[name] = value
        session.save()

    with uow.for_institution(ORG) as tx:
        end_sessions_of_account(tx, ORG, "acc_1")

    with uow.across_institutions("test: who is left", read_only=True) as tx:
        left = [row.data for row in tx.session.scalars(select(WebSessionRow))]
    engine.dispose()
    assert len(left) == 4
    assert not any(data.get("gone") for data in left)


def test_a_session_that_was_ended_does_not_come_back_with_a_late_answer(database_url: str) -> None:
    engine = open_engine(database_url)
    Base.metadata.create_all(engine, tables=[Base.metadata.tables["web_session"]])
    uow = UnitOfWork(engine, FixedClock(NOW))
    begun = WebSession(uow, uow.clock, None)
    begun["staff_id"], begun["role"] = "staff_1", "institution"
    token = begun.save()
    under_way = WebSession(uow, uow.clock, token)
    under_way["seen"] = "something"

    with uow.across_institutions("test: end everywhere") as tx:
        assert end_sessions_of_staff(tx, "staff_1") == 1

    assert under_way.save() is None
    assert WebSession(uow, uow.clock, token).get("role") is None
    engine.dispose()
