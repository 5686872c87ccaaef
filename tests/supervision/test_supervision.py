from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import pytest

import bridge.migrations.tables  # noqa: F401
from bridge.db.engine import open_engine
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import FixedClock
from bridge.registry.tables import ClassRunRow, CourseRow, EnrolmentRow, InstitutionRow, OutlineRow
from bridge.reporting.tables import ReportBatchRow, ReportRecordRow
from bridge.supervision.model import Area, AreaOfRecord
from bridge.supervision.progress_store import SqlProgressStore
from bridge.supervision.scope import Scope
from bridge.supervision.service import SupervisionService
from bridge.supervision.store import SqlSupervisionStore
from tests.completion.papers import EARNED, NOW, Masked
from tests.servers.tables import make_tables

RULES = {"guangdong": AreaOfRecord.INSTITUTION}
PLACES = {"gz": "440100", "th": "440106", "sz": "440300", "jx": "360100"}


def scope(tx: Tx, code: str) -> Scope:
    return Scope(tx, Area(code), RULES)


@dataclass
class People:
    """Finds everyone under one citizen id, and keeps the log."""

    log: list[tuple[str, str, str, str]] = field(default_factory=list)

    def find(self, citizen_id: str) -> tuple[tuple[InstitutionId, LearnerRef], ...]:
        return tuple((InstitutionId(f"in_{place}"), LearnerRef(f"lr_{place}")) for place in PLACES)

    def masked(
        self, institution_id: InstitutionId, learner: LearnerRef, *, purpose: str, recipient: str, by: str
    ) -> Masked:
        self.log.append((learner, purpose, recipient, by))
        return Masked()


@pytest.fixture
def uow(database_url: str) -> Iterator[UnitOfWork]:
    """One institution, class run, learner and batch in each of four places."""
    engine = open_engine(database_url)
    make_tables(engine)
    uow = UnitOfWork(engine, FixedClock(NOW))
    for place, code in PLACES.items():
        institution = InstitutionId(f"in_{place}")
        with uow.for_institution(institution) as tx:
            tenant = {"institution_id": institution}
            tx.session.add(
                InstitutionRow(
                    id=institution,
                    uscc=f"91440101MA5{place.upper():X<7}",
                    name=f"机构{place}",
                    operator_name="平台",
                    provincial_connected=True,
                    **tenant,
                )
            )
            tx.session.add(
                OutlineRow(id=f"ol_{place}", title="大纲", theory_class_hours=4, units=[], **tenant)
            )
            tx.session.add(CourseRow(id=f"co_{place}", version="1", title="课程", **tenant))
            tx.session.flush()
            tx.session.add(
                ClassRunRow(
                    id=f"cr_{place}",
                    title=f"班次{place}",
                    kind="initial",
                    category="x",
                    division_code=code,
                    opens_on=date(2026, 11, 1),
                    closes_on=date(2027, 1, 31),
                    profile="guangdong",
                    outline_id=f"ol_{place}",
                    course_id=f"co_{place}",
                    **tenant,
                )
            )
            tx.session.flush()
            tx.session.add(
                EnrolmentRow(
                    id=f"en_{place}",
                    class_run_id=f"cr_{place}",
                    learner=f"lr_{place}",
                    list_row=f"row_{place}",
                    enrolled_on=date(2026, 11, 2),
                    enrolled_at=NOW,
                    **tenant,
                )
            )
            tx.session.add(
                ReportBatchRow(
                    id=f"batch_{place}",
                    division_code=code,
                    uscc="x",
                    state="accepted",
                    sha256="0" * 64,
                    evidence_id="e",
                    record_count=1,
                    created_at=NOW,
                    schema_version="1.0",
                    **tenant,
                )
            )
            tx.session.flush()
            tx.session.add(
                ReportRecordRow(
                    id=f"rr_{place}",
                    kind="Learner",
                    number=f"n_{place}",
                    revision=1,
                    learner_ref=f"lr_{place}",
                    class_run_id=f"cr_{place}",
                    division_code=code,
                    fields={},
                    state="refused",
                    reason="原因",
                    batch_id=f"batch_{place}",
                    queued_at=NOW,
                    **tenant,
                )
            )
            for _twice in range(2):
                SqlProgressStore(tx).note(LearnerRef(f"lr_{place}"), ClassRunId(f"cr_{place}"), EARNED)
    yield uow
    engine.dispose()


