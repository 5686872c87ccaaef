"""Tables of forwarding: each institution's own LRS, how far it has the statements, and what it would not take."""

from datetime import datetime

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Count, Id, Instant, Ref, TenantRow, UtcDateTime


class LrsForwardRow(TenantRow, Base):
    """An institution's LRS. `sent_seq` is the last statement it has; the secret is encrypted under this row.

    Args:
        private_host: the one host in a private network that may be called for it; empty for none.
    """

    __tablename__ = "lrs_forward"
    __table_args__ = (UniqueConstraint("institution_id"),)

    id: Mapped[Id]
    endpoint: Mapped[str] = mapped_column(Text)
    version: Mapped[Code]
    key: Mapped[str] = mapped_column(String(200))
    secret_enc: Mapped[str] = mapped_column(Text)
    private_host: Mapped[str] = mapped_column(String(253))
    paused: Mapped[bool]
    sent_seq: Mapped[Count]
    sent: Mapped[Count]
    there_already: Mapped[Count]
    failures: Mapped[int]
    reason: Mapped[Code]
    next_at: Mapped[Instant]
    last_sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    set_at: Mapped[Instant]
    set_by: Mapped[Ref]


class LrsForwardRefusedRow(TenantRow, Base):
    """A statement that the LRS would not take, and why; `state` is waiting, retry or sent."""

    __tablename__ = "lrs_forward_refused"
    __table_args__ = (
        UniqueConstraint("forward_id", "seq"),
        Index("ix_lrs_forward_refused_state", "forward_id", "state"),
    )

    id: Mapped[Id]
    forward_id: Mapped[Ref]
    seq: Mapped[Count]
    statement_id: Mapped[str] = mapped_column(String(36))
    reason: Mapped[Code]
    state: Mapped[Code]
    refused_at: Mapped[Instant]
    tried_at: Mapped[Instant]
