"""The gate before a platform's test: nothing opens before the check is passed, and nothing of another opens at all."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bridge.identity.consent import FACE, FACE_CONSENT
from bridge.presence.gate.tables import TestAttemptRow
from bridge.presence.model import RecogniserInForce
from bridge.registry.tables import CourseUnitRow
from lti.claims import MESSAGE_TYPE, RESOURCE_LINK, ROLES
from lti.proctoring import ATTEMPT_NUMBER, END_ASSESSMENT_RETURN, SESSION_DATA, VERIFIED_USER
from tests.lti.platform import TEACHER
from tests.presence.registering import register_face
from tests.web.furnished import CHEN, CHEN_ID, LMS, ORG, RUN, furnish
from tests.web.gate import at_gate, rows
from tests.web.lms import (
    CHEN_SUB,
    HUANG_SUB,
    SECRET_DATA,
    START_URL,
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


def test_a_face_registered_with_a_model_no_longer_in_force_opens_nothing(lms: Lms) -> None:
    lms.furnished.house.__dict__["recogniser"] = RecogniserInForce("newer-model", "f" * 64)
    refused_for(lms, "face_renewal_required")


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
    _, learner = person(lms)
    furnished = lms.furnished
    register_face(furnished.house, ORG, learner, RUN, furnished.work_off, furnished.clock.advance)

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
