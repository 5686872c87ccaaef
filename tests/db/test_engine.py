"""The engine: durable before it answers, and writers that wait instead of failing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text

from bridge.db.engine import open_engine
from tests.db.rooms import ORG, NoteRow, Office, note


@pytest.fixture
def file_office(tmp_path: Path) -> Office:
    return Office(f"sqlite:///{tmp_path / 'bridge.sqlite'}")


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)], ids=str
)
def test_sqlite_is_durable_and_keeps_its_references(file_office: Office, pragma: str, value: object) -> None:
    with file_office.engine.connect() as connection:
        assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == value
    file_office.close()


def test_readers_do_not_wait_for_a_writer(file_office: Office) -> None:
    with file_office.uow.for_institution(ORG) as tx:
        tx.session.add(note("a"))
        tx.session.flush()
        with file_office.uow.for_institution(ORG, read_only=True) as reader:
            assert reader.session.scalars(select(NoteRow.id)).all() == []
    file_office.close()


def test_many_writers_that_read_first_all_succeed(office: Office) -> None:
    with office.uow.for_institution(ORG) as tx:
        tx.session.add(note("sum", more={"n": 0}))
    together = threading.Barrier(4)

    def add_ten(_: int) -> None:
        together.wait(timeout=10)
        for _turn in range(10):
            with office.uow.for_institution(ORG) as tx:
                row = tx.session.get_one(NoteRow, "sum", with_for_update=True)
                row.more = {"n": row.more["n"] + 1}

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(add_ten, range(4)))
    with office.uow.for_institution(ORG) as tx:
        assert tx.session.get_one(NoteRow, "sum").more == {"n": 40}


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_postgresql_is_spoken_through_psycopg(scheme: str) -> None:
    engine = open_engine(f"{scheme}://bridge@127.0.0.1:1/bridge")
    assert engine.url.drivername == "postgresql+psycopg"
    engine.dispose()


def test_connections_that_died_while_they_rested_are_all_replaced(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(postgres_url)
    monkeypatch.setattr("bridge.db.engine._RESTED_SECONDS", 0.0)
    resting = [office.engine.connect() for _ in range(4)]
    watching = psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True)
    for one in resting:
        driver: Any = one.connection.dbapi_connection
        watching.execute("SELECT pg_terminate_backend(%s, 10000)", [driver.info.backend_pid])
        one.close()
    watching.close()
    for _ in range(4):
        with office.uow.for_institution(ORG, read_only=True) as tx:
            assert tx.session.scalars(select(NoteRow.id)).all() == []
    office.close()
