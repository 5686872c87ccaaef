"""Logins that wait for their launch, in the database: `lti.state.OneTimeStore` that survives kill -9."""

from datetime import datetime
from typing import Any

from sqlalchemy import String, bindparam, delete, insert
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Instant, LongText, Ref, Sha256
from bridge.db.unit_of_work import UnitOfWork
from lti.state import LoginFlow


class LoginFlowRow(Base):
    """One login under way. It belongs to no tenant yet: who asks is not proved before the launch."""

    __tablename__ = "login_flow"

    state_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    nonce_sha256: Mapped[Sha256]
    browser_sha256: Mapped[Sha256]
    registration_id: Mapped[Ref]
    target_link_uri: Mapped[LongText]
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant] = mapped_column(index=True)


_FLOW: Any = LoginFlowRow.__table__
_PUT = insert(_FLOW)
# One statement removes and returns: of two that come at once only one finds the row.
_TAKE = delete(_FLOW).where(_FLOW.c.state_sha256 == bindparam("state")).returning(_FLOW)


class SqlOneTimeStore:
    """`OneTimeStore` on the bridge's database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def put(self, flow: LoginFlow) -> None:
        with self._uow.across_institutions("remember a login") as tx:
            tx.session.execute(_PUT, {name: getattr(flow, name) for name in LoginFlow.__slots__})

    def take(self, state_sha256: str, now: datetime) -> LoginFlow | None:
        with self._uow.across_institutions("take a login, once") as tx:
            row = tx.session.execute(_TAKE, {"state": state_sha256}).one_or_none()
        if row is None or now >= row.expires_at:
            return None
        return LoginFlow(**row._mapping)


def sweep_flows(uow: UnitOfWork, now: datetime) -> int:
    """Delete logins that were never answered; return how many."""
    with uow.across_institutions("drop logins that were never answered") as tx:
        result: Any = tx.session.execute(delete(LoginFlowRow).where(LoginFlowRow.expires_at <= now))
    return int(result.rowcount)
