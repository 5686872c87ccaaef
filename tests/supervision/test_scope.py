"""Row-level scope: every query of supervision, asked of everything in every place, answers of its own area alone.

The queries are found by looking at the classes, so a new one is tried as soon as it is written.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from sqlalchemy import select

from bridge.db.engine import open_engine
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import FixedClock
from bridge.settings import ROOT
from bridge.supervision import store
from bridge.supervision.model import Area, AreaOfRecord, RunFilter
from bridge.supervision.scope import Scope, Scoped, table
from bridge.supervision.signals_store import SqlAreaSignals
from bridge.supervision.spot_checks import SqlAreaSpotChecks
from bridge.supervision.store import SqlSupervisionStore
from bridge.wiring.supervised import area_of
from tests.completion.papers import NOW
from tests.servers.tables import make_tables
from tests.supervision.places import AT, DAY, PLACES, fill

AREAS = ("440000", "440100", "440106", "440300", "440305", "441900", "360000", "442000")
QUERIES = (SqlSupervisionStore, SqlAreaSignals, SqlAreaSpotChecks)
"""Every class that reads through a scope; `test_every_class_that_takes_a_scope_is_tried` finds one that is missing."""
BY_DIVISION = {"institutions", "all", "one", "days", "taught"}
"""Queries whose rows name a division themselves, or hold sums: looked at in tests of their own."""
_PLACE = re.compile("|".join(sorted(PLACES, key=len, reverse=True)))


@pytest.fixture
def uow(database_url: str) -> Iterator[UnitOfWork]:
    engine = open_engine(database_url)
    make_tables(engine)
    uow = UnitOfWork(engine, FixedClock(NOW))
    fill(uow)
    yield uow
    engine.dispose()


def of_institution(code: str) -> set[str]:
    """Return the places whose institution's area lies in the area, written out again as the law would be read."""
    area = Area(code)
    found = set()
    for place, (division, seat, _works) in PLACES.items():
        county = seat if seat and division.endswith("00") and seat[:4] == division[:4] else None
        if area.holds(division) or (area.level == "county" and county == code):
            found.add(place)
    return found


def of_learner(code: str) -> set[str]:
    return {place for place, (_, _, works) in PLACES.items() if works and Area(code).holds(works)}


def expected(rule: AreaOfRecord, code: str) -> set[str]:
    return {
        AreaOfRecord.INSTITUTION: of_institution(code),
        AreaOfRecord.LEARNER: of_learner(code),
        AreaOfRecord.EITHER: of_institution(code) | of_learner(code),
    }[rule]


def scope(tx: Tx, code: str, rule: AreaOfRecord = AreaOfRecord.INSTITUTION) -> Scope:
    return Scope(tx, Area(code), {"guangdong": rule})


