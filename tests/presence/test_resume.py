"""The pages of one attempt share a session: with its secret alone, and no check is left out by it."""

from typing import Any

import pytest

from bridge.kernel.ids import ClassRunId, CourseUnitId, InstitutionId, LearnerRef, StudySessionId
from bridge.presence.model import Activity, CheckState, check_sentence
from bridge.presence.service import OpenedSession
from tests.presence.room import LEARNER, ORG, OTHER_ORG, RUN, UNIT, Agent, Room


def resume(
    room: Room, agent: Agent, institution: InstitutionId = ORG, **changes: Any
) -> OpenedSession | None:
    asked: dict[str, Any] = {
        "session_id": agent.session.id,
        "secret": agent.secret,
        "learner": LEARNER,
        "class_run": RUN,
        "unit": UNIT,
        "attempt": "attempt-1",
        "account_id": "acc_1",
        **changes,
    }
    with room.open(institution) as desk:
        return desk.presence.resume_session(asked.pop("session_id"), asked.pop("secret"), **asked)


def test_the_next_page_goes_on_where_the_last_one_was_and_asks_for_no_check(known: Room) -> None:
    first = known.begin(activity=Activity.TEST).pass_check()
    first.beat()
    opened = resume(known, first)

    assert opened is not None
    assert (opened.session.id, opened.secret, opened.commands) == (first.session.id, first.secret, [])
    second = Agent(known, opened)
    second.beat()
    assert second.session.next_seq == 3


def test_a_check_that_waits_is_asked_for_on_the_next_page(known: Room) -> None:
    first = known.begin(activity=Activity.TEST)
    opened = resume(known, first)

    assert opened is not None
    assert Agent(known, opened).check == first.check


def test_a_check_that_was_not_answered_is_not_left_behind_with_its_page(known: Room) -> None:
    first = known.begin(activity=Activity.TEST)
    known.pass_time(seconds=61)
    opened = resume(known, first)

    assert opened is not None
    assert known.check(first.check).state is CheckState.MISSED
    assert opened.commands[0]["kind"] == "in_test"


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": f"{ORG}~wrong"},
        {"secret": ""},
        {"session_id": StudySessionId("ss_unknown")},
        {"learner": LearnerRef("lrn_2")},
        {"class_run": ClassRunId("run_2")},
        {"unit": CourseUnitId("unit_2")},
        {"attempt": "attempt-2"},
        {"account_id": "acc_2"},
        {"institution": OTHER_ORG},
    ],
)
def test_nothing_else_goes_on(known: Room, changes: dict[str, Any]) -> None:
    first = known.begin(activity=Activity.TEST).pass_check()
    assert resume(known, first, **changes) is None
    first.beat()


def test_a_session_that_is_over_stays_over(known: Room) -> None:
    first = known.begin(activity=Activity.TEST).pass_check()
    known.begin(activity=Activity.TEST, token="token-2")

    assert resume(known, first) is None


def test_study_is_not_gone_on_with_even_where_an_lms_names_an_attempt(known: Room) -> None:
    with known.open() as desk:
        opened = desk.presence.open_session(
            learner=LEARNER,
            class_run=RUN,
            unit=UNIT,
            activity=Activity.STUDY,
            attempt="attempt-1",
            account_id="acc_1",
            token_id="token-1",
        )

    assert resume(known, Agent(known, opened)) is None


@pytest.mark.parametrize("state", list(CheckState))
def test_a_test_is_never_spoken_of_as_study(state: CheckState) -> None:
    assert "学" not in check_sentence(state, Activity.TEST)
    assert check_sentence(state, Activity.STUDY)
