"""The gate while a platform's test runs and after it: who watched, what is flagged, whether the score counts."""

from datetime import timedelta
from pathlib import Path

import pytest

from bridge.kernel.time import rfc3339
from bridge.presence.gate.tables import TestAttemptRow, TestControlRow
from bridge.wiring.test_gates import sweep_attempts
from lti.claims import RESOURCE_LINK
from lti.proctoring import ERROR_MESSAGE, SESSION_DATA
from tests.web.gate import at_gate, ended_events, rows, score, started
from tests.web.lms import (
    HUANG_SUB,
    Lms,
    browser,
    lms_of_ready_learners,
    person,
)


@pytest.fixture
def lms(tmp_path: Path) -> Lms:
    return lms_of_ready_learners(tmp_path)


def test_a_failed_start_check_can_be_taken_again_and_spoils_nothing(lms: Lms) -> None:
    _, learner = person(lms)
    client = browser(lms.furnished)
    agent = at_gate(lms, client, lms.start_proctoring(client))
    agent.open()
    agent.check("90")
    assert agent.check("90") == "other_person"
    lms.furnished.clock.advance(seconds=5)
    agent.open()
    assert agent.check() == "passed"
    assert agent.post("/start", "text/html").status_code == 200
    for _ in range(4):
        agent.beat()
    lms.end_assessment(client)
    lms.furnished.work_off()

    (over,) = ended_events(lms)
    assert score(lms, learner, over, "92").value is True


def test_the_platforms_end_closes_the_session_and_tells_it_on(lms: Lms) -> None:
    account, learner = person(lms)
    client = browser(lms.furnished)
    agent = started(lms, client)
    begun = lms.furnished.clock.now()
    for _ in range(3):
        assert agent.beat().status_code == 200

    answer = lms.end_assessment(client, {ERROR_MESSAGE: "时间到,已自动交卷"})
    page = client.get(answer.headers["Location"])

    assert 'data-by="platform"' in page.text
    assert "时间到" in page.text
    assert "时间到" not in client.get(answer.headers["Location"]).text
    assert agent.beat().get_json()["reason"] == "session_closed"
    (over,) = ended_events(lms)
    assert (over["learner"], over["account"], over["unit"]) == (learner, account, "test_final")
    assert (over["ended_by"], over["attempt_number"], over["resource_link_id"]) == ("platform", 1, "quiz-1")
    assert over["started_real"] == begun.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert score(lms, learner, over, "90").value is True


def test_a_check_that_was_asked_for_before_the_end_is_not_dropped(lms: Lms) -> None:
    _, learner = person(lms)
    client = browser(lms.furnished)
    agent = started(lms, client)
    agent.beat()
    while not [one for one in agent.told["commands"] if one["type"] == "check"]:
        assert agent.beat(after_seconds=25).status_code == 200

    lms.end_assessment(client)
    lms.furnished.clock.advance(seconds=70)
    lms.furnished.house.sweep()
    lms.furnished.work_off()

    (over,) = ended_events(lms)
    decision = score(lms, learner, over, "100")
    assert decision.value is False
    assert [one.code for one in decision.reasons] == ["score_without_presence"]
    assert agent.beat().get_json()["reason"] == "session_closed"


def test_a_check_that_was_asked_for_before_the_end_may_still_be_answered(lms: Lms) -> None:
    _, learner = person(lms)
    client = browser(lms.furnished)
    agent = started(lms, client)
    agent.beat()
    while not [one for one in agent.told["commands"] if one["type"] == "check"]:
        agent.beat(after_seconds=25)

    lms.end_assessment(client)
    assert agent.check() == "passed"

    (over,) = ended_events(lms)
    assert score(lms, learner, over, "100").value is True
    assert agent.beat().get_json()["reason"] == "session_closed"


def test_an_ended_attempt_cannot_be_started_again(lms: Lms) -> None:
    client = browser(lms.furnished)
    started(lms, client)
    lms.end_assessment(client)

    answer = lms.start_proctoring(client)

    assert answer.status_code == 409
    assert "attempt_over" in answer.text


def test_an_end_names_the_own_attempt_alone(lms: Lms) -> None:
    client, other = browser(lms.furnished), browser(lms.furnished)
    agent = started(lms, client)

    for answer in (
        lms.end_assessment(other, {"sub": HUANG_SUB}),
        lms.end_assessment(other, attempt=2),
        lms.end_assessment(other, {RESOURCE_LINK: {"id": "another"}}),
    ):
        assert answer.status_code == 404
    assert agent.state()["state"] == "running"
    assert lms.end_assessment(other, {RESOURCE_LINK: None}).status_code == 303
    assert agent.state()["state"] == "ended"


def test_who_leaves_the_gate_before_handing_in_has_ended_nothing(lms: Lms) -> None:
    _, learner = person(lms)
    client = browser(lms.furnished)
    agent = started(lms, client)
    agent.beat()
    assert agent.told_by("/finish")["ended_by"] == "learner"
    lms.furnished.clock.advance(minutes=20)
    lms.end_assessment(client)
    lms.furnished.work_off()

    early, over = ended_events(lms)
    assert (early["ended_by"], over["ended_by"]) == ("learner", "platform")
    decision = score(lms, learner, over, "100")
    assert decision.value is False
    assert decision.reasons[0].code == "score_without_presence"


def test_a_learner_who_left_by_mistake_may_go_on_with_the_attempt(lms: Lms) -> None:
    client = browser(lms.furnished)
    started(lms, client).post("/finish")

    again = started(lms, client, {SESSION_DATA: "anew"})

    assert again.state()["state"] == "running"


