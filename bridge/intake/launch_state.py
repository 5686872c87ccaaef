"""Which login flows have been used, in the database: `lti.state.UsedStates` that survives kill -9."""

from datetime import datetime
from typing import Any

from sqlalchemy import String, delete
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Count
from bridge.db.unit_of_work import UnitOfWork


class LtiUsedStateRow(Base):
    """One login that was answered. It belongs to no tenant: who answers is not proved yet."""

    __tablename__ = "lti_used_state"
    # One tree and no index beside it: each launch waits for this write. The sweep may read the whole table.
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # SQLAlchemy's own shape

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    expires_seconds: Mapped[Count]


_MARK = "INSERT INTO lti_used_state (id, expires_seconds) VALUES ({0}, {0}) ON CONFLICT (id) DO NOTHING"


class SqlUsedStates:
    """`UsedStates` on the bridge's database: one durable write a launch."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._mark = _MARK.format("?" if uow.engine.dialect.paramstyle == "qmark" else "%s")

    def use(self, flow_id: bytes, expires_at: datetime) -> bool:
        # Rounded up, so that the mark never ends before the flow. Of two that come at once one adds its row.
        values = (flow_id.hex(), int(expires_at.timestamp()) + 1)
        return self._uow.execute_alone("mark a login as used, once", self._mark, values) == 1


def sweep_used_states(uow: UnitOfWork, now: datetime) -> int:
    """Delete marks of logins that are too old to be answered anyway; return how many."""
    over = LtiUsedStateRow.expires_seconds <= int(now.timestamp())
    with uow.across_institutions("drop marks of logins that are over") as tx:
        result: Any = tx.session.execute(delete(LtiUsedStateRow).where(over))
    return int(result.rowcount)
