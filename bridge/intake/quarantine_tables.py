"""Tables of what was set aside: each message or job with its reason, and every step that was taken over it."""

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Code, Count, Id, Instant, Ref, Sha256, TenantRow


class IntakeQuarantineRow(TenantRow, Base):
    """One thing set aside.

    `content` is an arrived message that stands in no chain yet, encrypted under this row; a stored message is named by
    `chain` and `seq`, a job by `job`. `waits_for` is the blind reference of the person whom the message names.
    """

    __tablename__ = "intake_quarantine"
    __table_args__ = (
        UniqueConstraint("institution_id", "natural_key"),
        Index("ix_intake_quarantine_state", "institution_id", "state", "set_aside_at"),
        Index("ix_intake_quarantine_next_try_at", "next_try_at"),
        Index("ix_intake_quarantine_waits_for", "waits_for"),
    )

    id: Mapped[Id]
    kind: Mapped[Code]
    natural_key: Mapped[Sha256]
    source: Mapped[Code]
    chain: Mapped[str | None] = mapped_column(String(120))
    seq: Mapped[Count | None]
    job: Mapped[str | None] = mapped_column(String(40))
    content: Mapped[str | None] = mapped_column(Text)
    original_sha256: Mapped[str | None] = mapped_column(String(64))
    verification: Mapped[str | None] = mapped_column(String(120))
    waits_for: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[Code]
    attempts: Mapped[int]
    state: Mapped[Code]
    set_aside_at: Mapped[Instant]
    tried_at: Mapped[Instant]
    next_try_at: Mapped[Instant | None]


class IntakeQuarantineStepRow(TenantRow, Base):
    """One step over a thing set aside: never changed, never deleted."""

    __tablename__ = "intake_quarantine_step"
    __table_args__ = (Index("ix_intake_quarantine_step_of", "quarantine_id", "id"),)

    id: Mapped[Id]
    quarantine_id: Mapped[Ref]
    what: Mapped[Code]
    reason: Mapped[Code]
    note: Mapped[str] = mapped_column(String(300))
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[Instant]


guard(IntakeQuarantineStepRow)
