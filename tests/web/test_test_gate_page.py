"""The gate before a platform's test: nothing opens before the check is passed, and nothing of another opens at all."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from bridge.completion.model import TestScore
from bridge.db.outbox import EventRow
from bridge.identity.consent import FACE, FACE_CONSENT
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import rfc3339
from bridge.presence.gate.tables import TestAttemptRow, TestControlRow
from bridge.registry.tables import CourseUnitRow
from bridge.wiring.test_gates import sweep_attempts
from lti.claims import MESSAGE_TYPE, RESOURCE_LINK, ROLES
from lti.proctoring import ATTEMPT_NUMBER, END_ASSESSMENT_RETURN, ERROR_MESSAGE, SESSION_DATA, VERIFIED_USER
from tests.lti.platform import TEACHER
from tests.presence.pictures import picture
from tests.web.furnished import CHEN, CHEN_ID, LMS, ORG, RUN, furnish
from tests.web.lms import (
    CHEN_SUB,
    HUANG_SUB,
    NONE,
    SECRET_DATA,
    START_URL,
    Claims,
    GateAgent,
    Lms,
    browser,
    csrf_of,
    lms_of,
    lms_of_ready_learners,
    person,
)

NAMED = {"family_name": "陈", "given_name": "晓安"}


@pytest.fixture
def lms(tmp_path: Path) -> Lms:
    return lms_of_ready_learners(tmp_path)


@pytest.fixture
def newcomers(tmp_path: Path) -> Lms:
    """An LMS whose learners have gone no step yet."""
    return lms_of(furnish(tmp_path))


def at_gate(lms: Lms, client: FlaskClient, answer: Any) -> GateAgent:
    assert answer.status_code == 303, answer.text
    page = answer.headers["Location"]
    shown = client.get(page)
    assert shown.status_code == 200, shown.text
    return GateAgent(lms.furnished, client, page, csrf_of(shown.text))


def started(lms: Lms, client: FlaskClient, claims: Claims = NONE) -> GateAgent:
    """Return the agent of somebody whose test runs at the platform."""
    agent = at_gate(lms, client, lms.start_proctoring(client, claims))
    assert agent.open().status_code == 201
    assert agent.check() == "passed"
    assert agent.post("/start", "text/html").status_code == 200
    return agent


def rows(lms: Lms, table: Any) -> list[Any]:
    with lms.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return list(tx.session.scalars(select(table).order_by(table.id)))


def ended_events(lms: Lms) -> list[dict[str, Any]]:
    with lms.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        found = tx.session.scalars(
            select(EventRow).where(EventRow.type == "proctoring.assessment_ended").order_by(EventRow.id)
        )
        return [row.data for row in found]


def test_a_passed_check_gives_the_platform_our_signed_permission(lms: Lms) -> None:
    client = browser(lms.furnished)
    agent = at_gate(lms, client, lms.start_proctoring(client, NAMED))
    agent.open()
    assert agent.check() == "passed"

    answer = agent.post("/start", "text/html")

    url, claims = lms.posted(answer)
    assert url == START_URL
    assert claims[MESSAGE_TYPE] == "LtiStartAssessment"
    assert (claims[SESSION_DATA], claims[ATTEMPT_NUMBER]) == (SECRET_DATA, 1)
    assert claims[RESOURCE_LINK]["id"] == "quiz-1"
    assert claims[END_ASSESSMENT_RETURN] is True
    assert claims[VERIFIED_USER] == {"given_name": "晓安", "family_name": "陈"}
    assert claims["exp"] - claims["iat"] <= 300
    assert f"form-action {LMS};" in answer.headers["Content-Security-Policy"]
    assert agent.state()["state"] == "running"


def test_names_that_are_not_the_proven_ones_are_not_called_verified(lms: Lms) -> None:
    client = browser(lms.furnished)
    agent = at_gate(lms, client, lms.start_proctoring(client, {"family_name": "王", "given_name": "晓明"}))
    agent.open()
    agent.check()

    _, claims = lms.posted(agent.post("/start", "text/html"))

    assert VERIFIED_USER not in claims


def test_without_the_check_nothing_is_permitted(lms: Lms) -> None:
    client = browser(lms.furnished)
    agent = at_gate(lms, client, lms.start_proctoring(client))

    def refused() -> bool:
        answer = agent.post("/start")
        return answer.status_code == 409 and "start_check_required" in answer.text

    assert refused()
    agent.open()
    assert refused()
    agent.check("90")
    agent.check("90")
    assert refused()
    assert agent.state()["check_failed"]
    assert agent.state()["state"] == "waiting"


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


def score(lms: Lms, learner: LearnerRef, over: Claims, mark: str, **changes: str) -> Any:
    """Return the decision on a result of the attempt that is over."""
    claim = {
        "learner": learner,
        "class_run": RUN,
        "unit": over["unit"],
        "attempt": over["attempt"],
        "score": mark,
        "maximum": "100",
        "started_real": over["started_real"],
        "finished_real": over["ended_real"],
        "message": f"msg_{over['attempt'][:20]}",
        **changes,
    }
    with lms.furnished.house.uow.for_institution(ORG) as tx:
        return lms.furnished.house.at(tx).completion.decide_test(TestScore(**claim))


def refused_for(lms: Lms, step: str) -> None:
    """Hold that the learner is shown the missing step, and gets neither a session nor a permission."""
    client = browser(lms.furnished)
    page = lms.start_proctoring(client).headers["Location"]
    shown = client.get(page).text
    agent = GateAgent(lms.furnished, client, page, csrf_of(client.get("/learner").text))

    opened = agent.open()

    assert 'data-testid="gate-missing"' in shown
    told = opened.get_json()
    assert (opened.status_code, told["reason"]) == (403, step)
    assert told["url"].endswith(page)
    assert agent.told_by("/start")["reason"] == "start_check_required"


def test_without_a_real_name_nothing_opens(newcomers: Lms) -> None:
    refused_for(newcomers, "real_name_required")


def test_without_a_face_reference_nothing_opens(newcomers: Lms) -> None:
    newcomers.furnished.enrol(CHEN_SUB, CHEN, CHEN_ID)
    refused_for(newcomers, "face_reference_required")


def test_without_consent_nothing_opens(lms: Lms) -> None:
    account, _ = person(lms)
    with lms.furnished.house.uow.for_institution(ORG) as tx:
        lms.furnished.house.at(tx).identity.revoke_consent(account, FACE)
    lms.furnished.work_off()
    refused_for(lms, "consent_required")


def test_missing_steps_lead_away_and_back_with_the_message_kept(newcomers: Lms) -> None:
    lms = newcomers
    client = browser(lms.furnished)
    page = lms.start_proctoring(client).headers["Location"]
    assert 'data-step="real_name" data-state="missing"' in client.get(page).text

    home = client.get("/learner")
    assert 'data-testid="back-to-test"' in home.text
    assert f'href="{page}"' in home.text
    token = csrf_of(home.text)
    client.post("/learner/consent", data={"csrf_token": token, "version": FACE_CONSENT.version})
    named = client.post("/learner/real-name", data={"csrf_token": token, "name": CHEN, "citizen_id": CHEN_ID})
    assert named.status_code == 303
    lms.furnished.work_off()
    for _ in range(3):
        client.post(
            "/learner/face/frames",
            data=picture("0"),
            content_type="image/jpeg",
            headers={"X-CSRFToken": token},
        )
        lms.furnished.work_off()

    agent = GateAgent(lms.furnished, client, page, csrf_of(client.get(page).text))
    agent.open()
    assert agent.check() == "passed"
    _, claims = lms.posted(agent.post("/start", "text/html"))
    assert claims[SESSION_DATA] == SECRET_DATA


def test_the_message_is_kept_encrypted_and_forgotten_once_it_is_answered(lms: Lms) -> None:
    client = browser(lms.furnished)
    agent = at_gate(lms, client, lms.start_proctoring(client))
    (waiting,) = rows(lms, TestAttemptRow)
    assert waiting.message_enc
    assert SECRET_DATA not in waiting.message_enc
    agent.open()
    agent.check()
    assert agent.post("/start", "text/html").status_code == 200

    (running,) = rows(lms, TestAttemptRow)
    assert running.message_enc is None
    assert agent.told_by("/start")["reason"] == "start_asked_already"


def test_a_new_start_of_the_same_attempt_brings_new_session_data_and_loses_no_step(lms: Lms) -> None:
    client = browser(lms.furnished)
    first = at_gate(lms, client, lms.start_proctoring(client))
    lms.furnished.clock.advance(minutes=5)
    assert 'data-testid="gate-late"' in client.get(first.page).text

    second = at_gate(lms, client, lms.start_proctoring(client, {SESSION_DATA: "the second one"}))

    assert second.page == first.page
    assert 'data-testid="gate-late"' not in client.get(second.page).text
    second.open()
    second.check()
    _, claims = lms.posted(second.post("/start", "text/html"))
    assert claims[SESSION_DATA] == "the second one"


def test_each_attempt_is_answered_with_its_own_session_data(lms: Lms) -> None:
    client = browser(lms.furnished)
    first = at_gate(lms, client, lms.start_proctoring(client, {SESSION_DATA: "of one"}, attempt=1))
    second = at_gate(lms, client, lms.start_proctoring(client, {SESSION_DATA: "of two"}, attempt=2))
    assert first.page != second.page
    second.open()
    second.check()

    refused = GateAgent(lms.furnished, client, first.page, second.csrf).told_by("/start")

    # The check of one attempt opens no other one.
    assert refused["reason"] == "start_check_required"
    _, claims = lms.posted(second.post("/start", "text/html"))
    assert (claims[SESSION_DATA], claims[ATTEMPT_NUMBER]) == ("of two", 2)


def test_another_learners_attempt_is_not_there(lms: Lms) -> None:
    mine, theirs = browser(lms.furnished), browser(lms.furnished)
    own = at_gate(lms, mine, lms.start_proctoring(mine))
    own.open()
    own.check()
    other = at_gate(lms, theirs, lms.start_proctoring(theirs, {"sub": HUANG_SUB}))
    thief = GateAgent(lms.furnished, theirs, own.page, other.csrf)

    assert theirs.get(own.page).status_code == 404
    assert theirs.get(f"{own.page}/state").status_code == 404
    for path in ("/token", "/start", "/finish"):
        assert thief.post(path).status_code == 404
    assert own.state()["state"] == "waiting"


@pytest.mark.parametrize("spoil", ["attempt", "institution", "time", "mac"])
def test_a_gate_token_cannot_be_changed(lms: Lms, spoil: str) -> None:
    client = browser(lms.furnished)
    agent = at_gate(lms, client, lms.start_proctoring(client))
    token = agent.told_by("/token")["token"]
    parts = token.split("~")
    parts[{"institution": 1, "attempt": 2, "time": 3, "mac": 5}[spoil]] = {
        "institution": "org_sz", "attempt": "tat_other", "time": "99999999999", "mac": "0" * 64,
    }[spoil]  # fmt: skip

    answer = client.post("/agent/v1/sessions", json={"v": 1, "token": "~".join(parts)})

    assert (answer.status_code, answer.get_json()["reason"]) == (401, "gate_token_invalid")


def test_a_gate_token_opens_one_session_and_not_for_long(lms: Lms) -> None:
    client = browser(lms.furnished)
    agent = at_gate(lms, client, lms.start_proctoring(client))
    token, late = agent.told_by("/token")["token"], agent.told_by("/token")["token"]

    def send(one: str) -> Any:
        return client.post("/agent/v1/sessions", json={"v": 1, "token": one})

    assert send(token).status_code == 201
    assert send(token).get_json()["reason"] == "token_used"
    lms.furnished.clock.advance(seconds=300)
    assert send(late).get_json()["reason"] == "gate_token_invalid"


def test_a_teachers_preview_starts_no_test(lms: Lms) -> None:
    client = browser(lms.furnished)

    answer = lms.start_proctoring(client, {ROLES: TEACHER})

    assert answer.status_code == 403
    assert "launch_role" in answer.text
    assert rows(lms, TestAttemptRow) == []


def test_a_platforms_test_that_nobody_linked_becomes_the_courses_only_test_once(lms: Lms) -> None:
    house = lms.furnished.house
    with house.uow.for_institution(ORG) as tx:
        row = tx.session.scalar(select(CourseUnitRow).where(CourseUnitRow.id == "test_final"))
        assert row is not None
        row.resource_link_id = None

    first = lms.start_proctoring(browser(lms.furnished), {RESOURCE_LINK: {"id": "exam-1"}})
    second = lms.start_proctoring(browser(lms.furnished), {RESOURCE_LINK: {"id": "easier-exam"}})
    again = lms.start_proctoring(browser(lms.furnished), {RESOURCE_LINK: {"id": "exam-1"}}, attempt=2)

    assert (first.status_code, again.status_code) == (303, 303)
    assert second.status_code == 422
    assert "test_unlinked" in second.text


def test_a_test_bound_to_another_link_is_refused(lms: Lms) -> None:
    answer = lms.start_proctoring(browser(lms.furnished), {RESOURCE_LINK: {"id": "another-quiz"}})

    assert answer.status_code == 422
    assert "test_unlinked" in answer.text


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


def test_coming_again_by_the_link_goes_on_with_the_same_attempt(lms: Lms) -> None:
    client = browser(lms.furnished)
    first = lms.gate_link(client).headers["Location"]
    assert lms.gate_link(client).headers["Location"] == first

    agent = at_gate(lms, client, lms.gate_link(client))
    agent.open()
    agent.check()
    agent.post("/start")
    agent.post("/finish")
    assert lms.gate_link(client).headers["Location"] != first


def test_the_state_tells_no_person_and_no_secret(lms: Lms) -> None:
    account, learner = person(lms)
    client = browser(lms.furnished)
    agent = at_gate(lms, client, lms.start_proctoring(client))

    told = json.dumps(agent.state())

    for secret in (account, learner, SECRET_DATA, CHEN):
        assert secret not in told
