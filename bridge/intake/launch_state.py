"""Which login flows have been used, in the database: `lti.state.UsedStates` that survives kill -9."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import String, bindparam, delete
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Instant, UtcDateTime
from bridge.db.unit_of_work import UnitOfWork


class LtiUsedStateRow(Base):
    """One login that was answered. It belongs to no tenant: who answers is not proved yet."""

    __tablename__ = "lti_used_state"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    expires_at: Mapped[Instant] = mapped_column(index=True)


class SqlUsedStates:
    """`UsedStates` on the bridge's database: one durable write a launch."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._mark = _mark(uow.engine.dialect.name)

    def use(self, flow_id: bytes, expires_at: datetime) -> bool:
        with self._uow.across_institutions("mark a login as used, once") as tx:
            row = tx.session.execute(
                self._mark, {"id": flow_id.hex(), "expires_at": expires_at}
            ).one_or_none()
        return row is not None


@cache
def _mark(dialect: str) -> Any:
    insert: Any = sqlite_insert if dialect == "sqlite" else postgresql_insert
    table: Any = LtiUsedStateRow.__table__
    statement = insert(table).values(
        id=bindparam("id"), expires_at=bindparam("expires_at", type_=UtcDateTime())
    )
    # Of two that come at once only one gets its row back.
    return statement.on_conflict_do_nothing(index_elements=["id"]).returning(table.c.id)


def sweep_used_states(uow: UnitOfWork, now: datetime) -> int:
    """Delete marks of logins that are too old to be answered anyway; return how many."""
    with uow.across_institutions("drop marks of logins that are over") as tx:
        result: Any = tx.session.execute(delete(LtiUsedStateRow).where(LtiUsedStateRow.expires_at <= now))
    return int(result.rowcount)
