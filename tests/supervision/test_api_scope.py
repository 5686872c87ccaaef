"""Row-level scope of the read API: every list, asked for every place, page by page, answers of its own area alone."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields
from itertools import product
from typing import Any

import pytest

from bridge.db.engine import open_engine
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import FixedClock
from bridge.supervision.api_queries import Chosen, Key, Page, SqlApiQueries
from bridge.supervision.institution_scope import InstitutionScope
from bridge.supervision.model import Area, AreaOfRecord
from bridge.supervision.scope import Scope
from bridge.supervision.signals_store import SqlAreaSignals
from bridge.supervision.spot_checks import SqlAreaSpotChecks
from bridge.supervision.store import SqlSupervisionStore
from tests.completion.papers import NOW
from tests.servers.tables import make_tables
from tests.supervision import test_scope as scopes
from tests.supervision.places import DAY, PLACES, fill

Ask = Callable[[SqlApiQueries, Chosen, Key | None, int], Page]
NAMES = scopes.queries(SqlApiQueries)
LISTS = [name for name in NAMES if name not in ("class_run", "has_batch")]
BY_DIVISION = {"institutions", "spot_checks", "figures"}
"""Whose rows name a division themselves, or hold sums; looked at in tests of their own."""
ASKED_ALL_WAYS = ("440100", "440305", "360000")
EVERY = Chosen(today=DAY, first=DAY, days=1)


@pytest.fixture
def uow(database_url: str) -> Iterator[UnitOfWork]:
    engine = open_engine(database_url)
    make_tables(engine)
    uow = UnitOfWork(engine, FixedClock(NOW))
    fill(uow)
    yield uow
    engine.dispose()


def scope(tx: Tx, code: str, rule: AreaOfRecord = AreaOfRecord.INSTITUTION) -> Scope:
    return Scope(tx, Area(code), {"guangdong": rule})


def everything(queries: SqlApiQueries, name: str, chosen: Chosen, limit: int) -> list[Any]:
    """Return all rows of a list, page after page."""
    ask: Ask = getattr(SqlApiQueries, name)
    rows: list[Any] = []
    after: Key | None = None
    while True:
        page = ask(queries, chosen, after, limit)
        assert len(page.rows) <= limit
        rows += page.rows
        if page.next is None:
            return rows
        assert len(page.rows) == limit
        after = page.next


def conditions() -> Iterator[Chosen]:
    """Return every way to ask for one place in particular."""
    for place in PLACES:
        yield Chosen(today=DAY, institution=f"in_{place}", first=DAY, days=1)
        yield Chosen(today=DAY, class_run=f"cr_{place}", first=DAY, days=1)
        yield Chosen(today=DAY, learner=f"lr_{place}", first=DAY, days=1)
        yield Chosen(today=DAY, batch=f"batch_{place}", first=DAY, days=1)
    for code in ASKED_ALL_WAYS:
        yield Chosen(today=DAY, area=code, first=DAY, days=1)


def test_every_condition_on_a_place_is_tried() -> None:
    tried = {
        field.name
        for chosen in conditions()
        for field in fields(Chosen)
        if isinstance(getattr(chosen, field.name), str)
    }
    named = {field.name for field in fields(Chosen) if field.type == "str | None" or field.type == str | None}
    assert named - tried == {"status", "kind"}, "words of no place"


def test_no_list_tells_anything_of_another_area(uow: UnitOfWork) -> None:
    for code, rule in product(scopes.AREAS, AreaOfRecord):
        mine = scopes.expected(rule, code)
        with uow.across_institutions("scope test", read_only=True) as tx:
            queries = SqlApiQueries(scope(tx, code, rule))
            for name in LISTS:
                told = scopes.places_in(everything(queries, name, EVERY, 2))
                if name in BY_DIVISION:
                    continue
                assert told == mine, (name, code)
                for chosen in conditions() if code in ASKED_ALL_WAYS else ():
                    assert scopes.places_in(everything(queries, name, chosen, 500)) <= mine, (name, chosen)
            for place in PLACES:
                assert (queries.class_run(f"cr_{place}", DAY) is not None) == (place in mine)
                assert queries.has_batch(f"batch_{place}") == (place in mine)


def test_the_lists_are_those_of_the_pages(uow: UnitOfWork) -> None:
    for code, rule in product(scopes.AREAS, AreaOfRecord):
        with uow.across_institutions("scope test", read_only=True) as tx:
            found = scope(tx, code, rule)
            queries, pages = SqlApiQueries(found), SqlSupervisionStore(found)
            runs = everything(queries, "class_runs", EVERY, 2)
            shown = pages.class_runs()
            assert {(r["class_run"], r["learners"], r["papers"]) for r in runs} == {
                (one.id, one.learners, one.papers) for one in shown
            }
            institutions = everything(queries, "institutions", EVERY, 2)
            assert [(r["uscc"], r["class_runs"], len(r["registrations"])) for r in institutions] == [
                (one.uscc, one.class_runs, len(one.registrations)) for one in pages.institutions()
            ]
            figures = everything(queries, "figures", EVERY, 1)
            assert figures == [
                {"day": one.day, "city": one.city, **one.figures} for one in pages.days(DAY, DAY)
            ]
            checks = {row["spot_check"] for row in everything(queries, "spot_checks", EVERY, 2)}
            assert checks == {one.id for one in SqlAreaSpotChecks(found).all()}
            signals = {row["signal"] for row in everything(queries, "signals", EVERY, 2)}
            assert signals == {one.id for one in SqlAreaSignals(found).signals(None, 100)}
            batches = {row["batch"] for row in everything(queries, "report_batches", EVERY, 2)}
            assert batches == {one.id for one in pages.batches(100)}


def test_institutions_come_by_their_code_and_nobody_can_ask_for_another_order(uow: UnitOfWork) -> None:
    with uow.across_institutions("scope test", read_only=True) as tx:
        queries = SqlApiQueries(scope(tx, "440000"))
        codes = [row["uscc"] for row in everything(queries, "institutions", Chosen(today=DAY), 1)]
    assert codes == sorted(codes)
    assert len(codes) > 2
    assert not {"order", "sort", "by"} & {field.name for field in fields(Chosen)}
    assert {tuple(inspect.signature(getattr(SqlApiQueries, name)).parameters) for name in LISTS} == {
        ("self", "chosen", "after", "limit")
    }


def test_a_program_of_an_institution_reads_that_institution_alone(uow: UnitOfWork) -> None:
    for place in PLACES:
        with uow.across_institutions("scope test", read_only=True) as tx:
            own = InstitutionScope(tx, InstitutionId(f"in_{place}"))
            queries = SqlApiQueries(own)
            for name in LISTS:
                told = scopes.places_in(everything(queries, name, EVERY, 2))
                assert told == {place} or name == "figures", name
                for chosen in conditions() if place in ("gzcity", "dgcity") else ():
                    assert scopes.places_in(everything(queries, name, chosen, 500)) <= {place}, (name, chosen)
            # Whatever else reads through a scope reads through this one, too.
            for kind in scopes.QUERIES if place == "gzseated" else ():
                for name in scopes.queries(kind):
                    for given in scopes.arguments(getattr(kind, name)):
                        answer = scopes.answer_of(kind(own), name, given)
                        assert scopes.places_in(answer) <= {place}, (kind.__name__, name)
