"""Tables of the gate: attempts at a platform's tests, actions asked for, grants."""

from sqlalchemy import Boolean, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, JsonList, Ref, TenantRow


class TestAttemptRow(TenantRow, Base):
    """One person's attempt at a test of a platform.

    `message_enc` is the platform's LtiStartProctoring, encrypted, while the steps before the test are under way:
    what it holds is a secret of the platform against forged permissions. It is gone once the test was opened.
    """

    __test__ = False
    __tablename__ = "test_attempt"
    __table_args__ = (
        UniqueConstraint("account_id", "attempt"),
        Index("ix_test_attempt_state", "state", "silent_since"),
        Index("ix_test_attempt_learner", "learner", "class_run", "unit"),
    )

    id: Mapped[Id]
    registration: Mapped[Ref]
    deployment_id: Mapped[str] = mapped_column(String(255))
    resource_link_id: Mapped[str] = mapped_column(String(255))
    account_id: Mapped[Ref]
    class_run: Mapped[Ref]
    unit: Mapped[Ref]
    origin: Mapped[Code]
    attempt: Mapped[str] = mapped_column(String(80))
    attempt_number: Mapped[str | None] = mapped_column(String(20))
    learner: Mapped[str | None] = mapped_column(String(40))
    state: Mapped[Code]
    asked_at: Mapped[Instant]
    started_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
    ended_by: Mapped[str | None] = mapped_column(String(64))
    session: Mapped[str | None] = mapped_column(String(40))
    start_session: Mapped[str | None] = mapped_column(String(40))
    silent_since: Mapped[Instant | None]
    paused: Mapped[bool] = mapped_column(Boolean)
    control_url: Mapped[str | None] = mapped_column(Text)
    control_actions: Mapped[JsonList]
    return_url: Mapped[str | None] = mapped_column(Text)
    message_enc: Mapped[str | None] = mapped_column(Text)


class TestControlRow(TenantRow, Base):
    """One action on a running test, with the platform's answer. `severity` is decimal text, never a float."""

    __test__ = False
    __tablename__ = "test_control"
    __table_args__ = (UniqueConstraint("attempt_id", "cause", "action"),)

    id: Mapped[Id]
    attempt_id: Mapped[str] = mapped_column(String(40), ForeignKey("test_attempt.id"))
    cause: Mapped[str] = mapped_column(String(80))
    action: Mapped[Code]
    severity: Mapped[str] = mapped_column(String(8))
    reason_code: Mapped[Code]
    reason_message: Mapped[str] = mapped_column(String(255))
    incident_at: Mapped[Instant]
    state: Mapped[Code]
    answer: Mapped[str | None] = mapped_column(String(64))
    answered_at: Mapped[Instant | None]
    error: Mapped[Code]


class ExamGrantRow(TenantRow, Base):
    """A platform's test opened for one person, or asked to be."""

    __tablename__ = "exam_grant"

    id: Mapped[Id]
    attempt_id: Mapped[str] = mapped_column(String(40), ForeignKey("test_attempt.id"), index=True)
    registration: Mapped[Ref]
    account_id: Mapped[Ref]
    resource_link_id: Mapped[str] = mapped_column(String(255))
    expires_at: Mapped[Instant]
    state: Mapped[Code]
    reason: Mapped[str] = mapped_column(String(255))
