"""Read models over the stations' tables, each query bound to one area below whatever a page asks.

Other stations' tables are read by name from the metadata: supervision imports no station's store.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, Select, Table, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column

from bridge.completion.model import Earned
from bridge.db.base import Base, Count, Id, Instant, Ref, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, new_id
from bridge.supervision.model import Area, BatchView, ClassRunView, LearnerView, PaperView, RecordView


class SupervisedProgressRow(Base, TenantRow):
    """A learner's newest figures in a class run, so that no page settles a whole city's ledgers."""

    __tablename__ = "supervised_progress"
    __table_args__ = (UniqueConstraint("institution_id", "learner_ref", "class_run_id"),)

    id: Mapped[Id]
    learner_ref: Mapped[Ref] = mapped_column(index=True)
    class_run_id: Mapped[Ref] = mapped_column(index=True)
    credited_seconds: Mapped[Count]
    provisional_seconds: Mapped[Count]
    refused_seconds: Mapped[Count]
    online_class_hours: Mapped[int]
    offline_class_hours: Mapped[int]
    noted_at: Mapped[Instant]


class SqlProgressStore:
    """`ProgressStore` in a unit of work of one institution."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def note(self, learner: LearnerRef, class_run: ClassRunId, earned: Earned) -> None:
        row = self._tx.session.scalar(
            select(SupervisedProgressRow).where(
                SupervisedProgressRow.learner_ref == learner,
                SupervisedProgressRow.class_run_id == class_run,
            )
        )
        if row is None:
            row = SupervisedProgressRow(
                id=new_id("sp"),
                institution_id=self._tx.institution_id,
                learner_ref=learner,
                class_run_id=class_run,
            )
            self._tx.session.add(row)
        row.credited_seconds = earned.credited_seconds
        row.provisional_seconds = earned.provisional_seconds
        row.refused_seconds = sum(earned.refused_seconds.values())
        row.online_class_hours = earned.online_class_hours
        row.offline_class_hours = earned.offline_class_hours
        row.noted_at = self._tx.clock.now()
        self._tx.session.flush()


