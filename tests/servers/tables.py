"""The bridge's tables in an empty database: made once in this process, copied for each test that asks for them."""

import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, Engine, inspect

from bridge.db.base import Base
from bridge.db.engine import open_engine
from bridge.db.schema import upgrade

Make = Callable[[Engine], None]


def make_tables(engine: Engine) -> None:
    """Have the engine's database carry every table that this process knows of, as `create_all` would."""
    _copied(engine, Base.metadata.create_all, "create_all", *sorted(Base.metadata.tables))


def migrate(engine: Engine) -> None:
    """Have the engine's database stand as all migrations leave it, as `upgrade` would."""
    _copied(engine, upgrade, "upgrade")


def _copied(engine: Engine, make: Make, *made_as: str) -> None:
    url = engine.url
    if url.get_backend_name() == "sqlite":
        into = Path(url.database or "")
        if not into.exists():
            shutil.copyfile(_file_as(make, made_as), into)
            return
    elif not inspect(engine).get_table_names():
        engine.dispose()
        _copy_database(_database_as(make, made_as, url.set(database="postgres")), url)
        return
    make(engine)  # something stands there already


@cache
def _file_as(make: Make, made_as: tuple[str, ...]) -> Path:
    made = Path(tempfile.mkdtemp(dir=_folder())) / "made.sqlite3"
    engine = open_engine(f"sqlite:///{made}")
    make(engine)
    engine.dispose()
    return made


@cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="anxue-tables-")
    _kept.append(folder)
    return Path(folder.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []
"""They go with the process."""


@cache
def _database_as(make: Make, made_as: tuple[str, ...], server: URL) -> str:
    name = f"tables_{_database_as.cache_info().currsize}"
    _run(
        server, sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
    )
    engine = open_engine(server.set(database=name).render_as_string(hide_password=False))
    make(engine)
    engine.dispose()
    return name


def _copy_database(name: str, into: URL) -> None:
    server, database = into.set(database="postgres"), sql.Identifier(into.database or "")
    _run(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
    # The other strategy writes each page into the log.
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    _run(server, copy.format(database, sql.Identifier(name)))


def _run(server: URL, statement: sql.Composed) -> None:
    address = server.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement)
