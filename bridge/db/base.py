"""Shared column types and the tenant rule: every tenant row names its institution."""

from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, MetaData, String, Text
from sqlalchemy.dialects.sqlite import INTEGER as SQLITE_INTEGER
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from bridge.kernel.time import require_utc


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant to the microsecond; refuses naive ones at the door of the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else require_utc(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        # SQLite forgets the offset; PostgreSQL answers in the session's zone.
        aware: datetime = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware


BigSerial = BigInteger().with_variant(SQLITE_INTEGER(), "sqlite")

Id = Annotated[str, mapped_column(String(40), primary_key=True)]
Ref = Annotated[str, mapped_column(String(40))]
"""The id of a row elsewhere; a foreign key is declared by name where the row is in the same station."""
Code = Annotated[str, mapped_column(String(64))]
Sha256 = Annotated[str, mapped_column(String(64))]
LongText = Annotated[str, mapped_column(Text)]
Instant = Annotated[datetime, mapped_column(UtcDateTime)]
JsonDict = Annotated[dict[str, Any], mapped_column(JSON)]
JsonList = Annotated[list[Any], mapped_column(JSON)]
Count = Annotated[int, mapped_column(BigInteger)]


class Base(DeclarativeBase):
    """All tables. Names of constraints are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class TenantRow:
    """Mixin of every table whose rows belong to one institution.

    The unit of work adds the institution to each SELECT on such a table and refuses to write a row of
    another (see `unit_of_work`); a store cannot forget it.
    """

    institution_id: Mapped[str] = mapped_column(String(40), index=True)
