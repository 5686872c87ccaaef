"""A test that nobody ends: its result is waited for no longer, and taken after all once somebody ends it."""

from typing import Any

from werkzeug.wrappers import Response

from bridge.presence.gate.model import EndedBy, TestAttempt
from bridge.presence.gate.service import ABANDONED_AFTER
from bridge.wiring.test_gates import sweep_attempts
from tests.web.furnished import ORG, RUN
from tests.wiring.lms import Lms
from tests.wiring.test_result_jobs import begin, column, decisions, end, mark, sit, standing

PAGE = f"/institution/class-runs/{RUN}/lms"
ABANDONED = [("given_up", "test_abandoned")]


def fall_silent(lms: Lms, attempt: TestAttempt) -> None:
    """Let the agent be unheard until the bridge believes that nobody will end the test."""
    for seconds in (600, int(ABANDONED_AFTER.total_seconds()) + 1):
        lms.pass_time(seconds=seconds)
        sweep_attempts(lms.house)
    with lms.house.uow.for_institution(ORG, read_only=True) as tx:
        found = lms.house.at(tx).gate_store.read(attempt.id)
    assert (found.state.value, found.ended_by) == ("ended", EndedBy.NOBODY)
    lms.work()


def left(lms: Lms) -> list[tuple[Any, ...]]:
    return lms.rows("SELECT id FROM job WHERE state <> 'done'")


def test_a_test_that_nobody_ended_stops_running_and_says_why(studied: Lms) -> None:
    column(studied)
    attempt = begin(studied)
    sit(studied, attempt)
    assert standing(studied) == [("running", "")]

    fall_silent(studied, attempt)

    assert standing(studied) == ABANDONED
    page = studied.furnished.as_staff("staff-lin").get(PAGE).text
    assert 'data-testid="result" data-state="given_up"' in page
    assert "没有人结束这次考试" in page
    mark(studied, 88)
    studied.pass_time(days=1)
    studied.work()
    assert (decisions(studied), left(studied)) == ([], [])


def test_the_platforms_late_word_on_the_end_has_the_result_asked_for(studied: Lms) -> None:
    column(studied)
    attempt = begin(studied)
    sit(studied, attempt)
    fall_silent(studied, attempt)

    mark(studied, 88)
    end(studied, attempt)

    assert standing(studied) == [("received", "")]
    # Twelve hours of silence lie over it.
    assert decisions(studied) == [(attempt.attempt, "88", "100", False, ["score_without_presence"])]


def test_an_abandoned_test_whose_beginning_is_unknown_has_no_result(studied: Lms) -> None:
    column(studied)
    studied.services.odd = lambda request: Response(status=503) if "results" in request.path else None
    attempt = begin(studied)
    assert standing(studied)[0][0] == "before"
    fall_silent(studied, attempt)
    assert standing(studied) == ABANDONED

    studied.services.odd = lambda _request: None
    mark(studied, 88)
    end(studied, attempt)

    assert standing(studied) == [("given_up", "result_before_unknown")]
    assert decisions(studied) == []


def test_what_was_given_up_for_another_reason_stays_so(studied: Lms) -> None:
    attempt = begin(studied, item=None)  # no column that could be the test's
    assert standing(studied) == [("given_up", "line_item_missing")]
    fall_silent(studied, attempt)

    end(studied, attempt)

    assert standing(studied) == [("given_up", "line_item_missing")]


def test_a_result_of_the_next_test_is_not_taken_for_the_abandoned_one(studied: Lms) -> None:
    column(studied)
    first = begin(studied)
    fall_silent(studied, first)
    second = begin(studied)
    sit(studied, second)
    mark(studied, 88)

    end(studied, first)

    assert standing(studied)[0] == ("given_up", "test_begun_again")
    assert decisions(studied) == []
