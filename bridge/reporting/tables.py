"""Tables of reporting: records, batches, attempts, receipts, people's steps, the door. No name and no citizen id."""

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import (
    Base,
    Code,
    Count,
    Id,
    Instant,
    JsonDict,
    JsonList,
    LongText,
    Ref,
    Sha256,
    TenantRow,
)


class ReportRecordRow(Base, TenantRow):
    """One revision of a record."""

    __tablename__ = "report_record"
    __table_args__ = (
        UniqueConstraint("institution_id", "kind", "number", "revision"),
        Index("ix_report_record_waiting", "institution_id", "division_code", "state"),
        Index("ix_report_record_settled", "institution_id", "division_code", "settled_at"),
        # The sweep looks every second over all institutions: only what waits is in it.
        Index(
            "ix_report_record_to_send",
            "institution_id",
            "division_code",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_report_record_learner", "learner_ref", "class_run_id"),
    )

    id: Mapped[Id]
    kind: Mapped[Code]
    number: Mapped[str] = mapped_column(String(120))
    revision: Mapped[int]
    learner_ref: Mapped[str | None] = mapped_column(String(40))
    class_run_id: Mapped[Ref]
    division_code: Mapped[Code]
    fields: Mapped[JsonDict]
    state: Mapped[Code]
    reason: Mapped[str | None] = mapped_column(String(600))
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("report_batch.id"), index=True)
    queued_at: Mapped[Instant]
    action: Mapped[Code] = mapped_column(server_default="report", default="report")
    place: Mapped[int] = mapped_column(server_default="0", default=0)
    as_of: Mapped[Instant | None]
    reason_code: Mapped[Code | None]
    sha256: Mapped[Sha256 | None]
    settled_at: Mapped[Instant | None]


class ReportBatchRow(Base, TenantRow):
    """One batch; its bytes lie encrypted in evidence."""

    __tablename__ = "report_batch"
    __table_args__ = (
        Index(
            "ix_report_batch_to_deliver",
            "institution_id",
            "division_code",
            sqlite_where=text("state = 'ready'"),
            postgresql_where=text("state = 'ready'"),
        ),
        Index("ix_report_batch_created_at", "created_at", "id"),
    )

    id: Mapped[Id]
    division_code: Mapped[Code]
    uscc: Mapped[Code]
    state: Mapped[Code]
    sha256: Mapped[Sha256]
    evidence_id: Mapped[Ref]
    record_count: Mapped[int]
    created_at: Mapped[Instant]
    schema_version: Mapped[Code]
    position: Mapped[Count] = mapped_column(server_default="0", default=0)
    next_at: Mapped[Instant | None]
    failures: Mapped[int] = mapped_column(server_default="0", default=0)
    reason: Mapped[Code | None]


class ReportAttemptRow(Base, TenantRow):
    """One try to deliver a batch."""

    __tablename__ = "report_attempt"
    __table_args__ = (UniqueConstraint("institution_id", "batch_id", "number"),)

    id: Mapped[Id]
    batch_id: Mapped[Ref] = mapped_column(ForeignKey("report_batch.id"), index=True)
    number: Mapped[int]
    started_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]
    outcome: Mapped[Code]
    answer_sha256: Mapped[Sha256 | None]
    answer_bytes: Mapped[int | None]


class ReportReceiptRow(Base, TenantRow):
    """The receipt of a batch, byte for byte, and what it says."""

    __tablename__ = "report_receipt"
    __table_args__ = (UniqueConstraint("institution_id", "batch_id"),)

    id: Mapped[Id]
    batch_id: Mapped[Ref] = mapped_column(ForeignKey("report_batch.id"))
    raw: Mapped[LongText]
    status: Mapped[Code]
    received_at: Mapped[Instant]


class ReportStepRow(Base, TenantRow):
    """Something that a person or the clock did with reports; append-only."""

    __tablename__ = "report_step"

    id: Mapped[Id]
    at: Mapped[Instant]
    action: Mapped[Code]
    subject: Mapped[str] = mapped_column(String(200))
    by: Mapped[str] = mapped_column(String(80))
    reason: Mapped[Code]


class ReportReconciliationRow(Base, TenantRow):
    """One comparison of a legal day's accepted records with the regulator's books."""

    __tablename__ = "report_reconciliation"
    __table_args__ = (Index("ix_report_reconciliation_day", "institution_id", "division_code", "day"),)

    id: Mapped[Id]
    division_code: Mapped[Code]
    day: Mapped[str] = mapped_column(String(10))
    made_at: Mapped[Instant]
    our_count: Mapped[int]
    our_sha256: Mapped[Sha256]
    their_count: Mapped[int | None]
    their_sha256: Mapped[Sha256 | None]
    differences: Mapped[JsonList]
    failure: Mapped[Code | None]


class ReportDoorRow(Base):
    """The regulator's door, one for the whole bridge."""

    __tablename__ = "report_door"

    id: Mapped[Id]
    circuit: Mapped[Code]
    failures: Mapped[int]
    openings: Mapped[int]
    reason: Mapped[Code | None]
    until: Mapped[Instant | None]
    changed_at: Mapped[Instant | None]
