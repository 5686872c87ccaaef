"""Tables of questions to real-name providers: where each stands, and what went to whom."""

from sqlalchemy import Float, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, Ref, Sha256, TenantRow


class RealNameCheckRow(Base, TenantRow):
    """Whether an account's user is a person of an enrolment list. Name and number stay on the list's row.

    `claim_index` is the blind index of what was asked: a corrected list is another question.
    """

    __tablename__ = "real_name_check"
    __table_args__ = (
        UniqueConstraint("account_id", "list_row_id"),
        Index("ix_real_name_check_next_at", "next_at"),
    )

    id: Mapped[Id]
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("lms_account.id"))
    list_row_id: Mapped[str] = mapped_column(String(40), ForeignKey("enrolment_list_row.id"))
    class_run_id: Mapped[Ref]
    claim_index: Mapped[Sha256]
    state: Mapped[Code]
    outcome: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(String(64))
    failures: Mapped[int]
    asked_at: Mapped[Instant]
    next_at: Mapped[Instant | None]
    decided_at: Mapped[Instant | None]
    decided_by: Mapped[str | None] = mapped_column(String(40))


class RealNameQuestionRow(Base, TenantRow):
    """One question that left the house: to whom, what, when, and how it ended (empty: nobody knows)."""

    __tablename__ = "real_name_question"
    __table_args__ = (Index("ix_real_name_question_at", "provider", "at"),)

    id: Mapped[Id]
    check_id: Mapped[str] = mapped_column(String(40), ForeignKey("real_name_check.id"), index=True)
    provider: Mapped[Code]
    sent: Mapped[Code]
    purpose: Mapped[Code]
    at: Mapped[Instant]
    outcome: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(String(64))
    score: Mapped[float | None] = mapped_column(Float)
    photo: Mapped[str | None] = mapped_column(String(40))
    answered_at: Mapped[Instant | None]
