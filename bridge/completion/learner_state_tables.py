"""The table of what platforms are told of their learners."""

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Count, Id, Instant, Ref, TenantRow


class LmsLearnerStateRow(Base, TenantRow):
    """What an LMS course is to know of one account, and what it said that it has (None: nobody knows)."""

    __tablename__ = "lms_learner_state"
    __table_args__ = (
        UniqueConstraint("registration_id", "context_id", "account_id"),
        Index("ix_lms_learner_state_due", "next_at"),
    )

    id: Mapped[Id]
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    context_id: Mapped[str] = mapped_column(String(255))
    account_id: Mapped[Ref] = mapped_column(index=True)
    learner_ref: Mapped[Ref]
    real_name: Mapped[bool]
    class_hours: Mapped[Count]
    told_real_name: Mapped[bool | None]
    told_class_hours: Mapped[Count | None]
    state: Mapped[Code]
    reason: Mapped[Code]
    since: Mapped[Instant]
    failures: Mapped[int]
    next_at: Mapped[Instant | None]
