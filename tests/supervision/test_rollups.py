"""Figures by day: counted from the sources, moved by differences, and equal to a full recount whatever the order."""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import BigInteger, literal, select, text, update

from bridge.db.base import UtcDateTime
from bridge.db.engine import open_engine
from bridge.db.outbox import JobRow
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import FixedClock, epoch_ms, legal_date
from bridge.ledger.model.statement import Segment, Verdict
from bridge.supervision.area_tables import SupervisedRunAreaRow
from bridge.supervision.areas import LearnerAreas
from bridge.supervision.dashboard import dashboard
from bridge.supervision.legal_day import legal_day_of, legal_day_of_ms
from bridge.supervision.model import Area, AreaOfRecord, DayFigures
from bridge.supervision.recount import differences
from bridge.supervision.rollup_tables import FIGURES, SupervisedAreaDayRow, SupervisedCityDayRow
from bridge.supervision.rollups import CLASS_DAY, Rollups, cells
from bridge.supervision.scope import Scope
from bridge.supervision.store import SqlSupervisionStore
from bridge.wiring.rollup_jobs import Day, by_day
from tests.completion.papers import NOW
from tests.servers.tables import make_tables
from tests.supervision.places import AT, DAY, PLACES, fill

RUNS = [(InstitutionId(f"in_{place}"), ClassRunId(f"cr_{place}")) for place in PLACES]


@pytest.fixture
def uow(database_url: str) -> Iterator[UnitOfWork]:
    engine = open_engine(database_url)
    make_tables(engine)
    uow = UnitOfWork(engine, FixedClock(NOW))
    fill(uow)
    with uow.across_institutions("test: no figures yet") as tx:
        for sums in (SupervisedAreaDayRow, SupervisedCityDayRow):
            tx.session.execute(sums.__table__.delete())  # type: ignore[attr-defined]
    yield uow
    engine.dispose()


def count_all(uow: UnitOfWork, *days: date) -> None:
    for institution, run in RUNS:
        with uow.for_institution(institution) as tx:
            for day in days or (DAY,):
                Rollups(tx).count(run, day)


def wrong(uow: UnitOfWork) -> list[dict[str, object]]:
    with uow.across_institutions("test: recount", read_only=True) as tx:
        return differences(tx, RUNS)


def seen(uow: UnitOfWork, code: str, rule: AreaOfRecord) -> dict[str, int]:
    with uow.across_institutions("test: what an authority sees", read_only=True) as tx:
        found = SqlSupervisionStore(Scope(tx, Area(code), {"guangdong": rule})).days(DAY, DAY)
    return {name: sum(one.figures[name] for one in found) for name in FIGURES}


def test_a_cell_counts_each_source_and_counting_again_changes_nothing(uow: UnitOfWork) -> None:
    for _ in range(2):
        count_all(uow)
    figures = seen(uow, "440300", AreaOfRecord.INSTITUTION)
    assert figures == {
        **dict.fromkeys(FIGURES, 0),
        "enrolled": 1,
        "credited_ms": 60_000,
        "provisional_ms": 5_000,
        "checks_passed": 1,
        "tests_passed": 1,
        "papers": 1,
        "paper_class_hours": 3,
        "signals": 1,
    }
    assert wrong(uow) == []
    with uow.across_institutions("test", read_only=True) as tx:
        assert cells(tx) == len(PLACES)


def test_both_areas_are_kept_and_the_pack_decides_which_counts(uow: UnitOfWork) -> None:
    count_all(uow)
    assert seen(uow, "440106", AreaOfRecord.INSTITUTION)["enrolled"] == 2  # held in it, and seated in it
    assert seen(uow, "440106", AreaOfRecord.LEARNER)["enrolled"] == 1
    assert seen(uow, "440106", AreaOfRecord.EITHER)["enrolled"] == 3


def test_what_comes_later_moves_the_sums_by_the_difference_in_any_order(uow: UnitOfWork) -> None:
    count_all(uow)
    dice = Random(7)
    for turn in range(30):
        institution, run = dice.choice(RUNS)
        learner = LearnerRef(run.replace("cr_", "lr_"))
        day = DAY + timedelta(days=dice.randrange(3))
        with uow.for_institution(institution) as tx:
            rollups = Rollups(tx)
            if turn % 3 == 0:
                code = dice.choice(["440106", "440300", "441900"])
                LearnerAreas(tx).note(run, [learner], code, by="st_1")
            rollups.keep_learner(learner, run, {day: Day(dice.randrange(10**6), dice.randrange(10), 3)})
            # Only what was asked for is counted, as the worker does.
            asked = tx.session.scalars(
                select(JobRow.key).where(JobRow.kind == CLASS_DAY, JobRow.institution_id == institution)
            )
            for key in asked.all():
                whose, _, on = key.partition("|")
                rollups.count(ClassRunId(whose), date.fromisoformat(on))
        assert wrong(uow) == []


