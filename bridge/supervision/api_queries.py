"""What the read API lists, page by page: each query begun by its scope, its rows named as the API names them.

A page ends where its limit says and the next begins behind its last row (keyset), so that the thousandth page costs
what the first does and a row that comes in between moves no other. The same rows make the Parquet files. No list is
in the order of any figure, least of all of institutions (粤应急规〔2022〕3号 第十一条).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, literal, tuple_

from bridge.kernel.time import require_utc
from bridge.supervision.institution_scope import InstitutionScope
from bridge.supervision.model import Area
from bridge.supervision.paper_status import paper_status
from bridge.supervision.rollup_tables import FIGURES
from bridge.supervision.scope import Scope, Scoped, table
from bridge.supervision.store import SqlSupervisionStore

Key = tuple[Any, ...]
Shown = Mapping[str, Any]
MOST_DAYS = 92
_PROGRESS = ("credited_seconds", "provisional_seconds", "refused_seconds")
_HOURS = ("online_class_hours", "offline_class_hours")
_NUMBERS = frozenset({*_PROGRESS, *_HOURS})
_LAST_CODE = "999999"
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which rows are asked for; None leaves a condition out. Dates are inclusive, instants begin a half-open span.

    Args:
        area: of class runs: division code; its zeros at the end take in what lies below.
        status: of class runs: "upcoming", "open" or "closed" on `today`; of papers and batches their own words.
        kind: of papers, signals.
        first, days: of figures.
    """

    today: date
    institution: str | None = None
    class_run: str | None = None
    learner: str | None = None
    batch: str | None = None
    area: str | None = None
    opens_from: date | None = None
    opens_until: date | None = None
    on: date | None = None
    status: str | None = None
    kind: str | None = None
    since: datetime | None = None
    first: date | None = None
    days: int = 14


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order of their key; `next` is the key of the last, None on the last page."""

    rows: tuple[Shown, ...]
    next: Key | None


class SqlApiQueries:
    """The lists of one area, or of one institution."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def institutions(self, chosen: Chosen, after: Key | None, limit: int) -> Page:
        """Return institutions by their code."""
        institution = table("institution")
        names = ("uscc", "name", "operator_name", "division_code", "provincial_connected")
        statement = self._scope.institutions(
            institution.c.id.label("institution"),
            *(institution.c[name] for name in names),
            self._scope.class_run_count().label("class_runs"),
        )
        page = self._page(statement, {"uscc": institution.c.uscc}, after, limit)
        registrations = self._registrations([row["institution"] for row in page.rows])
        rows = ({**row, "registrations": registrations.get(row["institution"], [])} for row in page.rows)
        return Page(tuple(rows), page.next)

    def class_runs(self, chosen: Chosen, after: Key | None, limit: int) -> Page:
        """Return class runs, the first to open first."""
        run, institution = table("class_run"), table("institution")
        statement = self._scope.class_runs(
            run.c.id.label("class_run"),
            run.c.title,
            run.c.kind.label("training_kind"),
            run.c.category,
            run.c.division_code,
            run.c.opens_on,
            run.c.closes_on,
            institution.c.id.label("institution"),
            institution.c.name.label("institution_name"),
            institution.c.uscc,
            self._scope.learner_count("enrolment", learner="learner").label("learners"),
            self._scope.learner_count("certificate").label("papers"),
        ).where(*_runs(chosen))
        page = self._page(statement, {"opens_on": run.c.opens_on, "class_run": run.c.id}, after, limit)
        return Page(tuple({**row, "status": run_status(row, chosen.today)} for row in page.rows), page.next)

    def class_run(self, class_run: str, today: date) -> Shown | None:
        """Return one class run, or None."""
        found = self.class_runs(Chosen(today=today, class_run=class_run), None, 1).rows
        return found[0] if found else None

    def learners(self, chosen: Chosen, after: Key | None, limit: int) -> Page:
        """Return learners of class runs with progress and valid papers, by class run and reference."""
        enrolment, institution = table("enrolment"), table("institution")
        statement = self._enrolled(
            enrolment.c.learner,
            enrolment.c.class_run_id.label("class_run"),
            institution.c.id.label("institution"),
            enrolment.c.enrolled_on,
        ).where(*_of_enrolments(chosen))
        page = self._page(statement, _enrolment_key(), after, limit)
        papers = self._valid_papers(page.rows, chosen.today)
        none = {"hour_certificate": None, "completion_statement": None}
        return Page(
            tuple(
                {**_counted(row), **none, **papers.get((row["class_run"], row["learner"]), {})}
                for row in page.rows
            ),
            page.next,
        )

    def hours(self, chosen: Chosen, after: Key | None, limit: int) -> Page:
        """Return the newest hours of each learner in each class run, by class run and reference."""
        enrolment, run, institution = table("enrolment"), table("class_run"), table("institution")
        statement = self._enrolled(
            enrolment.c.learner,
            enrolment.c.class_run_id.label("class_run"),
            institution.c.uscc,
            run.c.division_code,
            table("supervised_progress").c.noted_at,
        ).where(*_runs(chosen), *_of_enrolments(chosen))
        page = self._page(statement, _enrolment_key(), after, limit)
        return Page(tuple(map(_counted, page.rows)), page.next)

    def papers(self, chosen: Chosen, after: Key | None, limit: int) -> Page:
        """Return papers in the order of their issue."""
        paper, institution = table("certificate"), table("institution")
        names = ("number", "kind", "mark", "issued_at", "sha256", "facts")
        status = paper_status(chosen.today)
        statement = self._scope.of_learners(
            "certificate",
            *(paper.c[name] for name in names),
            status,
            paper.c.learner_ref.label("learner"),
            paper.c.class_run_id.label("class_run"),
            institution.c.uscc,
            learner="learner_ref",
            class_run="class_run_id",
        ).where(
            *_equal(status.element, chosen.status),
            *_equal(paper.c.kind, chosen.kind),
            *_equal(paper.c.class_run_id, chosen.class_run),
            *_equal(paper.c.learner_ref, chosen.learner),
            *_since(paper.c.issued_at, chosen.since),
        )
        page = self._page(statement, {"issued_at": paper.c.issued_at, "number": paper.c.number}, after, limit)
        return Page(
            tuple(_without(row, "facts", class_hours=row["facts"]["class_hours"]) for row in page.rows),
            page.next,
        )

    def signals(self, chosen: Chosen, after: Key | None, limit: int) -> Page:
        """Return signals in the order in which they were raised."""
        signal, run, institution = table("supervision_signal"), table("class_run"), table("institution")
        acknowledged = table("supervision_signal_acknowledgement")
        names = ("kind", "source", "before", "after", "occurred_at", "raised_at")
        statement = self._scope.of_class_runs(
            "supervision_signal",
            signal.c.id.label("signal"),
            *(signal.c[name] for name in names),
            signal.c.learner_ref.label("learner"),
            signal.c.class_run_id.label("class_run"),
            run.c.title.label("class_run_title"),
            institution.c.uscc,
            acknowledged.c.at.label("acknowledged_at"),
            acknowledged.c.note.label("acknowledgement"),
            class_run="class_run_id",
            learner="learner_ref",
        )
        statement = statement.outerjoin(acknowledged, acknowledged.c.signal_id == signal.c.id).where(
            *_equal(signal.c.kind, chosen.kind),
            *_equal(signal.c.class_run_id, chosen.class_run),
            *_since(signal.c.raised_at, chosen.since),
        )
        return self._page(statement, {"raised_at": signal.c.raised_at, "signal": signal.c.id}, after, limit)

    def spot_checks(self, chosen: Chosen, after: Key | None, limit: int) -> Page:
        """Return which spot checks there are, in the order in which they were opened; `SqlAreaSpotChecks` has each."""
        check = table("spot_check")
        statement = self._scope.of_divisions(
            "spot_check", check.c.id.label("spot_check"), check.c.opened_at
        ).where(*_equal(check.c.institution_id, chosen.institution))
        return self._page(statement, {"opened_at": check.c.opened_at, "spot_check": check.c.id}, after, limit)

    def report_batches(self, chosen: Chosen, after: Key | None, limit: int) -> Page:
        """Return batches to the province in the order of their making, with how many records fared how."""
        batch, institution = table("report_batch"), table("institution")
        names = ("division_code", "state", "sha256", "schema_version", "created_at")
        statement = self._scope.batches(
            batch.c.id.label("batch"), *(batch.c[name] for name in names), institution.c.uscc
        ).where(*_equal(batch.c.state, chosen.status), *_since(batch.c.created_at, chosen.since))
        page = self._page(statement, {"created_at": batch.c.created_at, "batch": batch.c.id}, after, limit)
        verdicts = self._verdicts([row["batch"] for row in page.rows])
        return Page(tuple({**row, "records": verdicts.get(row["batch"], {})} for row in page.rows), page.next)

    def has_batch(self, batch: str) -> bool:
        """Return whether there is such a batch."""
        found = self._scope.batches(table("report_batch").c.id).where(table("report_batch").c.id == batch)
        return bool(self._scope.rows(found))

    def report_records(self, chosen: Chosen, after: Key | None, limit: int) -> Page:
        """Return records with the province's verdict, in the order in which they were queued."""
        record, institution = table("report_record"), table("institution")
        names = ("kind", "number", "revision", "state", "reason", "queued_at")
        statement = self._scope.records(
            record.c.id.label("record"),
            record.c.batch_id.label("batch"),
            *(record.c[name] for name in names),
            record.c.learner_ref.label("learner"),
            record.c.class_run_id.label("class_run"),
            institution.c.uscc,
        ).where(
            *_equal(record.c.batch_id, chosen.batch),
            *_equal(record.c.state, chosen.status),
            *_equal(record.c.class_run_id, chosen.class_run),
            *_since(record.c.queued_at, chosen.since),
        )
        return self._page(statement, {"queued_at": record.c.queued_at, "record": record.c.id}, after, limit)

    def figures(self, chosen: Chosen, after: Key | None, limit: int) -> Page:
        """Return the figures of each day and city, as the overview shows them."""
        first = chosen.first or chosen.today - _ONE_DAY * (chosen.days - 1)
        last = first + min(_ONE_DAY * (chosen.days - 1), date.max - first)
        rows = (
            self._own_days(first, last)
            if isinstance(self._scope, InstitutionScope)
            else self._days(first, last)
        )
        keys = [(row["day"], row["city"]) for row in rows]
        begin = 0 if after is None else sum(key <= tuple(after) for key in keys)
        shown = rows[begin : begin + limit]
        more = begin + limit < len(rows)
        return Page(tuple(shown), keys[begin + limit - 1] if more else None)

    def _days(self, first: date, last: date) -> Sequence[Shown]:
        return [
            {"day": one.day, "city": one.city, **one.figures}
            for one in SqlSupervisionStore(self._scope).days(first, last)
        ]

    def _own_days(self, first: date, last: date) -> Sequence[Shown]:
        cell = table("supervised_class_day")
        city = func.substr(cell.c.institution_division, 1, 4)
        statement = self._scope.of_class_runs(
            "supervised_class_day",
            cell.c.day,
            city.label("city"),
            *(func.sum(cell.c[name]).label(name) for name in FIGURES),
            class_run="class_run_id",
        ).where(cell.c.day >= first, cell.c.day <= last)
        rows = self._scope.rows(statement.group_by(cell.c.day, city).order_by(cell.c.day, city))
        return [
            {"day": row.day, "city": f"{row.city}00", **{name: int(row._mapping[name]) for name in FIGURES}}
            for row in rows
        ]

    def _enrolled(self, *columns: Any) -> Scoped:
        enrolment, progress = table("enrolment"), table("supervised_progress")
        statement = self._scope.learners(*columns, *(progress.c[name] for name in (*_PROGRESS, *_HOURS)))
        return statement.outerjoin(
            progress,
            (progress.c.learner_ref == enrolment.c.learner)
            & (progress.c.class_run_id == enrolment.c.class_run_id),
        )

    def _valid_papers(self, shown: Sequence[Shown], today: date) -> dict[tuple[str, str], dict[str, str]]:
        paper = table("certificate")
        runs, learners = {row["class_run"] for row in shown}, {row["learner"] for row in shown}
        statement = self._scope.of_learners(
            "certificate",
            *(paper.c[name] for name in ("number", "kind", "learner_ref", "class_run_id")),
            learner="learner_ref",
            class_run="class_run_id",
        ).where(
            paper_status(today).element == "valid",
            paper.c.class_run_id.in_(sorted(runs)),
            paper.c.learner_ref.in_(sorted(learners)),
        )
        found: dict[tuple[str, str], dict[str, str]] = {}
        for row in self._scope.rows(statement):
            found.setdefault((row.class_run_id, row.learner_ref), {})[row.kind] = row.number
        return found

    def _registrations(self, institutions: Sequence[str]) -> dict[str, list[Shown]]:
        registration = table("city_registration")
        names = ("division_code", "document_number", "valid_from", "valid_until")
        statement = self._scope.of_divisions(
            "city_registration", registration.c.institution_id, *(registration.c[name] for name in names)
        ).where(registration.c.institution_id.in_(institutions))
        order = (registration.c.valid_from, registration.c.division_code, registration.c.document_number)
        found: dict[str, list[Shown]] = {}
        for row in self._scope.rows(statement.order_by(*order)):
            found.setdefault(row.institution_id, []).append({name: row._mapping[name] for name in names})
        return found

    def _verdicts(self, batches: Sequence[str]) -> dict[str, dict[str, int]]:
        record = table("report_record")
        statement = self._scope.records(record.c.batch_id, record.c.state, func.count().label("number"))
        statement = statement.where(record.c.batch_id.in_(batches)).group_by(
            record.c.batch_id, record.c.state
        )
        found: dict[str, dict[str, int]] = {}
        for row in self._scope.rows(statement.order_by(record.c.batch_id, record.c.state)):
            found.setdefault(row.batch_id, {})[row.state] = row.number
        return found

    def _page(
        self, statement: Scoped, keys: Mapping[str, ColumnElement[Any]], after: Key | None, limit: int
    ) -> Page:
        """Return at most `limit` rows behind `after`; `keys`: name in the row → column, together unique."""
        columns = tuple(keys.values())
        if after is not None:
            behind = tuple_(*(literal(value, key.type) for key, value in zip(columns, after, strict=True)))
            statement = statement.where(tuple_(*columns) > behind)
        found = self._scope.rows(statement.order_by(*columns).limit(limit + 1))
        rows = tuple(dict(row._mapping) for row in found[:limit])
        return Page(rows, tuple(rows[-1][name] for name in keys) if len(found) > limit else None)


