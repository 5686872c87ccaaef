"""The inbox: append-only, chained, one institution's own."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.intake.model import ChainHead, InboxRecord
from bridge.intake.store import InboxMessageRow, SqlInbox
from bridge.kernel.canonical import GENESIS, sha256_hex
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import FixedClock
from tests.servers.tables import make_tables

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
ORG, OTHER_ORG = InstitutionId("org_a"), InstitutionId("org_b")


@pytest.fixture
def uow(database_url: str) -> Iterator[UnitOfWork]:
    engine = open_engine(database_url)
    make_tables(engine)
    yield UnitOfWork(engine, FixedClock(NOW))
    engine.dispose()


def append(
    uow: UnitOfWork, key: str, *, chain: str = "c", org: InstitutionId = ORG, head: ChainHead | None = None
) -> InboxRecord | None:
    with uow.for_institution(org) as tx:
        return SqlInbox(tx).append(
            chain=chain,
            source="lms",
            received_at=NOW,
            original_sha256=sha256_hex(key.encode()),
            verification="made",
            idempotency_key=key,
            payload='{"学":1}',
            head=head,
        )


def test_records_follow_each_other(uow: UnitOfWork) -> None:
    first, second = append(uow, "1"), append(uow, "2")
    assert first is not None
    assert second is not None
    assert (first.seq, first.previous_hash) == (1, GENESIS)
    assert (second.seq, second.previous_hash) == (2, first.hash)


def test_a_key_that_was_used_appends_nothing(uow: UnitOfWork) -> None:
    append(uow, "1")
    assert append(uow, "1") is None
    after = append(uow, "2")
    assert after is not None
    assert after.seq == 2


def test_another_institution_has_its_own_keys(uow: UnitOfWork) -> None:
    append(uow, "1")
    assert append(uow, "1", chain="d", org=OTHER_ORG) is not None


def test_another_institution_sees_nothing_of_a_chain(uow: UnitOfWork) -> None:
    append(uow, "1")
    with uow.for_institution(OTHER_ORG) as tx:
        assert SqlInbox(tx).after("c", 0, 10) == []
        assert SqlInbox(tx).find("lms", "1") is None


def test_a_caller_that_keeps_the_head_goes_on_from_it(uow: UnitOfWork) -> None:
    record = append(uow, "1", head=ChainHead(0, GENESIS))
    assert record is not None
    following = append(uow, "2", head=ChainHead(record.seq, record.hash))
    assert following is not None
    assert following.seq == 2


def test_a_stale_head_cannot_fork_a_chain(uow: UnitOfWork) -> None:
    append(uow, "1", head=ChainHead(0, GENESIS))
    with pytest.raises(DBAPIError):
        append(uow, "2", head=ChainHead(0, GENESIS))


def test_a_chain_is_read_in_order_from_any_record(uow: UnitOfWork) -> None:
    for number in range(5):
        append(uow, str(number))
    with uow.for_institution(ORG) as tx:
        inbox = SqlInbox(tx)
        assert [record.seq for record in inbox.after("c", 2, 10)] == [3, 4, 5]
        assert [record.seq for record in inbox.after("c", 0, 2)] == [1, 2]


@pytest.mark.parametrize(
    "statement",
    [
        update(InboxMessageRow).values(payload="{}"),
        delete(InboxMessageRow),
        text("UPDATE inbox_message SET verification = 'believed'"),
        text("DELETE FROM inbox_message"),
    ],
    ids=["update", "delete", "bare update", "bare delete"],
)
def test_the_database_itself_refuses_to_change_a_record(uow: UnitOfWork, statement: object) -> None:
    append(uow, "1")
    with pytest.raises(DBAPIError, match="append-only"), uow.for_institution(ORG) as tx:
        tx.session.execute(statement)  # type: ignore[call-overload]  # four kinds of statement in one list
    with uow.for_institution(ORG) as tx:
        (record,) = SqlInbox(tx).after("c", 0, 10)
    assert record.payload == '{"学":1}'
