"""The inbox on PostgreSQL: batches by the day, keys over all days, no day without its table."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from bridge.db.engine import open_engine
from bridge.db.schema import alembic_config, upgrade
from bridge.db.unit_of_work import UnitOfWork
from bridge.intake import days
from bridge.intake.day_tables import attached_days, make_days
from bridge.intake.model import ChainHead, InboxRecord
from bridge.intake.store import SqlInbox, record_hash
from bridge.kernel.canonical import GENESIS, sha256_hex
from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import InstitutionId, MessageId, first_id, made_ms, new_id
from bridge.kernel.time import FixedClock, SystemClock, epoch_ms, legal_date
from tests.servers.tables import make_tables, migrate

ORG = InstitutionId("org_a")
TODAY = legal_date(SystemClock().now())
MIDNIGHT = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) - timedelta(hours=8)
"""Of Asia/Shanghai, as today begins."""


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    made = open_engine(postgres_url)
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def uow(engine: Engine) -> UnitOfWork:
    return UnitOfWork(engine, FixedClock(MIDNIGHT))


def session_at(at: datetime, number: int = 1) -> str:
    """Return a session's id made at `at`."""
    return first_id("ss", epoch_ms(at))[:-2] + f"{number:02d}"


def send(uow: UnitOfWork, chain: str, head: ChainHead, at: datetime = MIDNIGHT) -> InboxRecord:
    with uow.for_institution(ORG) as tx:
        record = SqlInbox(tx).append(
            chain=chain,
            source=days.AGENT,
            received_at=at,
            original_sha256=sha256_hex(b"body"),
            verification="session secret, nonce chain",
            idempotency_key=f"{chain}:{head.seq + 1}",
            payload="{}",
            head=head,
        )
    assert record is not None
    return record


def tell(uow: UnitOfWork, key: str, at: datetime) -> InboxRecord | None:
    with uow.for_institution(ORG) as tx:
        return SqlInbox(tx).append(
            chain=f"{ORG}:webhook",
            source="webhook:reg",
            received_at=at,
            original_sha256=sha256_hex(key.encode()),
            verification="made",
            idempotency_key=key,
            payload="{}",
        )


def where(engine: Engine, column: str = "chain") -> dict[str, str]:
    with engine.connect() as connection:
        rows = connection.execute(text(f"SELECT {column}, tableoid::regclass::text FROM inbox_message"))  # noqa: S608
        return {row[0]: row[1] for row in rows}


@given(st.dates(date(2022, 1, 1), date(2200, 1, 1)), st.timedeltas(timedelta(0), timedelta(hours=24)))
def test_a_chain_lies_within_the_bounds_of_the_legal_day_on_which_it_began(
    day: date, late: timedelta
) -> None:
    began = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=8) + late
    chain = first_id("ss", epoch_ms(began))
    of = days.day_of_chain(chain)
    first, end = days.bounds(of)
    assert of == legal_date(began)
    assert first <= chain < end
    assert days.bounds(of + timedelta(days=1))[0] == end


def test_a_made_id_names_its_moment_and_a_made_up_one_none() -> None:
    before = epoch_ms(SystemClock().now())
    assert before <= made_ms(new_id("ss")) <= epoch_ms(SystemClock().now())
    for wrong in ("ss_", "ss_short", "ss_" + "u" * 26, "ss_" + "0" * 27):
        with pytest.raises(ValueError, match="moment"):
            made_ms(wrong)


def test_a_partitions_name_says_its_day_and_other_tables_are_none() -> None:
    assert days.day_of_partition(days.partition(TODAY)) == TODAY
    for other in (days.BEATS, days.CLAIMS, f"{days.BEATS}_1", "inbox_message"):
        assert days.day_of_partition(other) is None