def test_a_day_that_the_ledger_takes_back_is_taken_back_here(uow: UnitOfWork) -> None:
    count_all(uow)
    with uow.for_institution(RUNS[3][0]) as tx:
        rollups = Rollups(tx)
        rollups.keep_learner(LearnerRef("lr_szcity"), RUNS[3][1], {})
        rollups.count(RUNS[3][1], DAY)
    assert seen(uow, "440300", AreaOfRecord.INSTITUTION)["credited_ms"] == 0
    assert wrong(uow) == []


def test_the_areas_of_a_class_run_are_those_in_which_somebody_of_it_works(uow: UnitOfWork) -> None:
    institution, run = RUNS[3]

    def areas() -> list[str]:
        with uow.for_institution(institution, read_only=True) as tx:
            kept = SupervisedRunAreaRow
            return list(tx.session.scalars(select(kept.area_code).where(kept.class_run_id == run)))

    for learner, division in (("lr_szcity", "440106"), ("lr_two", "441900"), ("lr_szcity", "440305")):
        with uow.for_institution(institution) as tx:
            LearnerAreas(tx).note(run, [LearnerRef(learner)], division, by="st_1")
    assert sorted(areas()) == ["440000", "440300", "440305", "441900"]


def test_the_recount_finds_a_cell_and_a_sum_that_are_wrong(uow: UnitOfWork) -> None:
    count_all(uow)
    with uow.across_institutions("test: spoil a sum of each kind") as tx:
        for sums, place in ((SupervisedAreaDayRow, "440305"), (SupervisedCityDayRow, "440300")):
            spoilt = update(sums).where(sums.institution_division == place).values(papers=9)
            tx.session.execute(spoilt)
        tx.session.execute(text("UPDATE presence_check SET state = 'missed' WHERE id = 'chk_dgcity'"))
    found = wrong(uow)
    assert {(one["what"], one["class_run"]) for one in found} == {
        ("cell", "cr_dgcity"),
        ("sum", None),
        ("city sum", None),
    }
    assert [one["kept"] for one in found].count({"papers": 9}) == 2


def test_a_stretch_over_midnight_belongs_to_both_days() -> None:
    midnight = epoch_ms(AT.replace(hour=16))  # 00:00 in Guangzhou
    segment = Segment(midnight - 1000, midnight + 2500, "u", "s", Verdict.CREDITED, None)
    frozen = Segment(midnight, midnight + 700, "u", "s2", Verdict.FROZEN, "x")
    found = by_day([segment, frozen])
    assert found == {DAY: Day(1000), DAY + timedelta(days=1): Day(2500, 700)}


def test_the_overview_has_a_number_for_each_day_and_cities_by_their_code() -> None:
    figures = dict.fromkeys(FIGURES, 1)
    found = [DayFigures(DAY, city, figures) for city in ("441900", "440100")]
    taught = [("440106", DAY - timedelta(days=9), DAY, 2), ("441900", DAY, DAY + timedelta(days=9), 1)]
    board = dashboard(found, taught, DAY - timedelta(days=1), DAY + timedelta(days=1))
    assert board.by_day["papers"] == (0, 2, 0)
    assert board.taught == (2, 3, 1)
    assert [(row.city, row.taught, row.checks) for row in board.cities] == [
        ("440100", 2, 4),
        ("441900", 1, 4),
    ]
    assert board.total("papers") == 2


def test_the_database_says_the_legal_day_as_python_does(uow: UnitOfWork) -> None:
    border = AT.replace(hour=15, minute=59, second=59)  # a second before midnight in Guangzhou
    with uow.across_institutions("test: legal days", read_only=True) as tx:
        for at in (border, border + timedelta(seconds=1), AT.replace(month=2, day=28, hour=16)):
            said = tx.session.execute(
                select(
                    legal_day_of(literal(at, UtcDateTime())),
                    legal_day_of_ms(literal(epoch_ms(at), BigInteger())),
                )
            ).one()
            assert tuple(said) == (legal_date(at), legal_date(at))
