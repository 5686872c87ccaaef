"""The tables of days as they stand on PostgreSQL: made ahead, detached, attached again, dropped."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, text

from bridge.db.append_only import append_only_ddl
from bridge.db.unit_of_work import UnitOfWork
from bridge.intake import days
from bridge.kernel.time import legal_date

_ATTACHED = text(
    "SELECT child.relname FROM pg_inherits"
    " JOIN pg_class parent ON parent.oid = inhparent JOIN pg_class child ON child.oid = inhrelid"
    " WHERE parent.relname = :beats AND parent.relnamespace = current_schema()::regnamespace"
)
_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('inbox days', 0))")
_PATIENCE = "SET LOCAL lock_timeout = '3s'"
"""A table is detached between two batches or not at all: nobody's batch waits for it longer than this."""


def is_by_days(connection: Connection) -> bool:
    """Return whether the database keeps batches by the day."""
    return connection.dialect.name == "postgresql"


def take_turn(connection: Connection) -> None:
    """Have other processes wait with their changes of tables until this transaction ends."""
    connection.execute(_TURN)


def attached_days(connection: Connection) -> Sequence[date]:
    """Return the days whose tables take and show batches, oldest first."""
    names = connection.execute(_ATTACHED, {"beats": days.BEATS}).scalars()
    return sorted(day for day in map(days.day_of_partition, names) if day is not None)


def make_days(uow: UnitOfWork, now: datetime) -> Sequence[date]:
    """Make the tables of the coming days that are not there, each in a transaction of its own; return their days."""
    made = []
    for day in days.days_wanted(legal_date(now)):
        with uow.across_institutions("make the tables of the days to come") as tx:
            connection = tx.session.connection()
            if not is_by_days(connection):
                return []
            take_turn(connection)
            if day in attached_days(connection):
                continue
            connection.exec_driver_sql(_PATIENCE)
            for statement in days.day_ddl(day):
                connection.exec_driver_sql(statement)
            made.append(day)
    return made


def detach(connection: Connection, day: date) -> None:
    """Take a day's table out of the inbox; it stays as it is, and stays append-only."""
    name = days.partition(day)
    connection.exec_driver_sql(_PATIENCE)
    connection.exec_driver_sql(f"ALTER TABLE {days.BEATS} DETACH PARTITION {name}")
    # The parent's trigger went with the attachment.
    connection.exec_driver_sql(_trigger(name))


def attach(connection: Connection, day: date) -> None:
    """Put a detached table back."""
    name = days.partition(day)
    first, end = days.bounds(day)
    connection.exec_driver_sql(_PATIENCE)
    connection.exec_driver_sql(f"DROP TRIGGER inbox_message_append_only ON {name}")
    connection.exec_driver_sql(
        f"ALTER TABLE {days.BEATS} ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{end}')"
    )


def drop(connection: Connection, day: date) -> None:
    """Drop a detached table for good; RuntimeError for one that is attached: a defect."""
    if day in attached_days(connection):
        raise RuntimeError("a day is detached before it is dropped")
    connection.exec_driver_sql(f"DROP TABLE {days.partition(day)}")


def _trigger(name: str) -> str:
    guarding = append_only_ddl("inbox_message", "postgresql")[1]
    return guarding.replace(" ON inbox_message ", f" ON {name} ")