def test_a_missed_check_and_another_face_are_flagged_with_their_severity(lms: Lms) -> None:
    client = browser(lms.furnished)
    agent = started(lms, client)

    def until_check() -> None:
        agent.beat()
        while not [one for one in agent.told["commands"] if one["type"] == "check"]:
            assert agent.beat(after_seconds=25).status_code == 200

    until_check()
    agent.check("90")
    assert agent.check("90") == "other_person"
    until_check()
    lms.furnished.clock.advance(seconds=70)
    lms.furnished.house.sweep()
    lms.furnished.work_off()

    found = [(row.action, row.reason_code, row.severity) for row in rows(lms, TestControlRow)]
    assert ("flag", "check_other_person", "1.00") in found
    assert ("flag", "check_missed", "0.50") in found
    assert {action for action, _, _ in found} == {"flag"}


def test_silence_is_flagged_once_and_the_agents_return_ends_it(lms: Lms) -> None:
    client = browser(lms.furnished)
    agent = started(lms, client)
    agent.beat()

    lms.furnished.clock.advance(seconds=100)
    sweep_attempts(lms.furnished.house)
    assert rows(lms, TestControlRow) == []
    lms.furnished.clock.advance(seconds=30)
    for _ in range(3):
        sweep_attempts(lms.furnished.house)
    assert [row.reason_code for row in rows(lms, TestControlRow)] == ["session_lost"]

    agent.open()
    sweep_attempts(lms.furnished.house)
    (row,) = rows(lms, TestAttemptRow)
    assert row.silent_since is None


def test_who_never_comes_back_ends_the_attempt_without_a_result(lms: Lms) -> None:
    client = browser(lms.furnished)
    started(lms, client)
    lms.furnished.clock.advance(seconds=130)
    sweep_attempts(lms.furnished.house)
    lms.furnished.clock.advance(seconds=int(timedelta(hours=13).total_seconds()))

    sweep_attempts(lms.furnished.house)

    (row,) = rows(lms, TestAttemptRow)
    assert (row.state, row.ended_by) == ("ended", "nobody")
    assert ended_events(lms) == []


def test_a_gate_link_watches_a_test_that_knows_nothing_of_it(lms: Lms) -> None:
    _, learner = person(lms)
    client = browser(lms.furnished)
    agent = at_gate(lms, client, lms.gate_link(client))
    agent.open()
    agent.check()
    begun = agent.told_by("/start")
    assert (begun["state"], begun["grant"]) == ("running", None)
    started_at = lms.furnished.clock.now()
    for _ in range(5):
        agent.beat()
    finished_at = lms.furnished.clock.now()
    agent.post("/finish")
    over = ended_events(lms)[0]
    (row,) = rows(lms, TestAttemptRow)
    assert row.attempt.startswith("gate-")
    times = {
        "started_real": started_at.isoformat(timespec="seconds"),
        "finished_real": finished_at.isoformat(timespec="seconds"),
    }

    # The platform names its own attempt; the gate that ran over it is the evidence.
    assert score(lms, learner, over, "90", attempt="quiz-attempt-77", message="m1", **times).value is True
    later = {**times, "finished_real": (finished_at + timedelta(minutes=9)).isoformat(timespec="seconds")}
    unseen = score(lms, learner, over, "90", attempt="quiz-attempt-78", message="m2", **later)
    assert unseen.value is False


def test_what_another_run_of_the_gate_saw_spoils_no_later_test(lms: Lms) -> None:
    _, learner = person(lms)
    client = browser(lms.furnished)

    def sit(says: str) -> dict[str, str]:
        agent = at_gate(lms, client, lms.gate_link(client))
        agent.open()
        agent.check()
        agent.post("/start")
        begun = lms.furnished.clock.now()
        agent.beat()
        while not [one for one in agent.told["commands"] if one["type"] == "check"]:
            agent.beat(after_seconds=25)
        agent.check(says)
        if says != "0":
            agent.check(says)
        agent.beat()
        agent.post("/finish")
        finished = lms.furnished.clock.now()
        lms.furnished.clock.advance(minutes=10)
        return {"started_real": rfc3339(begun), "finished_real": rfc3339(finished)}

    failed, passed = sit("90"), sit("0")

    over = ended_events(lms)[0]
    first = score(lms, learner, over, "95", attempt="quiz-1", message="m1", **failed)
    second = score(lms, learner, over, "95", attempt="quiz-2", message="m2", **passed)
    assert (first.value, second.value) == (False, True)


def test_a_score_without_a_gate_does_not_count(lms: Lms) -> None:
    _, learner = person(lms)
    over = {
        "unit": "test_final", "attempt": "quiz-attempt-1",
        "started_real": "2026-11-24T03:00:00Z", "ended_real": "2026-11-24T03:20:00Z",
    }  # fmt: skip

    decision = score(lms, learner, over, "100")

    assert (decision.value, decision.reasons[0].code) == (False, "score_without_presence")


def test_the_packs_pass_mark_decides_not_the_platforms_passed(lms: Lms) -> None:
    _, learner = person(lms)
    client = browser(lms.furnished)
    agent = started(lms, client)
    agent.beat()
    lms.end_assessment(client)
    (over,) = ended_events(lms)

    decision = score(lms, learner, over, "79")

    assert [one.code for one in decision.reasons] == ["below_pass_mark"]
