"""A platform's test over which a check was misjudged is decided anew by the two people who saw that."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from bridge.db.outbox import EventRow
from bridge.kernel.ids import CheckId, StudySessionId
from bridge.kernel.time import epoch_ms
from bridge.presence.gate.model import TestAttempt
from bridge.presence.model import CheckKind, CheckState, PresenceCheck
from bridge.supervision.signals_model import SignalKind
from bridge.supervision.signals_store import SqlSignalStore
from tests.web.furnished import ORG, RUN
from tests.wiring.lms import Lms
from tests.wiring.test_result_jobs import begin, column, decisions, end, mark, sit

LIN, ZHOU = "stf_lin", "stf_zhou"


def fail(lms: Lms, session: StudySessionId | None, outcome: str = "other_person", name: str = "") -> CheckId:
    """Let a check within the session end so."""
    assert session is not None
    now_ms = epoch_ms(lms.house.study_clock.now())
    check = PresenceCheck(
        id=CheckId(f"chk_{outcome}{name}"),
        session=session,
        learner=lms.learner,
        class_run=RUN,
        kind=CheckKind.IN_TEST,
        due_ms=now_ms - 30_000,
        opened_ms=now_ms - 20_000,
        answer_by_ms=now_ms + 40_000,
        attempts_left=1,
        state=CheckState.OPEN,
        nonce="n" * 32,
        verdicts=(),
    )
    with lms.house.uow.for_institution(ORG) as tx:
        lms.house.at(tx).presence_store.add_check(check)
    with lms.house.uow.for_institution(ORG) as tx:
        lms.house.at(tx).presence.decide(check, CheckState(outcome), 0, now_ms)
    lms.work()
    return check.id


def take_test(lms: Lms, attempt: TestAttempt, given: float = 88) -> None:
    sit(lms, attempt)
    mark(lms, given)
    end(lms, attempt)


def review(lms: Lms, check: CheckId, reason: str = "same_person") -> None:
    """Have two people close the check's case, opened by staff where it is none yet."""
    with lms.house.uow.for_institution(ORG) as tx:
        stations = lms.house.at(tx)
        found = stations.review_store.of_check(check)
        case = found[-1] if found else stations.reviews.open_by_staff(lms.learner, RUN, check, LIN)
        stations.reviews.decide(case.id, reason, LIN)
        stations.reviews.confirm(case.id, ZHOU)
    lms.work()


def anew(lms: Lms) -> list[tuple[Any, ...]]:
    rows = lms.rows("SELECT accepted, reasons, checks_passed FROM test_decided_anew ORDER BY decided_at, id")
    return [(bool(row[0]), json.loads(row[1]), row[2]) for row in rows]


def of_ledger(lms: Lms) -> list[str]:
    with lms.house.uow.for_institution(ORG, read_only=True) as tx:
        entries = lms.house.at(tx).ledger.entries(lms.learner, RUN)
    return [entry.data["decision"] for entry in entries if entry.kind == "test"]


def signals(lms: Lms) -> int:
    with lms.house.uow.for_institution(ORG, read_only=True) as tx:
        found = SqlSignalStore(tx).signals(RUN, 100)
    return sum(one.kind is SignalKind.SCORE_WITHOUT_PRESENCE for one in found)


@pytest.fixture
def refused(studied: Lms) -> tuple[Lms, CheckId]:
    """A test that was passed by its mark and refused for one check over it."""
    column(studied)
    attempt = begin(studied)
    check = fail(studied, attempt.session)
    take_test(studied, attempt)
    assert [row[3:] for row in decisions(studied)] == [(False, ["score_without_presence"])]
    return studied, check


def papers(lms: Lms) -> int:
    return len(lms.furnished.papers(lms.learner))


def test_an_overturned_check_has_the_test_accepted_and_the_paper_issued(
    refused: tuple[Lms, CheckId],
) -> None:
    lms, check = refused
    assert papers(lms) == 0
    review(lms, check)
    # What was decided first stays, and what two people made of it stands beside it.
    assert [row[3:] for row in decisions(lms)] == [(False, ["score_without_presence"])]
    assert anew(lms) == [(True, [], 2)]
    assert of_ledger(lms) == ["refused", "accepted"]
    assert papers(lms) >= 1
    # The signal of the first decision stays for the authority to see.
    assert signals(lms) == 1


def test_told_twice_it_is_decided_once(refused: tuple[Lms, CheckId]) -> None:
    lms, check = refused
    review(lms, check)
    with lms.house.uow.for_institution(ORG) as tx:
        (told,) = tx.session.scalars(select(EventRow.data).where(EventRow.type == "presence.review_closed"))
        lms.house.at(tx).tests_decided_anew.note_review(told)
    lms.work()
    assert (len(anew(lms)), of_ledger(lms)) == (1, ["refused", "accepted"])


def test_an_upheld_check_changes_nothing(refused: tuple[Lms, CheckId]) -> None:
    lms, check = refused
    review(lms, check, "not_same_person")
    assert (anew(lms), of_ledger(lms)) == ([], ["refused"])


def test_a_second_check_that_failed_keeps_it_refused_until_that_is_overturned_too(studied: Lms) -> None:
    column(studied)
    attempt = begin(studied)
    first, second = fail(studied, attempt.session), fail(studied, attempt.session, "unsure")
    take_test(studied, attempt)
    review(studied, first)
    assert anew(studied) == [(False, ["score_without_presence"], 2)]
    assert of_ledger(studied) == ["refused"]
    review(studied, second)
    assert [one[0] for one in anew(studied)] == [False, True]


def test_a_mark_below_the_pass_mark_is_not_made_better_by_it(studied: Lms) -> None:
    column(studied)
    attempt = begin(studied)
    check = fail(studied, attempt.session)
    take_test(studied, attempt, 10)
    review(studied, check)
    assert anew(studied) == [(False, ["below_pass_mark"], 2)]


def test_a_fault_of_ours_shows_nobody(refused: tuple[Lms, CheckId]) -> None:
    lms, check = refused
    review(lms, check, "technical_fault")
    # It fails no more, and it is no passed check either: the one at the start is.
    assert anew(lms) == [(True, [], 1)]


def test_a_check_of_study_decides_no_test(refused: tuple[Lms, CheckId]) -> None:
    lms, _check = refused
    other = fail(lms, StudySessionId("ses_elsewhere"), "unsure", "2")
    review(lms, other)
    assert anew(lms) == []


def test_a_check_that_was_overturned_before_the_score_came_counts_at_once(studied: Lms) -> None:
    column(studied)
    attempt = begin(studied)
    check = fail(studied, attempt.session)
    review(studied, check)
    take_test(studied, attempt)
    assert [row[3:] for row in decisions(studied)] == [(True, [])]
    assert anew(studied) == []
