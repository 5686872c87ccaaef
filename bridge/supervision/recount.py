"""A full recount: what cells and sums should say, counted from the sources by many class runs at once.

A job counts one cell (`rollup_sources`). This asks the same of whole class runs in statements of its own, so that a
province can be held against its sources in minutes, and a mistake in one of the two ways shows as a difference.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Integer, case, cast, func, literal_column, select
from sqlalchemy.orm import Session

from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.supervision.legal_day import legal_day_of, legal_day_of_ms
from bridge.supervision.rollup_sources import place_of
from bridge.supervision.rollup_tables import (
    FIGURES,
    SupervisedAreaDayRow,
    SupervisedCityDayRow,
    SupervisedClassDayRow,
    city_of,
)
from bridge.supervision.scope import table

_AT_ONCE = 200
_PLACES = {name: place for place, name in enumerate(FIGURES)}

Place = tuple[str, str, str, date]
"""Profile, the institution's division, the learner's division, day."""
_Counts = dict[Any, list[int]]


def differences(tx: Tx, class_runs: Iterable[tuple[InstitutionId, ClassRunId]]) -> list[dict[str, Any]]:
    """Return where cells or sums are not what a full recount says, in a unit of work across institutions.

    Args:
        class_runs: all of them: the sums are held against the recount of these.
    """
    found: list[dict[str, Any]] = []
    areas: dict[Place, list[int]] = {}
    cities: dict[Place, list[int]] = {}
    waiting = iter(class_runs)
    while some := [run for _, run in islice(waiting, _AT_ONCE)]:
        counted, kept = counted_cells(tx.session, some), _kept_cells(tx.session, some)
        for key, figures in counted.items():
            place: Place = key[1:]
            _add(areas, place, figures)
            _add(cities, (place[0], city_of(place[1]), city_of(place[2]), place[3]), figures)
        found.extend(
            _difference("cell", key[1:], kept.get(key), counted.get(key), key[0])
            for key in sorted(set(counted) | set(kept))
            if counted.get(key) != kept.get(key)
        )
    for what, sums, rows in (
        ("sum", areas, SupervisedAreaDayRow),
        ("city sum", cities, SupervisedCityDayRow),
    ):
        kept_sums = _kept_sums(tx.session, rows)
        found.extend(
            _difference(what, place, kept_sums.get(place), sums.get(place), None)
            for place in sorted(set(sums) | set(kept_sums))
            if sums.get(place) != kept_sums.get(place)
        )
    return found


def counted_cells(session: Session, class_runs: Sequence[str]) -> _Counts:
    """Return (class run, profile, divisions, day) → figures as the sources have them; none of it all zero."""
    runs = {row.id: row for row in session.execute(_where_runs_are(class_runs))}
    found: _Counts = {}
    for statement in _statements(class_runs):
        for row in session.execute(statement):
            where = runs.get(row.run)
            if where is None or row.day is None:
                continue
            place = place_of(where.division_code, where.seat)
            key = (row.run, where.profile, place, row.division or "", row.day)
            figures = found.setdefault(key, [0] * len(FIGURES))
            for name, number in row._mapping.items():
                if name in _PLACES and number:
                    figures[_PLACES[name]] += int(number)
    return {key: figures for key, figures in found.items() if any(figures)}


def _where_runs_are(class_runs: Sequence[str]) -> Any:
    run, institution = table("class_run"), table("institution")
    return (
        select(run.c.id, run.c.profile, run.c.division_code, institution.c.division_code.label("seat"))
        .join(institution, institution.c.id == run.c.institution_id)
        .where(run.c.id.in_(class_runs))
    )


def _statements(class_runs: Sequence[str]) -> Iterator[Any]:
    yield _by_day("enrolment", "learner", "enrolled_on", class_runs, {"enrolled": func.count()})
    yield _by_day(
        "supervised_day",
        "learner_ref",
        "day",
        class_runs,
        {name: func.sum(literal_column(name)) for name in ("credited_ms", "provisional_ms", "refused_ms")},
    )
    checks = table("presence_check")
    named = ("passed", "missed", "declined")
    yield _by_day(
        "presence_check",
        "learner",
        legal_day_of_ms(checks.c.decided_ms),
        class_runs,
        {
            **{f"checks_{state}": _how_many(checks.c.state == state) for state in named},
            "checks_failed": _how_many(checks.c.state.not_in(named)),
        },
        run="class_run",
    ).where(checks.c.decided_ms.is_not(None))
    tests = table("test_decision")
    yield _by_day(
        "test_decision",
        "learner_ref",
        legal_day_of(tests.c.decided_at),
        class_runs,
        {
            "tests_passed": _how_many(tests.c.accepted),
            "tests_refused": _how_many(tests.c.accepted.is_(False)),
        },
    )
    papers = table("certificate")
    hours = case((papers.c.kind == "hour_certificate", papers.c.facts["class_hours"].as_integer()), else_=0)
    yield _by_day(
        "certificate",
        "learner_ref",
        legal_day_of(papers.c.issued_at),
        class_runs,
        {"papers": func.count(), "paper_class_hours": func.sum(hours)},
    )
    signals = table("supervision_signal")
    yield _by_day(
        "supervision_signal",
        "learner_ref",
        legal_day_of(signals.c.raised_at),
        class_runs,
        {"signals": func.count()},
    )


def _by_day(
    rows: str,
    learner: str,
    day: str | ColumnElement[date],
    class_runs: Sequence[str],
    counts: Mapping[str, Any],
    run: str = "class_run_id",
) -> Any:
    found, area = table(rows), table("supervised_area")
    on = found.c[day] if isinstance(day, str) else day
    return (
        select(
            found.c[run].label("run"),
            area.c.division_code.label("division"),
            on.label("day"),
            *(count.label(name) for name, count in counts.items()),
        )
        .select_from(found)
        .outerjoin(area, (area.c.learner_ref == found.c[learner]) & (area.c.class_run_id == found.c[run]))
        .where(found.c[run].in_(class_runs))
        .group_by(literal_column("1"), literal_column("2"), literal_column("3"))
    )


def _how_many(condition: ColumnElement[bool]) -> Any:
    return func.sum(cast(case((condition, 1), else_=0), Integer))


def _kept_cells(session: Session, class_runs: Sequence[str]) -> _Counts:
    cells: Any = SupervisedClassDayRow.__table__
    place = ("class_run_id", "profile", "institution_division", "learner_division", "day")
    rows = session.execute(
        select(*(cells.c[name] for name in (*place, *FIGURES))).where(cells.c.class_run_id.in_(class_runs))
    )
    return {tuple(row[: len(place)]): list(row[len(place) :]) for row in rows}


def _kept_sums(session: Session, rows: type[SupervisedAreaDayRow | SupervisedCityDayRow]) -> _Counts:
    """Return the sums that are kept; one that went back to nothing is as good as none."""
    sums: Any = rows.__table__
    place = [column.name for column in sums.primary_key.columns]
    kept = session.execute(select(*(sums.c[name] for name in (*place, *FIGURES))))
    found = {tuple(row[: len(place)]): list(row[len(place) :]) for row in kept}
    return {key: figures for key, figures in found.items() if any(figures)}


def _add(sums: dict[Place, list[int]], place: Place, figures: Sequence[int]) -> None:
    stands = sums.get(place)
    if stands is None:
        sums[place] = list(figures)
    else:
        sums[place] = [one + more for one, more in zip(stands, figures, strict=True)]


def _difference(
    what: str,
    place: Place,
    kept: Sequence[int] | None,
    counted: Sequence[int] | None,
    class_run: ClassRunId | None,
) -> dict[str, Any]:
    nothing = [0] * len(FIGURES)
    kept, counted = kept or nothing, counted or nothing
    wrong = [at for at in range(len(FIGURES)) if kept[at] != counted[at]]
    return {
        "what": what,
        "class_run": class_run,
        "profile": place[0],
        "institution_division": place[1],
        "learner_division": place[2],
        "day": place[3].isoformat(),
        "kept": {FIGURES[at]: kept[at] for at in wrong},
        "counted": {FIGURES[at]: counted[at] for at in wrong},
    }
