"""The table of results that are waited for: of tests at a platform that were sat beside the bridge's gate."""

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, Ref, TenantRow


class LmsResultRow(Base, TenantRow):
    """One attempt whose result the platform keeps. `before` is what it kept before the test, "" for nothing."""

    __tablename__ = "lms_result"
    __table_args__ = (
        UniqueConstraint("institution_id", "gate_attempt"),
        Index("ix_lms_result_due", "next_at"),
        Index("ix_lms_result_account", "registration_id", "account_id"),
    )

    id: Mapped[Id]
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    resource_link_id: Mapped[str] = mapped_column(String(255))
    account_id: Mapped[Ref]
    learner_ref: Mapped[Ref]
    class_run_id: Mapped[Ref] = mapped_column(index=True)
    unit: Mapped[Ref]
    attempt: Mapped[str] = mapped_column(String(80))
    gate_attempt: Mapped[Ref]
    started_real: Mapped[Code]
    ended_real: Mapped[str | None] = mapped_column(String(64))
    ended_by: Mapped[str | None] = mapped_column(String(64))
    ended_at: Mapped[Instant | None]
    line_item_url: Mapped[str | None] = mapped_column(Text)
    before: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[Code]
    reason: Mapped[Code]
    tries: Mapped[int]
    next_at: Mapped[Instant | None]
    message: Mapped[str | None] = mapped_column(String(40))