SEES = [
    ("440000", {"gz", "th", "sz"}),
    ("440100", {"gz", "th"}),
    ("440106", {"th"}),
    ("440300", {"sz"}),
    ("360000", {"jx"}),
    ("441900", set()),
]


@pytest.mark.parametrize(("code", "places"), SEES)
def test_every_query_sees_its_own_area_and_nothing_else(uow: UnitOfWork, code: str, places: set[str]) -> None:
    with uow.across_institutions("supervision test") as tx:
        store = SqlSupervisionStore(scope(tx, code))
        assert {run.id for run in store.class_runs()} == {f"cr_{place}" for place in places}
        assert {batch.id for batch in store.batches(100)} == {f"batch_{place}" for place in places}
        for place in PLACES:
            inside = place in places
            assert (store.class_run(ClassRunId(f"cr_{place}")) is not None) is inside
            assert bool(store.learners(ClassRunId(f"cr_{place}"))) is inside
            assert bool(store.learner(LearnerRef(f"lr_{place}"))) is inside


def test_a_class_run_shows_progress_and_a_batch_its_verdicts(uow: UnitOfWork) -> None:
    with uow.across_institutions("supervision test") as tx:
        service = SupervisionService(
            SqlSupervisionStore(scope(tx, "440300")), People(), authority="深圳", officer="st_1"
        )
        run, (learner,) = service.class_run(ClassRunId("cr_sz"))
        (batch,) = service.batches()
    assert (run.learners, run.papers) == (1, 0)
    assert (learner.credited_seconds, learner.refused_seconds) == (5460, 115)
    assert (learner.online_class_hours, learner.offline_class_hours) == (2, 2)
    assert [(record.state, record.reason) for record in batch.records] == [("refused", "原因")]


def test_a_search_needs_a_purpose_is_logged_and_finds_nobody_outside_the_area(uow: UnitOfWork) -> None:
    people = People()
    with uow.across_institutions("supervision test") as tx:
        service = SupervisionService(
            SqlSupervisionStore(scope(tx, "440300")), people, authority="深圳市应急管理局", officer="st_1"
        )
        for purpose in ("", "  ", "查"):
            with pytest.raises(InvalidInput, match="purpose_missing"):
                service.search("440106199001011236", purpose)
        assert people.log == []
        (found,) = service.search("440106199001011236", "核查投诉事项")
    assert (found.name, found.citizen_id) == ("陈*安", "440***********1236")
    assert people.log == [("lr_sz", "supervision: 核查投诉事项", "深圳市应急管理局", "st_1")]


def test_a_class_run_elsewhere_and_one_that_is_not_there_answer_alike(uow: UnitOfWork) -> None:
    answers = []
    with uow.across_institutions("supervision test") as tx:
        service = SupervisionService(
            SqlSupervisionStore(scope(tx, "440300")), People(), authority="深圳", officer="st_1"
        )
        for run in ("cr_gz", "cr_none"):
            with pytest.raises(InvalidInput) as refused:
                service.class_run(ClassRunId(run))
            answers.append((refused.value.reason, refused.value.message, refused.value.http_status))
        with pytest.raises(InvalidInput, match="not_in_area"):
            service.show(LearnerRef("lr_gz"), "核查投诉事项")
    assert answers[0] == answers[1]


def test_a_malformed_area_sees_nothing_at_all() -> None:
    for code in ("", "44", "%%%%%%", "000000", "4401000"):
        with pytest.raises(InvalidInput, match="division_code_malformed"):
            Area(code)
