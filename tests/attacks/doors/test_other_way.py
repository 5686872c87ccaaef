"""The way without a face over real HTTP: what staff stand for counts, as a face would make it count; nothing else."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bridge.assessment_files import OPERATOR
from bridge.completion.model import TestEvidence, TestScore
from bridge.identity.consent import SUPERVISED, SUPERVISED_TEXT
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import legal_date, rfc3339
from bridge.presence.supervised import SupervisedStretch
from bridge.registry.assessments import AssessmentForm
from tests.attacks.doors.agent import Agent, ask_session
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import ORG, RUN, BridgeServer, refused
from tests.presence.pictures import picture

TEST = {"activity": "test", "resource_link_id": "quiz-1"}


def newcomer(bridge: BridgeServer) -> tuple[Person, LearnerRef, str]:
    """Return somebody who proved a name and chose to be supervised; no face was ever seen."""
    person = bridge.someone()
    account = bridge.account(person)
    learner = bridge.name(account, person)
    with bridge.house.uow.for_institution(ORG) as tx:
        bridge.house.at(tx).identity.give_consent(account, SUPERVISED, SUPERVISED_TEXT.version)
    return person, learner, account


def supervise(bridge: BridgeServer, learner: LearnerRef) -> SupervisedStretch:
    with bridge.house.uow.for_institution(ORG) as tx:
        return bridge.house.at(tx).supervised.start(
            learner, RUN, mode="in_person", by="staff_lin", card_checked=True
        )


def say(bridge: BridgeServer, stretch: SupervisedStretch, *, end: bool = False) -> None:
    with bridge.house.uow.for_institution(ORG) as tx:
        supervised = bridge.house.at(tx).supervised
        if end:
            supervised.stop(stretch.id, RUN, "staff_lin", seen=True)
        else:
            supervised.attest(stretch.id, RUN, "staff_lin")


def evidence(bridge: BridgeServer, learner: LearnerRef, attempt: str, started: datetime) -> TestEvidence:
    """Return what is proved of an attempt that was finished just now."""
    with bridge.house.uow.for_institution(ORG, read_only=True) as tx:
        stations = bridge.house.at(tx)
        return stations.presence_over_tests.evidence(
            TestScore(
                learner=learner,
                class_run=RUN,
                unit="test_final",
                attempt=attempt,
                score="90",
                maximum="100",
                started_real=rfc3339(started),
                finished_real=rfc3339(bridge.clock.now()),
                message="msg_made_up",
            )
        )


def test_nobody_studies_alone_by_having_chosen_the_other_way(bridge: BridgeServer) -> None:
    person, _learner, _account = newcomer(bridge)
    with bridge.unchanged():
        told = refused(ask_session(bridge, person), 403, "supervision_required")
    assert told["url"] == f"{bridge.origin}/learner"


def test_what_staff_stand_for_counts_to_the_second(bridge: BridgeServer) -> None:
    person, learner, _account = newcomer(bridge)
    stretch = supervise(bridge, learner)
    agent = Agent(bridge, person, learner)
    assert agent.commands == []
    agent.beat()
    agent.study(300)
    say(bridge, stretch)
    agent.study(200)
    seen = agent.statement()
    assert (seen.credited_seconds, seen.provisional_seconds) == (300, 200)
    assert seen.anchored

    say(bridge, stretch, end=True)

    after = agent.statement()
    assert (after.credited_seconds, after.provisional_seconds, after.refused_seconds) == (500, 0, {})
    refused(agent.post(agent.batch()), 410, "session_closed")
    refused(ask_session(bridge, person), 403, "supervision_required")


def test_the_same_study_is_worth_the_same_by_either_way(bridge: BridgeServer) -> None:
    person, learner, _account = newcomer(bridge)
    stretch = supervise(bridge, learner)
    supervised = Agent(bridge, person, learner)
    supervised.beat()
    supervised.study(400)
    say(bridge, stretch, end=True)

    by_face = Agent.ready(bridge)
    assert by_face.pass_check()["state"] == "passed"
    by_face.beat()
    by_face.study(400)
    by_face.next_check()

    one, other = supervised.statement(), by_face.statement()
    assert one.credited_seconds == 400 <= other.credited_seconds
    assert (one.refused_seconds, one.anchored) == (other.refused_seconds, other.anchored) == ({}, True)


def test_withdrawing_in_the_middle_takes_hold_with_the_next_frame_and_beat(bridge: BridgeServer) -> None:
    person, learner = bridge.ready()
    agent = Agent(bridge, person, learner)
    check = agent.check()
    assert check is not None
    account = bridge.account(person)
    with bridge.house.uow.for_institution(ORG) as tx:
        bridge.house.at(tx).withdraw_faces(account)

    refused(agent.frame(picture("0"), check), 403, "consent_required")
    told = refused(agent.post(agent.batch()), 410, "session_closed")
    assert "工作人员监督" in told["message"]
    assert agent.look(check["check"]).json()["state"] == "declined"
    seen = agent.statement()
    assert (seen.credited_seconds, seen.refused_seconds) == (0, {})
    assert [entry.kind for entry in agent.ledger() if entry.kind == "check"] == []

    stretch = supervise(bridge, learner)
    again = Agent(bridge, person, learner)
    again.beat()
    again.study(100)
    say(bridge, stretch, end=True)
    assert again.statement().credited_seconds == 100


def test_a_frame_that_waits_when_the_consent_goes_leaves_nothing_behind(bridge: BridgeServer) -> None:
    person = bridge.someone()
    account = bridge.account(person)
    bridge.consent(account)
    learner = bridge.name(account, person)
    bridge.show_face(learner)
    agent = Agent(bridge, person, learner)
    assert agent.frame(picture("0")).status_code == 202
    with bridge.house.uow.for_institution(ORG) as tx:
        bridge.house.at(tx).withdraw_faces(account)
    bridge.drain()
    with bridge.house.uow.for_institution(ORG, read_only=True) as tx:
        assert bridge.house.at(tx).presence_store.reference(learner, RUN) is None
    assert {row["state"] for row in bridge.rows("presence_check", learner=learner)} == {"declined"}


@pytest.mark.parametrize("result", ["refused", "run out"])
def test_without_an_assessment_in_force_no_face_door_opens(bridge: BridgeServer, result: str) -> None:
    person, learner = bridge.ready()
    agent = Agent(bridge, person, learner)
    check = agent.check()
    assert check is not None
    today = legal_date(bridge.house.clock.now())
    form = AssessmentForm(
        purpose="face",
        class_run=RUN,
        version=f"door-{result.replace(' ', '-')}",
        assessed_on=today - timedelta(days=2),
        until=today if result == "refused" else today - timedelta(days=1),
        assessed_by="教务部(虚构)",
        result="refused" if result == "refused" else "acceptable",
        necessity="虚构的记录,用于测试。",
        risks="虚构的记录,用于测试。",
        measures="虚构的记录,用于测试。",
    )
    reason = "impact_assessment_refused" if result == "refused" else "impact_assessment_expired"
    with bridge.house.uow.for_institution(ORG) as tx:
        bridge.house.at(tx).assessments.add(form, OPERATOR)
    try:
        with bridge.unchanged():
            refused(ask_session(bridge, person), 403, reason)
        refused(agent.frame(picture("0"), check), 403, reason)
        # Who was asked and may not answer is charged nothing, however long ago the question was.
        bridge.clock.advance(600)
        assert agent.look(check["check"]).json()["state"] == "declined"
        assert "工作人员监督" in refused(agent.post(agent.batch()), 410, "session_closed")["message"]
        assert [entry.kind for entry in agent.ledger() if entry.kind == "check"] == []
        assert agent.statement().refused_seconds == {}
        stretch = supervise(bridge, learner)
        supervised = Agent(bridge, person, learner)
        supervised.beat()
        supervised.study(50)
        say(bridge, stretch, end=True)
        assert supervised.statement().credited_seconds == 50
    finally:
        with bridge.house.uow.for_institution(ORG) as tx:
            bridge.house.at(tx).assessments.add(
                replace(
                    form,
                    version=f"{form.version}-mended",
                    result="acceptable",
                    assessed_on=today,
                    until=today + timedelta(days=30),
                ),
                OPERATOR,
            )


def test_who_changes_the_way_in_the_middle_of_a_test_has_failed_no_check(bridge: BridgeServer) -> None:
    sits = {**TEST, "attempt": "changed-the-way"}
    person, learner = bridge.ready()
    started = bridge.clock.now()
    by_face = Agent(bridge, person, learner, **sits)
    assert by_face.pass_check()["state"] == "passed"
    while not by_face.check():
        bridge.clock.advance(10)
        by_face.beat()
    with bridge.house.uow.for_institution(ORG) as tx:
        bridge.house.at(tx).withdraw_faces(bridge.account(person))
    stretch = supervise(bridge, learner)
    watched = Agent(bridge, person, learner, **sits)
    for _ in range(3):
        bridge.clock.advance(10)
        watched.beat()
    say(bridge, stretch, end=True)

    seen = evidence(bridge, learner, "changed-the-way", started)
    assert (seen.start_passed, seen.in_test_checks_failed) == (True, 0)
    assert seen.in_test_checks_passed >= 1
    assert seen.covered_ms == seen.attempt_ms


@pytest.mark.parametrize(
    ("before", "acts", "minutes", "failed"),
    [
        pytest.param(0, {5: "say", 10: "say"}, 12, 0, id="words often enough"),
        pytest.param(0, {2: "say"}, 9, 1, id="no word after one"),
        pytest.param(0, {1: "say", 8: "say"}, 9, 1, id="two words too far apart"),
        pytest.param(0, {2: "say", 5: "reload"}, 9, 1, id="no word after one, the page opened anew"),
        pytest.param(0, {2: "abandon"}, 4, 1, id="not seen in the middle"),
        pytest.param(10, {3: "say"}, 5, 0, id="the last word before the test lies back"),
    ],
)
def test_a_test_stands_on_words_of_staff_over_the_whole_of_it(
    bridge: BridgeServer, before: int, acts: dict[int, str], minutes: int, failed: int
) -> None:
    person, learner, _account = newcomer(bridge)
    stretch = supervise(bridge, learner)
    bridge.clock.advance(60 * before)
    attempt = f"watched-{learner}"
    started = bridge.clock.now()
    agent = Agent(bridge, person, learner, **TEST, attempt=attempt)
    for minute in range(1, minutes + 1):
        for _ in range(6):
            bridge.clock.advance(10)
            agent.beat()
        match acts.get(minute):
            case "say":
                say(bridge, stretch)
            case "reload":
                agent = Agent(bridge, person, learner, **TEST, attempt=attempt)
            case "abandon":
                with bridge.house.uow.for_institution(ORG) as tx:
                    bridge.house.at(tx).supervised.stop(stretch.id, RUN, "staff_lin", seen=False)
                stretch = supervise(bridge, learner)
                agent = Agent(bridge, person, learner, **TEST, attempt=attempt)

    seen = evidence(bridge, learner, attempt, started)

    assert (seen.start_passed, seen.in_test_checks_failed) == (True, failed)
    assert seen.covered_ms == seen.attempt_ms
