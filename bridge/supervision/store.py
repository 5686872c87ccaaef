"""Read models over the stations' tables: what an authority's pages show, each query begun by its scope."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, and_, cast, func, or_

from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.supervision.model import (
    BatchView,
    CheckView,
    ClassRunView,
    DayFigures,
    InstitutionView,
    LearnerView,
    PaperView,
    RecordView,
    RegistrationView,
    RunFilter,
    TestView,
    UnitView,
)
from bridge.supervision.paper_status import paper_status
from bridge.supervision.rollup_tables import FIGURES
from bridge.supervision.scope import Scope, Scoped, table

_SECONDS = ("credited_seconds", "provisional_seconds", "refused_seconds")
_HOURS = ("online_class_hours", "offline_class_hours")
_EVERYTHING = RunFilter()
_CITY_DIGITS = 4
_ACCEPTED = "accepted"
_MOST_RECORDS = 200
"""Of all batches in a list together; all of a batch stand on its own page."""


class SqlSupervisionStore:
    """`SupervisionStore` for one area."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def class_runs(
        self, chosen: RunFilter = _EVERYTHING, limit: int | None = None, offset: int = 0
    ) -> tuple[ClassRunView, ...]:
        runs = table("class_run")
        order = (runs.c.opens_on.desc(), runs.c.title, runs.c.id)
        statement = self._runs(chosen)
        if limit is not None:
            # Which ones first: in one statement the database counts the learners of all that it leaves out as well.
            shown = self._scope.class_runs(runs.c.id).where(*_chosen(chosen)).order_by(*order)
            found = [row.id for row in self._scope.rows(shown.limit(limit).offset(offset))]
            statement = self._runs(_EVERYTHING).where(runs.c.id.in_(found))
        return tuple(map(_class_run, self._scope.rows(statement.order_by(*order))))

    def class_run(self, class_run: ClassRunId) -> ClassRunView | None:
        rows = self._scope.rows(self._runs(_EVERYTHING).where(table("class_run").c.id == class_run))
        return _class_run(rows[0]) if rows else None

    def class_run_count(self, chosen: RunFilter = _EVERYTHING) -> int:
        statement = self._scope.class_runs(func.count()).where(*_chosen(chosen))
        return int(self._scope.rows(statement)[0][0])

    def units(self, class_run: ClassRunId) -> tuple[UnitView, ...]:
        run, unit = table("class_run"), table("course_unit")
        statement = self._scope.class_runs(unit.c.title, unit.c.activity, unit.c.nominal_ms)
        statement = statement.join(unit, unit.c.course_id == run.c.course_id)
        rows = self._scope.rows(statement.where(run.c.id == class_run).order_by(unit.c.position))
        return tuple(UnitView(row.title, row.activity, row.nominal_ms) for row in rows)

    def learners(self, class_run: ClassRunId) -> tuple[LearnerView, ...]:
        return self._learners(table("enrolment").c.class_run_id == class_run)

    def learner(self, learner: LearnerRef) -> tuple[LearnerView, ...]:
        return self._learners(table("enrolment").c.learner == learner)

    def checks(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[CheckView, ...]:
        check = table("presence_check")
        columns = (check.c[name] for name in ("id", "kind", "state", "due_ms", "decided_ms", "session"))
        statement = self._scope.of_learners(
            "presence_check", *columns, learner="learner", class_run="class_run"
        ).where(check.c.learner == learner, check.c.class_run == class_run)
        rows = self._scope.rows(statement.order_by(check.c.due_ms.desc(), check.c.id))
        return tuple(
            CheckView(row.id, row.kind, row.state, row.due_ms, row.decided_ms, row.session) for row in rows
        )

    def tests(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[TestView, ...]:
        test = table("test_decision")
        names = ("unit", "attempt", "score", "maximum", "accepted", "reasons", "decided_at")
        statement = self._scope.of_learners(
            "test_decision",
            *(test.c[name] for name in names),
            learner="learner_ref",
            class_run="class_run_id",
        ).where(test.c.learner_ref == learner, test.c.class_run_id == class_run)
        return tuple(
            TestView(
                row.unit,
                row.attempt,
                row.score,
                row.maximum,
                row.accepted,
                tuple(map(str, row.reasons)),
                row.decided_at,
            )
            for row in self._scope.rows(statement.order_by(test.c.decided_at.desc(), test.c.id))
        )

    def records(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[RecordView, ...]:
        record = table("report_record")
        statement = self._scope.records(*(record.c[name] for name in _RECORD)).where(
            record.c.learner_ref == learner, record.c.class_run_id == class_run
        )
        rows = self._scope.rows(statement.order_by(record.c.queued_at, record.c.id))
        return tuple(map(_record, rows))

    def institutions(self) -> tuple[InstitutionView, ...]:
        institution = table("institution")
        names = ("id", "uscc", "name", "operator_name", "division_code", "provincial_connected")
        counted = self._scope.class_run_count().label("class_runs")
        statement = self._scope.institutions(*(institution.c[name] for name in names), counted)
        registrations = self._registrations()
        return tuple(
            InstitutionView(
                id=InstitutionId(row.id),
                uscc=row.uscc,
                name=row.name,
                operator_name=row.operator_name,
                division_code=row.division_code,
                provincial_connected=row.provincial_connected,
                class_runs=row.class_runs,
                registrations=tuple(registrations.get(row.id, ())),
            )
            for row in self._scope.rows(statement.order_by(institution.c.uscc))
        )

    def days(self, first: date, last: date) -> tuple[DayFigures, ...]:
        cell = table(self._scope.day_sums)
        city = func.substr(cell.c.institution_division, 1, _CITY_DIGITS)
        # As integers: the database would answer a sum of them with decimals, made one by one here.
        sums = (cast(func.sum(cell.c[name]), BigInteger).label(name) for name in FIGURES)
        statement = self._scope.day_figures(cell.c.day, city.label("city"), *sums)
        statement = statement.where(cell.c.day >= first, cell.c.day <= last)
        rows = self._scope.rows(statement.group_by(cell.c.day, city).order_by(cell.c.day, city))
        return tuple(
            DayFigures(row.day, f"{row.city}00", dict(zip(FIGURES, row[2:], strict=True))) for row in rows
        )

    def taught(self, first: date, last: date) -> tuple[tuple[str, date, date, int], ...]:
        """Return (division, opens on, closes on, how many) of class runs that are taught on a day of [first, last]."""
        run = table("class_run")
        columns = (run.c.division_code, run.c.opens_on, run.c.closes_on)
        statement = self._scope.class_runs(*columns, func.count().label("number"))
        statement = statement.where(run.c.opens_on <= last, run.c.closes_on >= first).group_by(*columns)
        rows = self._scope.rows(statement.order_by(*columns))
        return tuple((row.division_code, row.opens_on, row.closes_on, row.number) for row in rows)

    def batches(self, limit: int, before: str | None = None) -> tuple[BatchView, ...]:
        batch = table("report_batch")
        order = (batch.c.created_at.desc(), batch.c.id.desc())
        statement = self._batches()
        if before is not None:
            last = self._scope.rows(self._scope.batches(batch.c.created_at).where(batch.c.id == before))
            if not last:
                return ()
            earlier = batch.c.created_at < last[0].created_at
            statement = statement.where(
                or_(earlier, and_(batch.c.created_at == last[0].created_at, batch.c.id < before))
            )
        return self._seen(self._scope.rows(statement.order_by(*order).limit(limit)))

    def batch(self, batch_id: str, records: int, offset: int = 0) -> BatchView | None:
        found = self._seen(self._scope.rows(self._batches().where(table("report_batch").c.id == batch_id)))
        if not found:
            return None
        shown = self._records((batch_id,), records, offset)
        return replace(found[0], records=tuple(map(_record, shown)))

    def _batches(self) -> Scoped:
        batch, names = table("report_batch"), ("id", "institution_id", "division_code", "state", "created_at")
        return self._scope.batches(
            *(batch.c[name] for name in names), table("institution").c.name, *self._scope.fate_of_batch()
        )

    def _seen(self, rows: Sequence[Row[Any]]) -> tuple[BatchView, ...]:
        shown = [row.id for row in rows]
        counts = self._record_counts(shown)
        records: dict[str, list[RecordView]] = {}
        for row in self._records(shown, _MOST_RECORDS, 0, table("report_record").c.state != _ACCEPTED):
            records.setdefault(row.batch_id, []).append(_record(row))
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
                record_count=counts.get(row.id, 0),
                records=tuple(records.get(row.id, ())),
            )
            for row in rows
        )

    def _runs(self, chosen: RunFilter) -> Scoped:
        run, institution = table("class_run"), table("institution")
        names = ("id", "title", "kind", "division_code", "opens_on", "closes_on", "institution_id")
        return self._scope.class_runs(
            *(run.c[name] for name in names),
            institution.c.name,
            institution.c.uscc,
            self._scope.learner_count("enrolment", learner="learner").label("learners"),
            self._scope.learner_count("certificate").label("papers"),
        ).where(*_chosen(chosen))

    def _learners(self, condition: ColumnElement[bool]) -> tuple[LearnerView, ...]:
        enrolment, progress = table("enrolment"), table("supervised_progress")
        names = ("learner", "class_run_id", "institution_id", "enrolled_on")
        statement = self._scope.learners(
            *(enrolment.c[name] for name in names), *(progress.c[name] for name in (*_SECONDS, *_HOURS))
        ).outerjoin(
            progress,
            (progress.c.learner_ref == enrolment.c.learner)
            & (progress.c.class_run_id == enrolment.c.class_run_id),
        )
        rows = self._scope.rows(statement.where(condition).order_by(enrolment.c.enrolled_at, enrolment.c.id))
        papers = self._papers({row.class_run_id for row in rows}, {row.learner for row in rows})
        return tuple(
            LearnerView(
                learner=LearnerRef(row.learner),
                class_run=ClassRunId(row.class_run_id),
                institution_id=InstitutionId(row.institution_id),
                enrolled_on=row.enrolled_on,
                **{name: row._mapping[name] or 0 for name in (*_SECONDS, *_HOURS)},
                papers=tuple(papers.get((row.learner, row.class_run_id), ())),
            )
            for row in rows
        )

    def _papers(
        self, class_runs: Iterable[str], learners: Iterable[str]
    ) -> dict[tuple[str, str], list[PaperView]]:
        paper = table("certificate")
        names = (
            "number",
            "kind",
            "mark",
            "issued_at",
            "sha256",
            "verify_code",
            "facts",
            "learner_ref",
            "class_run_id",
        )
        statement = self._scope.of_learners(
            "certificate",
            *(paper.c[name] for name in names),
            paper_status(self._scope.today),
            learner="learner_ref",
            class_run="class_run_id",
        ).where(paper.c.class_run_id.in_(sorted(class_runs)), paper.c.learner_ref.in_(sorted(learners)))
        found: dict[tuple[str, str], list[PaperView]] = {}
        for row in self._scope.rows(statement.order_by(paper.c.issued_at, paper.c.number)):
            found.setdefault((row.learner_ref, row.class_run_id), []).append(
                PaperView(
                    number=row.number,
                    kind=row.kind,
                    status=row.status,
                    mark=row.mark,
                    class_hours=row.facts["class_hours"],
                    issued_at=row.issued_at,
                    sha256=row.sha256,
                    verify_code=row.verify_code,
                )
            )
        return found

    def _registrations(self) -> dict[str, list[RegistrationView]]:
        registration = table("city_registration")
        names = ("institution_id", "division_code", "document_number", "valid_from", "valid_until")
        statement = self._scope.of_divisions("city_registration", *(registration.c[name] for name in names))
        found: dict[str, list[RegistrationView]] = {}
        order = (registration.c.valid_from, registration.c.division_code, registration.c.document_number)
        for row in self._scope.rows(statement.order_by(*order)):
            found.setdefault(row.institution_id, []).append(
                RegistrationView(row.division_code, row.document_number, row.valid_from, row.valid_until)
            )
        return found

    def _records(
        self, batches: Sequence[str], limit: int, offset: int, *only: ColumnElement[bool]
    ) -> Sequence[Row[Any]]:
        record = table("report_record")
        statement = self._scope.records(record.c.batch_id, *(record.c[name] for name in _RECORD))
        order = (record.c.state == _ACCEPTED, record.c.queued_at, record.c.id)
        statement = statement.where(record.c.batch_id.in_(batches), *only).order_by(*order)
        return self._scope.rows(statement.limit(limit).offset(offset))

    def _record_counts(self, batches: Sequence[str]) -> dict[str, int]:
        record = table("report_record")
        statement = self._scope.records(record.c.batch_id, func.count().label("number"))
        statement = statement.where(record.c.batch_id.in_(batches)).group_by(record.c.batch_id)
        return {row.batch_id: row.number for row in self._scope.rows(statement)}


_RECORD = ("kind", "number", "revision", "state", "reason")


def _chosen(chosen: RunFilter) -> list[ColumnElement[bool]]:
    run = table("class_run")
    conditions: list[ColumnElement[bool]] = []
    if chosen.opens_from is not None:
        conditions.append(run.c.opens_on >= chosen.opens_from)
    if chosen.opens_until is not None:
        conditions.append(run.c.opens_on <= chosen.opens_until)
    if chosen.on is not None:
        conditions += [run.c.opens_on <= chosen.on, run.c.closes_on >= chosen.on]
    if chosen.institution is not None:
        conditions.append(run.c.institution_id == chosen.institution)
    return conditions


def _record(row: Row[Any]) -> RecordView:
    return RecordView(row.kind, row.number, row.revision, row.state, row.reason)


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