Listed = Callable[[SqlApiQueries, Chosen, Key | None, int], Page]


def run_status(row: Shown, today: date) -> str:
    """Return "upcoming", "open" or "closed"."""
    if today < row["opens_on"]:
        return "upcoming"
    return "open" if today <= row["closes_on"] else "closed"


def _enrolment_key() -> Mapping[str, ColumnElement[Any]]:
    enrolment = table("enrolment")
    return {"class_run": enrolment.c.class_run_id, "learner": enrolment.c.learner}


def _runs(chosen: Chosen) -> list[ColumnElement[bool]]:
    run = table("class_run")
    conditions = [*_equal(run.c.institution_id, chosen.institution), *_equal(run.c.id, chosen.class_run)]
    if chosen.area is not None:
        prefix = Area(chosen.area).prefix
        conditions.append(run.c.division_code.between(prefix, f"{prefix}{_LAST_CODE}"))
    if chosen.opens_from is not None:
        conditions.append(run.c.opens_on >= chosen.opens_from)
    if chosen.opens_until is not None:
        conditions.append(run.c.opens_on <= chosen.opens_until)
    for day in (chosen.on, chosen.today if chosen.status == "open" else None):
        if day is not None:
            conditions += [run.c.opens_on <= day, run.c.closes_on >= day]
    if chosen.status == "upcoming":
        conditions.append(run.c.opens_on > chosen.today)
    if chosen.status == "closed":
        conditions.append(run.c.closes_on < chosen.today)
    return conditions


def _of_enrolments(chosen: Chosen) -> list[ColumnElement[bool]]:
    enrolment = table("enrolment")
    return [
        *_equal(enrolment.c.class_run_id, chosen.class_run),
        *_equal(enrolment.c.learner, chosen.learner),
    ]


def _equal(column: ColumnElement[Any], wanted: str | None) -> list[ColumnElement[bool]]:
    return [] if wanted is None else [column == wanted]


def _since(column: ColumnElement[Any], since: datetime | None) -> list[ColumnElement[bool]]:
    return [] if since is None else [column >= require_utc(since)]


def _counted(row: Shown) -> Shown:
    """Return the row with 0 where nothing was studied yet."""
    return {name: value or 0 if name in _NUMBERS else value for name, value in row.items()}


def _without(row: Shown, left_out: str, **more: Any) -> Shown:
    return {name: value for name, value in row.items() if name != left_out} | more
