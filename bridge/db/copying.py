"""Many rows at once, within the same transaction: by COPY on PostgreSQL, by INSERT of many rows elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bridge.db.prepared import on_driver

_AT_ONCE = 1024
"""Rows of one INSERT. SQLite's driver gives way to other threads at each statement, which costs more than a row.

It takes 32,766 values in a statement: so many rows of 31 columns.
"""
COPY_FROM_ROWS = 3
"""Fewer are inserted: COPY takes two round trips, one row one (figures: docs/capacity.md)."""


def add_rows(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows that name the same columns; values go in as their columns bind them.

    Like any Core statement this does not look whose rows they are: the caller names the institution in each.
    """
    if not rows:
        return
    connection = session.connection()
    names = list(rows[0])
    dialect = connection.dialect
    binding = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    write_rows(
        connection,
        table,
        names,
        [
            tuple(
                row[name] if bind is None else bind(row[name])
                for name, bind in zip(names, binding, strict=True)
            )
            for row in rows
        ],
    )


def write_rows(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Add rows whose values are as the driver takes them, in the order of `names`.

    SQLAlchemy's own work for each row would cost more than the row (measured).
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql" and len(rows) >= COPY_FROM_ROWS:
        copy_rows(connection, table, names, rows)
        return
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    row_marks = f"({', '.join([mark] * len(names))})"
    into = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES "  # noqa: S608  # names of ours
    at = 0
    while at < len(rows):
        # Powers of two, so that the driver meets the same few texts again and has them compiled.
        size = min(_AT_ONCE, 1 << (len(rows) - at).bit_length() - 1)
        values = [value for row in rows[at : at + size] for value in row]
        on_driver(connection, into + ", ".join([row_marks] * size), values)
        at += size


def copy_rows(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Add rows by PostgreSQL's COPY; the table's triggers and keys hold as for INSERT.

    Raises:
        DBAPIError: as INSERT would (IntegrityError, DataError …).
    """
    statement = f"COPY {table.name} ({', '.join(names)}) FROM STDIN"
    dialect = connection.dialect
    driver: Any = connection.connection.driver_connection
    base: Any = dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except base as error:
        raise DBAPIError.instance(
            statement, None, error, base, hide_parameters=True, dialect=dialect
        ) from error