def test_a_session_that_goes_on_after_midnight_stays_in_its_table(uow: UnitOfWork, engine: Engine) -> None:
    late = session_at(MIDNIGHT - timedelta(milliseconds=1))
    new = session_at(MIDNIGHT)
    first = send(uow, late, ChainHead(0, GENESIS), MIDNIGHT - timedelta(seconds=1))
    send(uow, new, ChainHead(0, GENESIS), MIDNIGHT)
    send(uow, late, ChainHead(first.seq, first.hash), MIDNIGHT + timedelta(hours=1))

    assert where(engine) == {late: days.partition(TODAY - timedelta(days=1)), new: days.partition(TODAY)}
    with uow.for_institution(ORG) as tx:
        assert [record.seq for record in SqlInbox(tx).after(late, 0, 10)] == [1, 2]


def test_a_batch_of_yesterday_cannot_come_again_today(uow: UnitOfWork) -> None:
    chain = session_at(MIDNIGHT - timedelta(hours=1))
    send(uow, chain, ChainHead(0, GENESIS), MIDNIGHT - timedelta(hours=1))
    with pytest.raises(IntegrityError):
        send(uow, chain, ChainHead(0, GENESIS), MIDNIGHT + timedelta(hours=1))


def test_a_message_of_last_year_is_still_a_duplicate(uow: UnitOfWork, engine: Engine) -> None:
    assert tell(uow, "k", MIDNIGHT - timedelta(days=365)) is not None
    assert tell(uow, "k", MIDNIGHT) is None
    assert where(engine, "source") == {"webhook:reg": days.CLAIMS}


def test_two_links_of_one_number_are_refused_whenever_they_came(uow: UnitOfWork) -> None:
    record = tell(uow, "k", MIDNIGHT - timedelta(days=3))
    assert record is not None
    with pytest.raises(IntegrityError), uow.for_institution(ORG) as tx:
        SqlInbox(tx).append(
            chain=record.chain,
            source=record.source,
            received_at=MIDNIGHT,
            original_sha256=record.original_sha256,
            verification="made",
            idempotency_key="other",
            payload="{}",
            head=ChainHead(0, GENESIS),
        )


def test_a_batch_without_its_days_table_is_refused_for_now_and_taken_once_there_is_one(
    uow: UnitOfWork, engine: Engine
) -> None:
    later = MIDNIGHT + timedelta(days=days.DAYS_AHEAD + 1)
    chain = session_at(later)
    with pytest.raises(Unavailable) as refused:
        send(uow, chain, ChainHead(0, GENESIS))
    assert (refused.value.reason, refused.value.permanent) == ("inbox_day_missing", False)
    assert where(engine) == {}

    assert make_days(uow, later)[-1] == TODAY + timedelta(days=2 * days.DAYS_AHEAD + 1)
    send(uow, chain, ChainHead(0, GENESIS))
    assert where(engine) == {chain: days.partition(legal_date(later))}


def test_a_key_that_does_not_name_the_batch_is_no_missing_day(uow: UnitOfWork) -> None:
    chain = session_at(MIDNIGHT)
    with pytest.raises(IntegrityError, match="ck_inbox_beats_key"), uow.for_institution(ORG) as tx:
        SqlInbox(tx).append(
            chain=chain,
            source=days.AGENT,
            received_at=MIDNIGHT,
            original_sha256="",
            verification="",
            idempotency_key="another",
            payload="{}",
            head=ChainHead(0, GENESIS),
        )


def test_tables_are_made_ahead_once(uow: UnitOfWork, engine: Engine) -> None:
    with engine.connect() as connection:
        assert attached_days(connection) == days.days_wanted(TODAY)
    assert make_days(uow, MIDNIGHT) == []
    assert make_days(uow, MIDNIGHT + timedelta(days=1)) == [TODAY + timedelta(days=days.DAYS_AHEAD + 1)]


@pytest.mark.parametrize("statement", ["UPDATE {} SET payload = '[]'", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["inbox_message", days.CLAIMS, days.BEATS, "day"])
def test_no_part_lets_a_row_be_changed(uow: UnitOfWork, engine: Engine, table: str, statement: str) -> None:
    send(uow, session_at(MIDNIGHT), ChainHead(0, GENESIS))
    tell(uow, "k", MIDNIGHT)
    name = days.partition(TODAY) if table == "day" else table
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement.format(name)))
    assert len(where(engine)) == 2


