"""What a class run's day is counted from: the stations' own rows, read by name."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import LEGAL_ZONE, epoch_ms, from_epoch_ms, legal_date
from bridge.supervision.rollup_tables import FIGURES
from bridge.supervision.scope import table

Cell = dict[tuple[str, str, str], dict[str, int]]
"""(profile, the institution's division, the learner's division) → figures; none of it is all zero."""

_ONE_DAY = timedelta(days=1)
_OF_LEDGER = ("credited_ms", "provisional_ms", "refused_ms")


def cell_of(session: Session, class_run: ClassRunId, day: date) -> Cell:
    """Return the figures of a class run's legal day, counted from the sources."""
    run, institution = table("class_run"), table("institution")
    where = session.execute(
        select(run.c.profile, run.c.division_code, institution.c.division_code.label("seat"))
        .join(institution, institution.c.id == run.c.institution_id)
        .where(run.c.id == class_run)
    ).one_or_none()
    if where is None:
        return {}
    place = place_of(where.division_code, where.seat)
    found: Cell = {}
    for statement in _counts(class_run, day):
        for row in session.execute(statement):
            figures = found.setdefault((where.profile, place, row.division or ""), dict.fromkeys(FIGURES, 0))
            for name, number in row._mapping.items():
                if name != "division" and number:
                    figures[name] += int(number)
    return {at: figures for at, figures in found.items() if any(figures.values())}


def place_of(division: str, seat: str | None) -> str:
    """Return the institution's area of a class run: its seat's county where that lies in the class run's city."""
    return seat if seat and division.endswith("00") and seat.startswith(division[:4]) else division


def days_with_anything(session: Session, class_run: ClassRunId) -> list[date]:
    """Return each legal day on which a class run may have figures, and those for which a cell is kept."""
    days: set[date] = set()
    for name, column, run_column in (
        ("enrolment", "enrolled_on", "class_run_id"),
        ("supervised_day", "day", "class_run_id"),
        ("supervised_class_day", "day", "class_run_id"),
    ):
        rows = table(name)
        days.update(session.scalars(select(rows.c[column]).where(rows.c[run_column] == class_run).distinct()))
    for name, column, run_column in (
        ("test_decision", "decided_at", "class_run_id"),
        ("certificate", "issued_at", "class_run_id"),
        ("supervision_signal", "raised_at", "class_run_id"),
    ):
        rows = table(name)
        days.update(
            legal_date(at)
            for at in session.scalars(select(rows.c[column]).where(rows.c[run_column] == class_run))
        )
    checks = table("presence_check")
    decided = select(checks.c.decided_ms).where(
        checks.c.class_run == class_run, checks.c.decided_ms.is_not(None)
    )
    days.update(legal_date(from_epoch_ms(at)) for at in session.scalars(decided))
    return sorted(days)


def days_of_learner(session: Session, learner: LearnerRef, class_run: ClassRunId) -> list[date]:
    """Return the legal days on which the learner was enrolled, a test of theirs decided or a paper issued."""
    rows = table("enrolment")
    days: set[date] = set(
        session.scalars(
            select(rows.c.enrolled_on).where(rows.c.class_run_id == class_run, rows.c.learner == learner)
        )
    )
    for name, column in (("test_decision", "decided_at"), ("certificate", "issued_at")):
        rows = table(name)
        mine = rows.c.learner_ref == learner, rows.c.class_run_id == class_run
        days.update(legal_date(at) for at in session.scalars(select(rows.c[column]).where(*mine)))
    return sorted(days)


def _counts(class_run: ClassRunId, day: date) -> Iterator[Select[Any]]:
    start = datetime.combine(day, time(), LEGAL_ZONE).astimezone(UTC)
    end = start + _ONE_DAY
    rows = table("enrolment")
    yield _by_division(rows, "learner", func.count().label("enrolled")).where(
        rows.c.class_run_id == class_run, rows.c.enrolled_on == day
    )
    rows = table("supervised_day")
    yield _by_division(
        rows,
        "learner_ref",
        *(func.sum(rows.c[one]).label(one) for one in ("credited_ms", "provisional_ms", "refused_ms")),
    ).where(rows.c.class_run_id == class_run, rows.c.day == day)
    rows = table("presence_check")
    yield _by_division(
        rows,
        "learner",
        _how_many(rows.c.state == "passed", "checks_passed"),
        _how_many(rows.c.state == "missed", "checks_missed"),
        _how_many(rows.c.state == "declined", "checks_declined"),
        _how_many(rows.c.state.not_in(("passed", "missed", "declined")), "checks_failed"),
        run="class_run",
    ).where(
        rows.c.class_run == class_run, rows.c.decided_ms >= epoch_ms(start), rows.c.decided_ms < epoch_ms(end)
    )
    rows = table("test_decision")
    yield _by_division(
        rows,
        "learner_ref",
        _how_many(rows.c.accepted, "tests_passed"),
        _how_many(rows.c.accepted.is_(False), "tests_refused"),
    ).where(rows.c.class_run_id == class_run, rows.c.decided_at >= start, rows.c.decided_at < end)
    rows = table("certificate")
    hours = case((rows.c.kind == "hour_certificate", rows.c.facts["class_hours"].as_integer()), else_=0)
    yield _by_division(
        rows, "learner_ref", func.count().label("papers"), func.sum(hours).label("paper_class_hours")
    ).where(rows.c.class_run_id == class_run, rows.c.issued_at >= start, rows.c.issued_at < end)
    rows = table("supervision_signal")
    yield _by_division(rows, "learner_ref", func.count().label("signals")).where(
        rows.c.class_run_id == class_run, rows.c.raised_at >= start, rows.c.raised_at < end
    )


def _how_many(condition: Any, name: str) -> Any:
    return func.sum(case((condition, 1), else_=0)).label(name)


def _by_division(rows: Any, learner: str, *counts: Any, run: str = "class_run_id") -> Select[Any]:
    area = table("supervised_area")
    return (
        select(area.c.division_code.label("division"), *counts)
        .select_from(rows)
        .outerjoin(area, (area.c.learner_ref == rows.c[learner]) & (area.c.class_run_id == rows.c[run]))
        .group_by(area.c.division_code)
    )
