"""`ReportingStore` on SQLAlchemy, for one unit of work."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.orm import aliased

from bridge.db.unit_of_work import Tx
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.ids import ClassRunId, LearnerRef, new_id
from bridge.reporting.model import (
    ORDER,
    TO_CORRECT,
    Action,
    Attempt,
    Batch,
    BatchState,
    Receipt,
    Record,
    RecordKey,
    RecordKind,
    RecordState,
    Verdict,
)
from bridge.reporting.tables import (
    ReportAttemptRow,
    ReportBatchRow,
    ReportReceiptRow,
    ReportRecordRow,
    ReportStepRow,
)

_LONGEST_REASON = 600
_AT_ONCE = 500
"""Values in one IN list."""


class SqlReportingStore:
    """The rows of one institution."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._session = tx.session

    def newest(self, kind: RecordKind, number: str) -> Record | None:
        row = self._session.scalar(
            select(ReportRecordRow)
            .where(ReportRecordRow.kind == kind.value, ReportRecordRow.number == number)
            .order_by(ReportRecordRow.revision.desc())
            .limit(1)
        )
        return None if row is None else record_of(row)

    def newest_of(self, wanted: Sequence[tuple[RecordKind, str]]) -> Mapping[tuple[RecordKind, str], Record]:
        numbers: dict[RecordKind, list[str]] = {}
        for kind, number in wanted:
            numbers.setdefault(kind, []).append(number)
        found: dict[tuple[RecordKind, str], Record] = {}
        for kind, of_kind in numbers.items():
            for start in range(0, len(of_kind), _AT_ONCE):
                rows = self._session.scalars(
                    select(ReportRecordRow)
                    .where(
                        ReportRecordRow.kind == kind.value,
                        ReportRecordRow.number.in_(of_kind[start : start + _AT_ONCE]),
                    )
                    .order_by(ReportRecordRow.revision)
                )
                found.update({(kind, row.number): record_of(row) for row in rows})
        return found

    def add_records(self, records: Sequence[Record], division_code: str, at: datetime) -> None:
        rows = [
            {
                "id": new_id("rr"),
                "institution_id": self._tx.institution_id,
                "kind": record.kind.value,
                "number": record.number,
                "revision": record.revision,
                "learner_ref": record.learner,
                "class_run_id": record.class_run,
                "division_code": division_code,
                "fields": dict(record.fields),
                "state": record.state.value,
                "reason": record.reason,
                "queued_at": at,
                "action": record.action.value,
                "place": ORDER[record.kind],
                "as_of": record.as_of,
            }
            for record in records
        ]
        self._session.execute(insert(ReportRecordRow), rows)

    def waiting(self, division_code: str, limit: int) -> tuple[Record, ...]:
        rows = self._session.scalars(
            select(ReportRecordRow)
            .where(
                ReportRecordRow.division_code == division_code,
                ReportRecordRow.state == RecordState.WAITING.value,
            )
            .order_by(ReportRecordRow.queued_at, ReportRecordRow.place, ReportRecordRow.number)
            .limit(limit)
        )
        return tuple(record_of(row) for row in rows)

    def to_correct(self, limit: int) -> tuple[Record, ...]:
        later = aliased(ReportRecordRow)
        rows = self._session.scalars(
            select(ReportRecordRow)
            .where(
                ReportRecordRow.state.in_([one.value for one in TO_CORRECT]),
                ~select(later.id)
                .where(
                    later.institution_id == ReportRecordRow.institution_id,
                    later.kind == ReportRecordRow.kind,
                    later.number == ReportRecordRow.number,
                    later.revision > ReportRecordRow.revision,
                )
                .exists(),
            )
            .order_by(ReportRecordRow.queued_at.desc(), ReportRecordRow.place, ReportRecordRow.number)
            .limit(limit)
        )
        return tuple(record_of(row) for row in rows)

    def division_of(self, key: RecordKey) -> str:
        kind, number, revision = key
        return self._session.scalars(
            select(ReportRecordRow.division_code).where(
                ReportRecordRow.kind == kind.value,
                ReportRecordRow.number == number,
                ReportRecordRow.revision == revision,
            )
        ).one()

    def move(
        self,
        keys: Sequence[RecordKey],
        state: RecordState,
        *,
        batch_id: str | None = None,
        sha256: Sequence[str] = (),
        code: str | None = None,
        reason: str | None = None,
    ) -> None:
        values: dict[str, Any] = {"state": state.value, "reason_code": code, "reason": reason}
        if batch_id is not None:
            values["batch_id"] = batch_id
        self._change(
            keys, [values if not sha256 else {**values, "sha256": one} for one in sha256 or [""] * len(keys)]
        )

    def settle(self, verdicts: Sequence[Verdict], settled_at: datetime) -> None:
        self._change(
            [(one.kind, one.number, one.revision) for one in verdicts],
            [
                {
                    "state": one.state.value,
                    "reason_code": None if one.accepted else one.reason_code,
                    "reason": None
                    if one.accepted
                    else (one.reason or "监管平台没有说明原因")[:_LONGEST_REASON],
                    "settled_at": settled_at,
                }
                for one in verdicts
            ],
        )

    def _change(self, keys: Sequence[RecordKey], values: Sequence[dict[str, Any]]) -> None:
        """Write `values` into the rows of `keys`, all in one statement for many rows."""
        if not keys:
            return
        table: Any = ReportRecordRow.__table__
        statement = (
            update(table)
            .where(
                table.c.institution_id == self._tx.institution_id,
                table.c.kind == bindparam("of_kind"),
                table.c.number == bindparam("of_number"),
                table.c.revision == bindparam("of_revision"),
            )
            .values({name: bindparam(f"new_{name}") for name in values[0]})
        )
        self._session.connection().execute(
            statement,
            [
                {
                    "of_kind": kind.value,
                    "of_number": number,
                    "of_revision": revision,
                    **{f"new_{name}": value for name, value in new.items()},
                }
                for (kind, number, revision), new in zip(keys, values, strict=True)
            ],
        )
        # Written past the identity map: what it holds of these rows is of before.
        self._session.expire_all()

    def add_batch(self, batch: Batch) -> Batch:
        last = self._session.scalar(select(func.max(ReportBatchRow.position)))
        position = (last or 0) + 1
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
                position=position,
            )
        )
        self._session.flush()
        found = self.batch(batch.id)
        assert found is not None  # noqa: S101  # just added
        return found

    def batch(self, batch_id: str) -> Batch | None:
        row = self._session.scalar(select(ReportBatchRow).where(ReportBatchRow.id == batch_id))
        return None if row is None else _batch(row)

    def batches(self, limit: int | None = None) -> tuple[Batch, ...]:
        rows = self._session.scalars(
            select(ReportBatchRow)
            .order_by(
                ReportBatchRow.position.desc(), ReportBatchRow.created_at.desc(), ReportBatchRow.id.desc()
            )
            .limit(limit)
        )
        return tuple(_batch(row) for row in rows)

    def failed(self) -> tuple[Batch, ...]:
        """Return the batches that were given up, oldest first."""
        rows = self._session.scalars(
            select(ReportBatchRow)
            .where(ReportBatchRow.state == BatchState.FAILED.value)
            .order_by(ReportBatchRow.position, ReportBatchRow.id)
        )
        return tuple(_batch(row) for row in rows)

    def divisions(self) -> tuple[str, ...]:
        """Return the cities that anything was reported to."""
        return tuple(
            self._session.scalars(
                select(ReportBatchRow.division_code).distinct().order_by(ReportBatchRow.division_code)
            )
        )

    def undelivered(self, division_code: str) -> tuple[Batch, ...]:
        rows = self._session.scalars(
            select(ReportBatchRow)
            .where(
                ReportBatchRow.division_code == division_code, ReportBatchRow.state == BatchState.READY.value
            )
            .order_by(ReportBatchRow.position, ReportBatchRow.created_at, ReportBatchRow.id)
        )
        return tuple(_batch(row) for row in rows)

    def records_of(self, batch_id: str) -> tuple[Record, ...]:
        rows = self._session.scalars(
            select(ReportRecordRow)
            .where(ReportRecordRow.batch_id == batch_id)
            .order_by(ReportRecordRow.queued_at, ReportRecordRow.place, ReportRecordRow.number)
        )
        return tuple(sorted(map(record_of, rows), key=lambda record: ORDER[record.kind]))

    def set_batch_state(self, batch_id: str, state: BatchState, reason: str | None = None) -> None:
        self._change_batch(batch_id, state=state.value, reason=reason, next_at=None, failures=0)

    def note_failure(self, batch_id: str, at: datetime, pause: timedelta) -> None:
        self._change_batch(batch_id, next_at=at + pause, failures=ReportBatchRow.failures + 1)

    def _change_batch(self, batch_id: str, **values: Any) -> None:
        self._session.execute(
            update(ReportBatchRow)
            .where(
                ReportBatchRow.institution_id == self._tx.institution_id,
                ReportBatchRow.id == batch_id,
            )
            .values(**values)
            .execution_options(synchronize_session=False)
        )
        self._session.expire_all()

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

    def close_attempt(
        self, batch_id: str, number: int, at: datetime, outcome: str, answer: bytes | None = None
    ) -> None:
        self._session.execute(
            update(ReportAttemptRow)
            .where(
                ReportAttemptRow.institution_id == self._tx.institution_id,
                ReportAttemptRow.batch_id == batch_id,
                ReportAttemptRow.number == number,
            )
            .values(
                ended_at=at,
                outcome=outcome,
                answer_sha256=None if answer is None else sha256_hex(answer),
                answer_bytes=None if answer is None else len(answer),
            )
        )

    def attempts(self, batch_id: str) -> tuple[Attempt, ...]:
        rows = self._session.scalars(
            select(ReportAttemptRow)
            .where(ReportAttemptRow.batch_id == batch_id)
            .order_by(ReportAttemptRow.number)
        )
        return tuple(
            Attempt(
                row.number, row.started_at, row.ended_at, row.outcome, row.answer_sha256, row.answer_bytes
            )
            for row in rows
        )

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

    def add_step(self, action: str, subject: str, by: str, at: datetime, reason: str = "") -> None:
        self._session.add(
            ReportStepRow(
                id=new_id("rs"),
                institution_id=self._tx.institution_id,
                at=at,
                action=action,
                subject=subject,
                by=by,
                reason=reason,
            )
        )


def record_of(row: ReportRecordRow) -> Record:
    """Return the record of a row."""
    return Record(
        kind=RecordKind(row.kind),
        number=row.number,
        revision=row.revision,
        learner=None if row.learner_ref is None else LearnerRef(row.learner_ref),
        class_run=ClassRunId(row.class_run_id),
        fields=row.fields,
        state=RecordState(row.state),
        reason=row.reason,
        action=Action(row.action),
        as_of=row.as_of,
        reason_code=row.reason_code,
        sha256=row.sha256,
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
        position=row.position,
        next_at=row.next_at,
        failures=row.failures,
        reason=row.reason,
    )