def test_reading_a_chain_looks_at_one_table_alone(uow: UnitOfWork, engine: Engine) -> None:
    chain = session_at(MIDNIGHT)
    send(uow, chain, ChainHead(0, GENESIS))
    with uow.for_institution(ORG) as tx:
        seen: list[str] = []

        def plan(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if statement.startswith("SELECT") and not seen:
                seen.append("")
                rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
                seen[0] = "\n".join(row[0] for row in rows)

        event.listen(engine, "before_cursor_execute", plan)
        SqlInbox(tx).after(chain, 0, 20)
        event.remove(engine, "before_cursor_execute", plan)
    assert days.partition(TODAY) in seen[0]
    assert seen[0].count("Scan") == 1


_LAYOUT = """
    SELECT c.relname, c.relkind::text, pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid),
      ARRAY(SELECT pg_get_constraintdef(k.oid) AS d FROM pg_constraint k WHERE k.conrelid = c.oid ORDER BY d),
      ARRAY(SELECT pg_get_triggerdef(t.oid) AS d FROM pg_trigger t WHERE t.tgrelid = c.oid ORDER BY d),
      ARRAY(SELECT pg_get_indexdef(i.indexrelid) AS d FROM pg_index i WHERE i.indrelid = c.oid ORDER BY d)
    FROM pg_class c WHERE c.relname LIKE 'inbox%' AND c.relkind IN ('r', 'p') ORDER BY c.relname
"""


def test_what_the_migrations_make_is_what_the_code_makes(engine: Engine) -> None:
    with engine.connect() as connection:
        migrated = connection.execute(text(_LAYOUT)).all()
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    make_tables(engine)
    with engine.connect() as connection:
        made = connection.execute(text(_LAYOUT)).all()
    assert len(made) > len(days.days_wanted(TODAY))
    assert made == migrated


def test_the_migration_keeps_every_row_and_its_chain(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    command.upgrade(alembic_config(engine), "0013")
    before: list[InboxRecord] = []
    old = datetime(2026, 3, 1, 4, tzinfo=UTC)
    for chain, source in (
        (session_at(old), days.AGENT),
        (session_at(old + timedelta(days=40)), days.AGENT),
        (session_at(MIDNIGHT), days.AGENT),
        (f"{ORG}:webhook", "webhook:reg"),
    ):
        previous = GENESIS
        for seq in (1, 2, 3):
            payload = f'{{"seq":{seq}}}'
            link = record_hash(
                previous,
                chain=chain,
                seq=seq,
                source=source,
                received_at=old,
                original_sha256="o",
                verification="v",
                payload=payload,
            )
            record = InboxRecord(
                MessageId(new_id("msg")), chain, seq, source, old, "o", "v", payload, previous, link
            )
            before.append(record)
            previous = link
    names = [*InboxRecord.__slots__, "institution_id", "idempotency_key"]
    marks = ", ".join(f":{name}" for name in names)
    insert = text(f"INSERT INTO inbox_message ({', '.join(names)}) VALUES ({marks})")  # noqa: S608  # the test's own
    with engine.begin() as connection:
        for record in before:
            values = {name: getattr(record, name) for name in InboxRecord.__slots__}
            key = f"{record.chain}:{record.seq}"
            connection.execute(insert, {**values, "institution_id": ORG, "idempotency_key": key})

    upgrade(engine)

    placed = where(engine)
    assert set(placed.values()) == {
        days.CLAIMS,
        days.partition(legal_date(old)),
        days.partition(legal_date(old + timedelta(days=40))),
        days.partition(TODAY),
    }
    uow = UnitOfWork(engine, FixedClock(MIDNIGHT))
    after: list[InboxRecord] = []
    with uow.for_institution(ORG) as tx:
        for chain in placed:
            after += SqlInbox(tx).after(chain, 0, 100)
    assert sorted(after, key=lambda one: one.id) == sorted(before, key=lambda one: one.id)
    last = next(one for one in before if one.seq == 3 and one.chain == session_at(MIDNIGHT))
    assert send(uow, last.chain, ChainHead(3, last.hash)).seq == 4
    engine.dispose()
