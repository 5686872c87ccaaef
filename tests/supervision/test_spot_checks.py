"""Spot checks: each side takes its own steps, states that are final stay, and nothing that was said is changed."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.kernel.time import FixedClock, legal_date
from bridge.supervision.spot_check_model import FINAL, OF_INSTITUTION, Finding, FindingState, Step, StepTaken
from bridge.supervision.spot_checks import SpotCheckDesk
from tests.completion.papers import NOW
from tests.servers.tables import make_tables
from tests.supervision.places import fill

ORG = InstitutionId("in_szcity")
TODAY = legal_date(NOW)
OFFICE = "440300"


@pytest.fixture
def uow(database_url: str) -> Iterator[UnitOfWork]:
    engine = open_engine(database_url)
    make_tables(engine)
    uow = UnitOfWork(engine, FixedClock(NOW))
    fill(uow)
    yield uow
    engine.dispose()


def opened(uow: UnitOfWork, deadline: date = TODAY) -> tuple[str, str]:
    """Return a check and its one finding."""
    with uow.for_institution(ORG) as tx:
        desk = SpotCheckDesk(tx)
        check = desk.open(
            class_run=ClassRunId("cr_szcity"), division_code="440300", office=OFFICE, authority="深圳",
            reason="例行抽查", checked_on=TODAY, by="st_1",
        )  # fmt: skip
        finding = desk.find(
            check, subject="hours", text="学时与台账不符", deadline=deadline, office=OFFICE, by="st_1"
        )
    return check, finding


def take(uow: UnitOfWork, check: str, finding: str, step: Step, until: date | None = None) -> None:
    with uow.for_institution(ORG) as tx:
        office = None if step in OF_INSTITUTION else OFFICE
        SpotCheckDesk(tx).step(check, finding, step, note="情况属实", by="st_2", office=office, until=until)


def state(uow: UnitOfWork, check: str, finding: str) -> FindingState:
    with uow.for_institution(ORG, read_only=True) as tx:
        return SpotCheckDesk(tx).one(check).finding(finding).state


def test_a_finding_is_put_right_sent_back_and_accepted(uow: UnitOfWork) -> None:
    check, finding = opened(uow)
    for step, then in (
        (Step.ANSWER, FindingState.ANSWERED),
        (Step.RETURN, FindingState.RETURNED),
        (Step.ANSWER, FindingState.ANSWERED),
        (Step.ACCEPT, FindingState.ACCEPTED),
    ):
        take(uow, check, finding, step)
        assert state(uow, check, finding) is then
    with uow.for_institution(ORG) as tx:
        desk = SpotCheckDesk(tx)
        assert [one.step for one in desk.one(check).finding(finding).steps] == [
            Step.ANSWER, Step.RETURN, Step.ANSWER, Step.ACCEPT,
        ]  # fmt: skip
        desk.close(check, conclusion="整改合格", office=OFFICE, by="st_1")
        assert desk.one(check).closed_at is not None
        with pytest.raises(InvalidInput, match="spot_check_closed"):
            desk.close(check, conclusion="再次办结", office=OFFICE, by="st_1")
        with pytest.raises(InvalidInput, match="spot_check_closed"):
            desk.find(check, subject="hours", text="又一个问题", deadline=TODAY, office=OFFICE, by="st_1")


WAYS: dict[FindingState, tuple[Step, ...]] = {
    FindingState.OPEN: (),
    FindingState.ANSWERED: (Step.ANSWER,),
    FindingState.RETURNED: (Step.ANSWER, Step.RETURN),
    FindingState.ACCEPTED: (Step.ANSWER, Step.ACCEPT),
    FindingState.WITHDRAWN: (Step.WITHDRAW,),
    FindingState.REFERRED: (Step.REFER,),
}
ALLOWED: dict[FindingState, set[Step]] = {
    FindingState.OPEN: {Step.ANSWER, Step.EXTEND, Step.WITHDRAW, Step.REFER},
    FindingState.ANSWERED: {Step.RETURN, Step.ACCEPT, Step.WITHDRAW, Step.REFER},
    FindingState.RETURNED: {Step.ANSWER, Step.EXTEND, Step.WITHDRAW, Step.REFER},
}


@pytest.mark.parametrize(("at", "step"), list(product(FindingState, Step)))
def test_each_step_is_taken_from_its_states_alone(at: FindingState, step: Step) -> None:
    finding = Finding("f", "hours", "问题", TODAY, tuple(StepTaken(one, "", "", NOW) for one in WAYS[at]))
    assert finding.state is at
    assert finding.allows(step) is (step in ALLOWED.get(at, set()))


def test_every_way_is_written_out_and_only_final_states_have_none() -> None:
    assert set(WAYS) == set(FindingState)
    assert set(FindingState) - set(ALLOWED) == FINAL


@pytest.mark.parametrize("final", sorted(FINAL))
def test_a_final_state_stays(uow: UnitOfWork, final: FindingState) -> None:
    check, finding = opened(uow)
    for step in WAYS[final]:
        take(uow, check, finding, step)
    for step in Step:
        with pytest.raises(InvalidInput, match="finding_final"):
            take(uow, check, finding, step, TODAY + timedelta(days=9))
    assert state(uow, check, finding) is final


def test_neither_side_takes_the_others_steps_and_no_other_office_acts(uow: UnitOfWork) -> None:
    check, finding = opened(uow)
    with uow.for_institution(ORG) as tx:
        desk = SpotCheckDesk(tx)
        with pytest.raises(NotPermitted, match="not_your_step"):
            desk.step(check, finding, Step.ACCEPT, note="自己合格", by="st_2", office=None)
        with pytest.raises(NotPermitted, match="not_your_step"):
            desk.step(check, finding, Step.ANSWER, note="代为整改", by="st_2", office=OFFICE)
        for office in ("440000", "440305"):
            with pytest.raises(NotPermitted, match="not_your_check"):
                desk.step(check, finding, Step.WITHDRAW, note="撤销问题", by="st_2", office=office)
            with pytest.raises(NotPermitted, match="not_your_check"):
                desk.close(check, conclusion="办结", office=office, by="st_2")
    with uow.for_institution(InstitutionId("in_gzcity")) as tx, pytest.raises(InvalidInput, match="unknown"):
        SpotCheckDesk(tx).step(check, finding, Step.ANSWER, note="别家整改", by="st_2", office=None)


def test_a_deadline_passes_and_may_be_extended_while_the_institution_is_waited_for(uow: UnitOfWork) -> None:
    check, finding = opened(uow)
    with uow.for_institution(ORG, read_only=True) as tx:
        found = SpotCheckDesk(tx).one(check).finding(finding)
    assert not found.is_overdue(TODAY)
    assert found.is_overdue(TODAY + timedelta(days=1))
    with pytest.raises(InvalidInput, match="deadline_past"):
        take(uow, check, finding, Step.EXTEND, TODAY)
    take(uow, check, finding, Step.EXTEND, TODAY + timedelta(days=5))
    with uow.for_institution(ORG, read_only=True) as tx:
        found = SpotCheckDesk(tx).one(check).finding(finding)
    assert (found.state, found.due) == (FindingState.OPEN, TODAY + timedelta(days=5))
    assert not found.is_overdue(TODAY + timedelta(days=5))


def test_a_check_closes_only_when_every_finding_has_come_to_its_end(uow: UnitOfWork) -> None:
    check, finding = opened(uow)
    with uow.for_institution(ORG) as tx, pytest.raises(InvalidInput, match="findings_open"):
        SpotCheckDesk(tx).close(check, conclusion="办结", office=OFFICE, by="st_1")
    take(uow, check, finding, Step.WITHDRAW)
    with uow.for_institution(ORG) as tx:
        SpotCheckDesk(tx).close(check, conclusion="没有问题", office=OFFICE, by="st_1")


@pytest.mark.parametrize("table", ["spot_check", "spot_check_finding", "spot_check_step"])
def test_what_was_said_is_never_changed_or_deleted(uow: UnitOfWork, table: str) -> None:
    take(uow, *opened(uow), Step.ANSWER)
    for statement in (f"UPDATE {table} SET id = 'x'", f"DELETE FROM {table}"):  # noqa: S608
        with pytest.raises(DatabaseError, match="append-only"), uow.across_institutions("test") as tx:
            tx.session.execute(text(statement))
