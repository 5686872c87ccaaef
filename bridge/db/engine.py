"""Engines: SQLite on one machine, PostgreSQL beyond it. Both durable before they answer."""

import sqlite3
import time
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError

READ_ONLY = "anxue_read_only"
"""Execution option of a transaction that will not write: it takes no write lock in SQLite."""

_BUSY_TIMEOUT_MS = 15_000
_LOOK_AGAIN_SECONDS = 0.001
_RESTED_SECONDS = 1.0
_RETURNED = "anxue_returned"
_WAL_PAGES = 8_000
"""About 32 MiB. A page that many commits change is then written into the database once in that while: with SQLite's
own 1,000 pages that was a fifth of what keeping xAPI statements costs (measured)."""


def open_engine(url: str, *, pool_size: int = 8) -> Engine:
    """Return an engine for `url` (sqlite:///… or postgresql+psycopg://…).

    SQLite: WAL, synchronous=FULL, foreign keys on, what is deleted overwritten, and BEGIN IMMEDIATE for each
    transaction, since a deferred BEGIN that later writes fails with "database is locked" whatever the busy timeout.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000}, pool_size=pool_size)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    # The connection that rested least is taken first: few are used, and they have their statements prepared.
    engine = create_engine(parsed, pool_size=pool_size, pool_use_lifo=True)
    _look_whether_it_lives(engine)
    event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _set_up_postgresql(connection: Any, _record: Any) -> None:
    # Compiling a query costs 50 ms and more (measured on an authority's pages); none of ours runs for that long.
    connection.execute("SET jit = off")
    connection.commit()


def _look_whether_it_lives(engine: Engine) -> None:
    """Have a connection that rested asked whether it lives before it is used; all are let go if it does not.

    To ask before each use (`pool_pre_ping`) would be a tenth of what a frame of a face asks of the database.
    """

    def returned(_connection: Any, record: Any) -> None:
        record.info[_RETURNED] = time.monotonic()

    def taken(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get(_RETURNED, -_RESTED_SECONDS) < _RESTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", returned)
    event.listen(engine, "checkout", taken)


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver must not open transactions on its own; `_begin_immediate` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        # A wrapped key's row moves from page to page as others come: what is freed must not keep it. Some builds of
        # SQLite do so by themselves.
        "secure_delete=ON",
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "temp_store=MEMORY",
        f"wal_autocheckpoint={_WAL_PAGES}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    if connection.get_execution_options().get(READ_ONLY, False):
        connection.exec_driver_sql("BEGIN")
        return
    # SQLite has who waits for another process's writer sleep up to 100 ms at a time, and the lock is free for
    # hardly one: a beat waited half a second for it (measured in the bench `ingest`). So we look ourselves.
    driver: sqlite3.Connection = connection.connection.driver_connection
    try:
        driver.execute("PRAGMA busy_timeout=0")
        deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
        while not _began(driver, last=time.monotonic() > deadline):
            time.sleep(_LOOK_AGAIN_SECONDS)
    finally:
        driver.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")


def _began(driver: sqlite3.Connection, *, last: bool) -> bool:
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True
