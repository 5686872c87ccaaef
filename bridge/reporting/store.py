"""Rows of reporting: records, batches, attempts, receipts. No name and no citizen id."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, JsonDict, LongText, Ref, Sha256, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, LearnerRef, new_id
from bridge.reporting.model import (
    ORDER,
    Attempt,
    Batch,
    BatchState,
    Receipt,
    Record,
    RecordKind,
    RecordState,
)


class ReportRecordRow(Base, TenantRow):
    """One revision of a record."""

    __tablename__ = "report_record"
    __table_args__ = (
        UniqueConstraint("institution_id", "kind", "number", "revision"),
        Index("ix_report_record_waiting", "institution_id", "division_code", "state"),
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


class ReportBatchRow(Base, TenantRow):
    """One batch; its bytes lie encrypted in evidence."""

    __tablename__ = "report_batch"

    id: Mapped[Id]
    division_code: Mapped[Code]
    uscc: Mapped[Code]
    state: Mapped[Code]
    sha256: Mapped[Sha256]
    evidence_id: Mapped[Ref]
    record_count: Mapped[int]
    created_at: Mapped[Instant]
    schema_version: Mapped[Code]


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


class ReportReceiptRow(Base, TenantRow):
    """The receipt of a batch, byte for byte, and what it says."""

    __tablename__ = "report_receipt"
    __table_args__ = (UniqueConstraint("institution_id", "batch_id"),)

    id: Mapped[Id]
    batch_id: Mapped[Ref] = mapped_column(ForeignKey("report_batch.id"))
    raw: Mapped[LongText]
    status: Mapped[Code]
    received_at: Mapped[Instant]


class SqlReportingStore:
    """`ReportingStore` on SQLAlchemy, for one unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._session = tx.session

    def latest_fields(self, kind: RecordKind, number: str) -> tuple[int, Mapping[str, str]] | None:
        row = self._session.scalar(
            select(ReportRecordRow)
            .where(ReportRecordRow.kind == kind.value, ReportRecordRow.number == number)
            .order_by(ReportRecordRow.revision.desc())
            .limit(1)
        )
        return None if row is None else (row.revision, row.fields)

    def add_record(self, record: Record, division_code: str, at: datetime) -> None:
        self._session.add(
            ReportRecordRow(
                id=new_id("rr"),
                institution_id=self._tx.institution_id,
                kind=record.kind.value,
                number=record.number,
                revision=record.revision,
                learner_ref=record.learner,
                class_run_id=record.class_run,
                division_code=division_code,
                fields=dict(record.fields),
                state=record.state.value,
                reason=record.reason,
                batch_id=None,
                queued_at=at,
            )
        )
        self._session.flush()

    def waiting(self, division_code: str, limit: int) -> tuple[Record, ...]:
        rows = self._session.scalars(
            select(ReportRecordRow)
            .where(
                ReportRecordRow.division_code == division_code,
                ReportRecordRow.state == RecordState.WAITING.value,
            )
            .order_by(ReportRecordRow.queued_at, ReportRecordRow.id)
            .limit(limit)
        )
        return tuple(_record(row) for row in rows)

    def set_state(
        self,
        kind: RecordKind,
        number: str,
        revision: int,
        state: RecordState,
        *,
        batch_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        values: dict[str, str | None] = {"state": state.value, "reason": reason}
        if batch_id is not None:
            values["batch_id"] = batch_id
        self._session.execute(
            update(ReportRecordRow)
            .where(
                ReportRecordRow.institution_id == self._tx.institution_id,
                ReportRecordRow.kind == kind.value,
                ReportRecordRow.number == number,
                ReportRecordRow.revision == revision,
            )
            .values(**values)
        )

    def add_batch(self, batch: Batch) -> None:
        self._session.add(
            ReportBatchRow(
                id=batch.id,
                institution_id=self._tx.institution_id,
                division_code=batch.division_code,
                uscc=batch.uscc,
                state=batch.state.value,
                sha256=batch.sha256,
                evidence_id=batch.evidence_id,
                record_count=batch.record_count,
                created_at=batch.created_at,
                schema_version=batch.schema_version,
            )
        )
        self._session.flush()

    def batch(self, batch_id: str) -> Batch | None:
        row = self._session.scalar(select(ReportBatchRow).where(ReportBatchRow.id == batch_id))
        return None if row is None else _batch(row)

    def batches(self) -> tuple[Batch, ...]:
        rows = self._session.scalars(
            select(ReportBatchRow).order_by(ReportBatchRow.created_at.desc(), ReportBatchRow.id.desc())
        )
        return tuple(_batch(row) for row in rows)

    def records_of(self, batch_id: str) -> tuple[Record, ...]:
        rows = self._session.scalars(
            select(ReportRecordRow)
            .where(ReportRecordRow.batch_id == batch_id)
            .order_by(ReportRecordRow.queued_at, ReportRecordRow.id)
        )
        return tuple(sorted(map(_record, rows), key=lambda record: ORDER[record.kind]))

    def set_batch_state(self, batch_id: str, state: BatchState) -> None:
        self._session.execute(
            update(ReportBatchRow)
            .where(
                ReportBatchRow.institution_id == self._tx.institution_id,
                ReportBatchRow.id == batch_id,
            )
            .values(state=state.value)
        )

    def open_attempt(self, batch_id: str, at: datetime) -> int:
        last = self._session.scalar(
            select(func.max(ReportAttemptRow.number)).where(ReportAttemptRow.batch_id == batch_id)
        )
        number = (last or 0) + 1
        self._session.add(
            ReportAttemptRow(
                id=new_id("ra"),
                institution_id=self._tx.institution_id,
                batch_id=batch_id,
                number=number,
                started_at=at,
                ended_at=None,
                outcome="started",
            )
        )
        self._session.flush()
        return number

    def close_attempt(self, batch_id: str, number: int, at: datetime, outcome: str) -> None:
        self._session.execute(
            update(ReportAttemptRow)
            .where(
                ReportAttemptRow.institution_id == self._tx.institution_id,
                ReportAttemptRow.batch_id == batch_id,
                ReportAttemptRow.number == number,
            )
            .values(ended_at=at, outcome=outcome)
        )

    def attempts(self, batch_id: str) -> tuple[Attempt, ...]:
        rows = self._session.scalars(
            select(ReportAttemptRow)
            .where(ReportAttemptRow.batch_id == batch_id)
            .order_by(ReportAttemptRow.number)
        )
        return tuple(Attempt(row.number, row.started_at, row.ended_at, row.outcome) for row in rows)

    def add_receipt(self, receipt: Receipt, raw: bytes, at: datetime) -> None:
        self._session.add(
            ReportReceiptRow(
                id=new_id("rc"),
                institution_id=self._tx.institution_id,
                batch_id=receipt.batch_id,
                raw=raw.decode(),
                status=receipt.status,
                received_at=at,
            )
        )
        self._session.flush()

    def receipt_raw(self, batch_id: str) -> bytes | None:
        raw = self._session.scalar(select(ReportReceiptRow.raw).where(ReportReceiptRow.batch_id == batch_id))
        return None if raw is None else raw.encode()


def _record(row: ReportRecordRow) -> Record:
    return Record(
        kind=RecordKind(row.kind),
        number=row.number,
        revision=row.revision,
        learner=None if row.learner_ref is None else LearnerRef(row.learner_ref),
        class_run=ClassRunId(row.class_run_id),
        fields=row.fields,
        state=RecordState(row.state),
        reason=row.reason,
    )


def _batch(row: ReportBatchRow) -> Batch:
    return Batch(
        id=row.id,
        division_code=row.division_code,
        uscc=row.uscc,
        state=BatchState(row.state),
        sha256=row.sha256,
        evidence_id=row.evidence_id,
        record_count=row.record_count,
        created_at=row.created_at,
        schema_version=row.schema_version,
    )