def queries(kind: type) -> list[str]:
    """Return the names of a class's public methods."""
    return [name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")]


def arguments(method: Any) -> Iterator[dict[str, Any]]:
    """Return every way to ask: each place's ids, in every combination of the arguments that take one."""
    hints = get_type_hints(method)
    names = [name for name in inspect.signature(method).parameters if name != "self"]
    by_type: Mapping[Any, Any] = {
        ClassRunId: [ClassRunId(f"cr_{place}") for place in PLACES],
        ClassRunId | None: [None, *(ClassRunId(f"cr_{place}") for place in PLACES)],
        LearnerRef: [LearnerRef(f"lr_{place}") for place in PLACES],
        RunFilter: [RunFilter(), *(RunFilter(institution=InstitutionId(f"in_{place}")) for place in PLACES)],
        str: [f"{kind}_{place}" for kind in ("spot", "batch") for place in PLACES],
        str | None: [None, *(f"batch_{place}" for place in PLACES)],
        int: [100],
        int | None: [None],
        date: [DAY],
    }
    choices = []
    for name in names:
        hint = hints[name]
        by_name: Mapping[str, list[Any]] = {"offset": [0], "at": [AT]}
        choices.append(by_name.get(name) or by_type[hint])
    for chosen in product(*choices):
        yield dict(zip(names, chosen, strict=True))


def answer_of(asked: Any, name: str, given: Mapping[str, Any]) -> Any:
    """Return what the query answers; what it refuses to know is an answer, too, and names nothing."""
    try:
        return getattr(asked, name)(**given)
    except InvalidInput as refused:
        return refused.message


def places_in(answer: Any) -> set[str]:
    return set(_PLACE.findall(repr(answer)))


@pytest.mark.parametrize("rule", list(AreaOfRecord))
@pytest.mark.parametrize("kind", QUERIES)
def test_no_query_tells_anything_of_another_area(uow: UnitOfWork, kind: Any, rule: AreaOfRecord) -> None:
    for code in AREAS:
        told: dict[str, set[str]] = {}
        with uow.across_institutions("scope test", read_only=True) as tx:
            asked = kind(scope(tx, code, rule))
            for name in queries(kind):
                for given in arguments(getattr(kind, name)):
                    told.setdefault(name, set()).update(places_in(answer_of(asked, name, given)))
        mine = expected(rule, code)
        for name, places in told.items():
            if name not in BY_DIVISION:
                assert places <= mine, (kind.__name__, name, code)
                # It does tell of what is its own, so the comparison above compares something.
                assert places == mine or not _names_places(name), (kind.__name__, name, code)


def _names_places(name: str) -> bool:
    """Return whether the query's answer holds ids or titles; the others answer with numbers alone."""
    return name not in {"class_run_count", "by_day", "count"}


def test_numbers_are_counted_within_the_area_too(uow: UnitOfWork) -> None:
    for code, rule in product(AREAS, AreaOfRecord):
        with uow.across_institutions("scope test", read_only=True) as tx:
            found = scope(tx, code, rule)
            asked = SqlSupervisionStore(found)
            mine = expected(rule, code)
            assert asked.class_run_count() == len(mine)
            assert sum(figures.figures["enrolled"] for figures in asked.days(DAY, DAY)) == len(mine)
            assert sum(number for _, _, _, number in asked.taught(DAY, DAY)) == len(mine)
            signals = SqlAreaSignals(found)
            assert sum(number for _, _, number in signals.by_day(None, AT)) == len(mine)
            assert signals.count(None).all == len(mine)
            assert {(run.learners, run.papers) for run in asked.class_runs()} <= {(1, 1)}


def test_institutions_are_seen_where_they_sit_are_registered_or_teach(uow: UnitOfWork) -> None:
    def seen(code: str) -> set[str]:
        with uow.across_institutions("scope test", read_only=True) as tx:
            return {
                one.name.removeprefix("机构") for one in SqlSupervisionStore(scope(tx, code)).institutions()
            }

    assert seen("440100") == {"gzcity", "gztianhe", "gzseated"}
    assert seen("440106") == {"gztianhe", "gzseated"}
    assert seen("440305") == {"szcity"}
    assert seen("360000") == {"jxcity"}
    assert seen("442000") == set()


def test_an_institution_elsewhere_shows_nothing_of_itself_in_a_list_of_registrations(uow: UnitOfWork) -> None:
    with uow.across_institutions("scope test", read_only=True) as tx:
        told = repr(SqlSupervisionStore(scope(tx, "440300")).institutions())
    assert "szcity" in told
    assert not {"gzcity", "dgcity"} & places_in(told)


def test_no_list_ranks_institutions(uow: UnitOfWork) -> None:
    with uow.across_institutions("scope test", read_only=True) as tx:
        codes = [one.uscc for one in SqlSupervisionStore(scope(tx, "440000")).institutions()]
    assert codes == sorted(codes)
    parameters = inspect.signature(SqlSupervisionStore.institutions).parameters
    assert set(parameters) == {"self"}, "nobody can ask for another order"


def test_spot_checks_are_seen_where_they_lie(uow: UnitOfWork) -> None:
    for code in AREAS:
        with uow.across_institutions("scope test", read_only=True) as tx:
            checks = SqlAreaSpotChecks(scope(tx, code)).all()
        wanted = {place for place, (division, _, _) in PLACES.items() if Area(code).holds(division)}
        assert {check.reason.removeprefix("事由") for check in checks} == wanted
        assert {one.text.removeprefix("问题") for check in checks for one in check.findings} == wanted


def test_a_class_run_of_a_profile_that_does_not_say_whose_area_decides_is_seen_by_nobody(
    uow: UnitOfWork,
) -> None:
    with uow.across_institutions("scope test", read_only=True) as tx:
        asked = SqlSupervisionStore(Scope(tx, Area("440000"), {"jiangxi": AreaOfRecord.EITHER}))
        assert asked.class_runs() == ()
        assert asked.learner(LearnerRef("lr_gzcity")) == ()
        assert asked.days(DAY, DAY) == ()


def test_only_a_scope_makes_and_runs_a_statement(uow: UnitOfWork) -> None:
    with pytest.raises(RuntimeError, match="only a Scope"):
        Scoped(select(table("class_run").c.id), object())
    with uow.across_institutions("scope test", read_only=True) as tx:
        found = scope(tx, "440300")
        statement: Any = select(table("class_run").c.id)
        with pytest.raises(TypeError, match="through its scope"):
            found.rows(statement)
        assert not [name for name in vars(found) if "session" in name and not name.startswith("_Scope__")]


def test_what_reads_through_a_scope_can_build_no_statement_of_its_own() -> None:
    text = Path(store.__file__).read_text(encoding="utf-8")
    for forbidden in ("select(", "text(", "tx.session", "execute(", "unit_of_work"):
        assert forbidden not in text, forbidden


def test_every_class_that_takes_a_scope_is_tried() -> None:
    found = set()
    for path in sorted((ROOT / "bridge").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found.update(
            re.findall(r"class (\w+)[^\n]*:\n(?:(?!\nclass ).)*?def __init__\(self, scope: Scope", text, re.S)
        )
    # The read API's lists are tried page by page in test_api_scope.
    assert found == {kind.__name__ for kind in QUERIES} | {"SqlApiQueries"}


def test_cities_without_counties_have_no_county_officials() -> None:
    divisions = {"441900": "东莞市", "440100": "广州市", "440106": "天河区", "442000": "中山市"}
    assert area_of(divisions, "441900").level == "city"
    assert area_of(divisions, "440106").level == "county"
    for code in ("441901", "442001"):
        with pytest.raises(InvalidInput, match="division_unknown"):
            area_of(divisions, code)
