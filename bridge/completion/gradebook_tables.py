"""The tables of gradebooks: an LMS course's, its columns as far as we know them, and what goes into one for whom."""

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, JsonList, LongText, Ref, Sha256, TenantRow


class LmsGradebookRow(Base, TenantRow):
    """Where a launch says that the columns of an LMS course are, and what may be done there."""

    __tablename__ = "lms_gradebook"
    __table_args__ = (UniqueConstraint("registration_id", "context_id"),)

    id: Mapped[Id]
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    context_id: Mapped[str] = mapped_column(String(255))
    line_items_url: Mapped[str | None] = mapped_column(Text)
    scopes: Mapped[JsonList]
    noted_at: Mapped[Instant]


class LmsLineItemRow(Base, TenantRow):
    """One column. It is read once, to learn whether it is for class hours; one that we are to make has no url yet.

    `place` is a hash of the address, or of the course for the one column that an institution has us make there.
    """

    __tablename__ = "lms_line_item"
    __table_args__ = (
        UniqueConstraint("registration_id", "place"),
        Index("ix_lms_line_item_context", "registration_id", "context_id"),
        Index("ix_lms_line_item_due", "next_at"),
    )

    id: Mapped[Id]
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    context_id: Mapped[str] = mapped_column(String(255))
    resource_link_id: Mapped[str | None] = mapped_column(String(255))
    place: Mapped[Sha256]
    url: Mapped[LongText]
    state: Mapped[Code]
    maximum: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[Code]
    failures: Mapped[int]
    next_at: Mapped[Instant | None]
    noted_at: Mapped[Instant]
    asked_by: Mapped[str | None] = mapped_column(String(80))


class LmsScoreRow(Base, TenantRow):
    """What one account's column is to hold, and what left for it last, whatever became of that.

    Numbers are exact, as text ("3", "7/2"). `left_at` is how the last one was dated: no later one is dated earlier.
    """

    __tablename__ = "lms_score"
    __table_args__ = (
        UniqueConstraint("line_item_id", "account_id"),
        Index("ix_lms_score_due", "next_at"),
    )

    id: Mapped[Id]
    line_item_id: Mapped[str] = mapped_column(String(40), ForeignKey("lms_line_item.id"))
    account_id: Mapped[Ref]
    learner_ref: Mapped[Ref] = mapped_column(index=True)
    class_run_id: Mapped[Ref] = mapped_column(index=True)
    given: Mapped[Code]
    maximum: Mapped[Code]
    progress: Mapped[Code]
    earned_at: Mapped[Instant]
    left_given: Mapped[str | None] = mapped_column(String(64))
    left_maximum: Mapped[str | None] = mapped_column(String(64))
    left_progress: Mapped[str | None] = mapped_column(String(64))
    left_earned_at: Mapped[Instant | None]
    left_at: Mapped[Instant | None]
    arrived: Mapped[bool]
    state: Mapped[Code]
    reason: Mapped[Code]
    since: Mapped[Instant]
    failing_since: Mapped[Instant | None]
    failures: Mapped[int]
    next_at: Mapped[Instant | None]