class SqlSupervisionStore:
    """`SupervisionStore` in a unit of work across institutions, for one area."""

    def __init__(self, tx: Tx, area: Area) -> None:
        self._session = tx.session
        self._prefix = area.prefix

    def class_runs(self) -> tuple[ClassRunView, ...]:
        runs = _table("class_run")
        rows = self._rows(self._runs().order_by(runs.c.opens_on.desc(), runs.c.title, runs.c.id))
        return tuple(map(_class_run, rows))

    def class_run(self, class_run: ClassRunId) -> ClassRunView | None:
        rows = self._rows(self._runs().where(_table("class_run").c.id == class_run))
        return _class_run(rows[0]) if rows else None

    def learners(self, class_run: ClassRunId) -> tuple[LearnerView, ...]:
        return self._learners(_table("enrolment").c.class_run_id == class_run)

    def learner(self, learner: LearnerRef) -> tuple[LearnerView, ...]:
        return self._learners(_table("enrolment").c.learner == learner)

    def batches(self, limit: int) -> tuple[BatchView, ...]:
        batch, receipt, institution = (
            _table("report_batch"),
            _table("report_receipt"),
            _table("institution"),
        )
        attempt = _table("report_attempt")
        attempts = (
            select(func.count()).where(attempt.c.batch_id == batch.c.id).correlate(batch).scalar_subquery()
        )
        rows = self._rows(
            select(
                batch.c.id,
                batch.c.institution_id,
                institution.c.name,
                batch.c.division_code,
                batch.c.state,
                batch.c.created_at,
                attempts.label("attempts"),
                receipt.c.status.label("receipt_status"),
            )
            .join(institution, institution.c.id == batch.c.institution_id)
            .outerjoin(receipt, receipt.c.batch_id == batch.c.id)
            .where(batch.c.division_code.startswith(self._prefix, autoescape=True))
            .order_by(batch.c.created_at.desc(), batch.c.id.desc())
            .limit(limit)
        )
        records = self._records([row.id for row in rows])
        return tuple(
            BatchView(
                id=row.id,
                institution_id=InstitutionId(row.institution_id),
                institution_name=row.name,
                division_code=row.division_code,
                state=row.state,
                created_at=row.created_at,
                attempts=row.attempts,
                receipt_status=row.receipt_status,
                records=tuple(records.get(row.id, ())),
            )
            for row in rows
        )

    def _runs(self) -> Select[Any]:
        run, institution = _table("class_run"), _table("institution")
        enrolment, paper = _table("enrolment"), _table("certificate")

        def how_many(table: Table) -> Any:
            return (
                select(func.count()).where(table.c.class_run_id == run.c.id).correlate(run).scalar_subquery()
            )

        return (
            select(
                run.c.id,
                run.c.title,
                run.c.kind,
                run.c.division_code,
                run.c.opens_on,
                run.c.closes_on,
                run.c.institution_id,
                institution.c.name,
                institution.c.uscc,
                how_many(enrolment).label("learners"),
                how_many(paper).label("papers"),
            )
            .join(institution, institution.c.id == run.c.institution_id)
            .where(run.c.division_code.startswith(self._prefix, autoescape=True))
        )

    def _learners(self, condition: Any) -> tuple[LearnerView, ...]:
        run, enrolment = _table("class_run"), _table("enrolment")
        progress = _table("supervised_progress")
        rows = self._rows(
            select(
                enrolment.c.learner,
                enrolment.c.class_run_id,
                enrolment.c.institution_id,
                enrolment.c.enrolled_on,
                *(
                    progress.c[name]
                    for name in (
                        "credited_seconds",
                        "provisional_seconds",
                        "refused_seconds",
                        "online_class_hours",
                        "offline_class_hours",
                    )
                ),
            )
            .join(run, run.c.id == enrolment.c.class_run_id)
            .outerjoin(
                progress,
                (progress.c.learner_ref == enrolment.c.learner)
                & (progress.c.class_run_id == enrolment.c.class_run_id),
            )
            .where(run.c.division_code.startswith(self._prefix, autoescape=True), condition)
            .order_by(enrolment.c.enrolled_at, enrolment.c.id)
        )
        papers = self._papers({row.class_run_id for row in rows})
        return tuple(
            LearnerView(
                learner=LearnerRef(row.learner),
                class_run=ClassRunId(row.class_run_id),
                institution_id=InstitutionId(row.institution_id),
                enrolled_on=row.enrolled_on,
                credited_seconds=row.credited_seconds or 0,
                provisional_seconds=row.provisional_seconds or 0,
                refused_seconds=row.refused_seconds or 0,
                online_class_hours=row.online_class_hours or 0,
                offline_class_hours=row.offline_class_hours or 0,
                papers=tuple(papers.get((row.learner, row.class_run_id), ())),
            )
            for row in rows
        )

    def _papers(self, class_runs: Iterable[str]) -> dict[tuple[str, str], list[PaperView]]:
        paper = _table("certificate")
        found: dict[tuple[str, str], list[PaperView]] = {}
        for row in self._rows(
            select(paper).where(paper.c.class_run_id.in_(sorted(class_runs))).order_by(paper.c.issued_at)
        ):
            found.setdefault((row.learner_ref, row.class_run_id), []).append(
                PaperView(
                    number=row.number,
                    kind=row.kind,
                    status=row.status,
                    mark=row.mark,
                    class_hours=row.facts["class_hours"],
                    issued_at=row.issued_at,
                    sha256=row.sha256,
                )
            )
        return found

    def _records(self, batches: Sequence[str]) -> dict[str, list[RecordView]]:
        record = _table("report_record")
        found: dict[str, list[RecordView]] = {}
        for row in self._rows(
            select(record)
            .where(record.c.batch_id.in_(batches))
            .order_by(record.c.batch_id, record.c.queued_at, record.c.id)
        ):
            found.setdefault(row.batch_id, []).append(
                RecordView(row.kind, row.number, row.revision, row.state, row.reason)
            )
        return found

    def _rows(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        return self._session.execute(statement).all()


def _table(name: str) -> Table:
    return Base.metadata.tables[name]


def _class_run(row: Row[Any]) -> ClassRunView:
    return ClassRunView(
        id=ClassRunId(row.id),
        title=row.title,
        training_kind=row.kind,
        division_code=row.division_code,
        opens_on=row.opens_on,
        closes_on=row.closes_on,
        institution_id=InstitutionId(row.institution_id),
        institution_name=row.name,
        uscc=row.uscc,
        learners=row.learners,
        papers=row.papers,
    )
