"""Tables of presence: study sessions, checks, frames, references."""

from typing import Any

from sqlalchemy import JSON, Float, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Count, Id, Instant, JsonList, LongText, Ref, Sha256, TenantRow


class StudySessionRow(TenantRow, Base):
    """One study session; also the head of its chain of batches in the inbox."""

    __tablename__ = "study_session"
    __table_args__ = (UniqueConstraint("token_id"), Index("ix_study_session_learner", "learner", "open"))

    id: Mapped[Id]
    learner: Mapped[Ref]
    class_run: Mapped[Ref]
    unit: Mapped[Ref]
    activity: Mapped[Code]
    attempt: Mapped[str | None] = mapped_column(String(80))
    account_id: Mapped[Ref]
    open: Mapped[bool]
    opened_ms: Mapped[Count]
    next_seq: Mapped[Count]
    last_batch_sha256: Mapped[Sha256]
    last_received_ms: Mapped[Count | None]
    chain_seq: Mapped[Count]
    chain_hash: Mapped[Sha256]
    next_due_ms: Mapped[Count]
    credited_seconds: Mapped[Count]
    provisional_seconds: Mapped[Count]
    refused_seconds: Mapped[Count]
    closed_reason: Mapped[str | None] = mapped_column(String(64))
    next_prompt_ms: Mapped[Count | None]
    prompt_idle_ms: Mapped[Count | None]
    attended_ms: Mapped[Count]
    news: Mapped[LongText]
    orders: Mapped[LongText]
    method: Mapped[Code] = mapped_column(default="face", server_default="face")
    secret_sha256: Mapped[Sha256]
    token_id: Mapped[str] = mapped_column(String(120))


class PresenceCheckRow(TenantRow, Base):
    """One check and how it ended."""

    __tablename__ = "presence_check"
    __table_args__ = (
        Index("ix_presence_check_state", "state", "answer_by_ms"),
        Index("ix_presence_check_class_run", "class_run", "decided_ms"),
    )

    id: Mapped[Id]
    session: Mapped[Ref] = mapped_column(index=True)
    learner: Mapped[Ref]
    class_run: Mapped[Ref]
    kind: Mapped[Code]
    due_ms: Mapped[Count]
    opened_ms: Mapped[Count]
    answer_by_ms: Mapped[Count]
    attempts_left: Mapped[int]
    state: Mapped[Code]
    nonce: Mapped[Code]
    verdicts: Mapped[JsonList]
    decided_ms: Mapped[Count | None]
    reference: Mapped[str] = mapped_column(String(40), default="", server_default="")
    with_movement: Mapped[bool] = mapped_column(default=False, server_default=false())
    asked: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class FaceFrameRow(TenantRow, Base):
    """One frame as it came, and its verdict. The picture itself is evidence, encrypted."""

    __tablename__ = "face_frame"
    __table_args__ = (UniqueConstraint("institution_id", "learner", "sha256"),)

    id: Mapped[Id]
    learner: Mapped[Ref]
    class_run: Mapped[Ref]
    check_id: Mapped[str | None] = mapped_column(String(40), index=True)
    evidence_id: Mapped[Ref]
    sha256: Mapped[Sha256]
    received_real: Mapped[Instant]
    verdict: Mapped[str | None] = mapped_column(String(24))
    score: Mapped[float | None] = mapped_column(Float)
    threshold: Mapped[float | None] = mapped_column(Float)
    model_id: Mapped[str | None] = mapped_column(String(80))
    message: Mapped[str] = mapped_column(String(200), default="")
    parameter: Mapped[str | None] = mapped_column(String(40))
    asked: Mapped[str] = mapped_column(String(16), default="", server_default="")


class FaceReferenceRow(TenantRow, Base):
    """A person's face reference in one class run. `templates` names evidence, one for each good frame."""

    __tablename__ = "face_reference"

    learner: Mapped[str] = mapped_column(String(40), primary_key=True)
    class_run: Mapped[str] = mapped_column(String(40), primary_key=True)
    model_id: Mapped[str] = mapped_column(String(80))
    model_sha256: Mapped[Sha256]
    templates: Mapped[JsonList]
    chosen: Mapped[Ref]
    anchored_ms: Mapped[Count | None]
    has_roster_photo: Mapped[bool]
    id: Mapped[str] = mapped_column(String(40), default="", server_default="")
    renews: Mapped[str] = mapped_column(String(40), default="", server_default="")
    card_check: Mapped[str] = mapped_column(String(40), default="", server_default="")
