"""Tables of reviews: the case as it stands, and every step of it, which the database refuses to change."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, column_property, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Code, Count, Id, Instant, Ref, TenantRow, UtcDateTime


class PresenceReviewRow(TenantRow, Base):
    """One case. The database itself refuses one whose second person is the first."""

    __tablename__ = "presence_review"
    __table_args__ = (
        UniqueConstraint("check_id", "round"),
        CheckConstraint("closed_by IS NULL OR closed_by <> decided_by", name="two_people"),
        Index("ix_presence_review_state", "institution_id", "state", "opened_at"),
        Index("ix_presence_review_learner", "learner", "class_run"),
    )

    id: Mapped[Id]
    learner: Mapped[Ref]
    class_run: Mapped[Ref]
    check_id: Mapped[str] = mapped_column(String(40), ForeignKey("presence_check.id"))
    outcome: Mapped[Code]
    round: Mapped[int]
    origin: Mapped[Code]
    opened_at: Mapped[Instant]
    opened_by: Mapped[str | None] = mapped_column(String(40))
    decide_by: Mapped[date] = mapped_column(Date)
    expires_after: Mapped[date] = mapped_column(Date)
    state: Mapped[Code]
    appeal_reason: Mapped[str | None] = mapped_column(String(64))
    appealed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    verdict: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(String(64))
    decided_by: Mapped[str | None] = mapped_column(String(40))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_back_by: Mapped[str | None] = mapped_column(String(40))
    sent_back_reason: Mapped[str | None] = mapped_column(String(64))
    closed_by: Mapped[str | None] = mapped_column(String(40))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_by: Mapped[str | None] = mapped_column(String(40))


_EARLIER = PresenceReviewRow.__table__.alias("earlier")
PresenceReviewRow.__mapper__.add_property(
    # Who confirmed the round before: its own row says so.
    "nor_by",
    column_property(
        select(_EARLIER.c.closed_by)
        .where(
            _EARLIER.c.check_id == PresenceReviewRow.check_id,
            _EARLIER.c.round == PresenceReviewRow.round - 1,
        )
        .correlate_except(_EARLIER)
        .scalar_subquery()
    ),
)


class PresenceReviewStepRow(TenantRow, Base):
    """Who did what to a case, when and why."""

    __tablename__ = "presence_review_step"
    __table_args__ = (UniqueConstraint("review_id", "seq"),)

    id: Mapped[Id]
    review_id: Mapped[str] = mapped_column(String(40), ForeignKey("presence_review.id"))
    seq: Mapped[Count]
    what: Mapped[Code]
    reason: Mapped[str | None] = mapped_column(String(64))
    by: Mapped[str | None] = mapped_column(String(40))
    at: Mapped[Instant]


guard(PresenceReviewStepRow)
