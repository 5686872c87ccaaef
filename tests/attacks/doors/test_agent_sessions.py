"""Opening a study session: one fresh token of the platform opens one session of one learner who may study."""

import json
from typing import Any

import pytest

from lti.claims import ROLES
from tests.attacks.doors.agent import SESSION_TYPE, Agent, ask_session, ask_with, session_token
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import ORG, BridgeServer, refused
from tests.lti.platform import compact, rsa_key

TEST = {"activity": "test", "resource_link_id": "quiz-1"}
CITIZEN_ID = "440199199309221611"  # made up


@pytest.fixture(scope="module")
def ready(bridge: BridgeServer) -> Person:
    """A learner who may study; no test that uses it opens a session."""
    return bridge.ready()[0]


def test_a_right_token_opens_a_session_with_its_check(bridge: BridgeServer) -> None:
    opened = Agent.ready(bridge).opened

    assert opened["next_seq"] == 1
    assert opened["beat_interval_ms"] == 10_000
    assert opened["study_factor"] == 1
    assert [one["type"] for one in opened["commands"]] == ["check"]


def test_a_token_opens_one_session_and_its_replay_does_not_stop_that_one(bridge: BridgeServer) -> None:
    person, learner = bridge.ready()
    first = Agent(bridge, person, learner, jti="once")

    with bridge.unchanged():
        refused(ask_session(bridge, person, jti="once"), 409, "token_used")
        refused(ask_session(bridge, person, jti="once", resource_link_id="unit-2"), 409, "token_used")

    first.beat()


def test_a_token_is_used_up_for_everybody(bridge: BridgeServer) -> None:
    Agent(bridge, *bridge.ready(), jti="shared")

    refused(ask_session(bridge, bridge.ready()[0], jti="shared"), 409, "token_used")


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"exp": -61}, 401, "token_expired"),
        ({"iat": -361}, 401, "token_too_old"),
        ({"iat": 61, "exp": 300}, 401, "token_from_future"),
        ({"exp": None}, 401, "exp_missing"),
        ({"iat": None}, 401, "iat_missing"),
    ],
)
def test_a_token_is_good_for_minutes(
    bridge: BridgeServer, ready: Person, changes: dict[str, int | None], status: int, reason: str
) -> None:
    now = bridge.clock.seconds()
    moved = {name: None if value is None else now + value for name, value in changes.items()}

    with bridge.unchanged():
        refused(ask_session(bridge, ready, **moved), status, reason)


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"jti": None}, 400, "jti_missing"),
        ({"jti": 7}, 400, "jti_missing"),
        ({"aud": "https://another.example/agent/v1/sessions"}, 401, "audience_mismatch"),
        ({"aud": "anxue-demo"}, 401, "audience_mismatch"),
        ({"aud": None}, 401, "audience_mismatch"),
        ({"iss": "https://stranger.example"}, 403, "issuer_unknown"),
        ({"iss": None}, 400, "token_malformed"),
        ({"iss": 7}, 400, "token_malformed"),
        ({"client_id": "another"}, 403, "client_id_unknown"),
        ({"client_id": ["anxue-demo"]}, 400, "token_malformed"),
        ({"sub": None}, 422, "token_claims"),
        ({"sub": {"id": "x"}}, 422, "token_claims"),
        ({"sub": "x" * 256}, 422, "token_claims"),
        ({"resource_link_id": ""}, 422, "token_claims"),
        ({"resource_link_id": "unit-99"}, 422, "unit_unknown"),
        ({"resource_link_id": "quiz-1"}, 422, "activity_mismatch"),
        ({"activity": "test", "attempt": "1"}, 422, "activity_mismatch"),
        ({"activity": "test", "resource_link_id": "quiz-1"}, 422, "token_claims"),
        ({"activity": "test", "resource_link_id": "quiz-1", "attempt": "x" * 81}, 422, "token_claims"),
        ({"activity": "test", "resource_link_id": "quiz-1", "attempt": 1}, 422, "token_claims"),
        ({"activity": "completed"}, 422, "token_claims"),
        ({"activity": None}, 422, "token_claims"),
        ({"activity": ["study"]}, 422, "token_claims"),
        ({"activity": {}}, 422, "token_claims"),
        ({"attempt": "x" * 5000}, 422, "token_claims"),
        ({"attempt": ""}, 422, "token_claims"),
        ({"activity": "test", "resource_link_id": "quiz-1", "attempt": "a\nb"}, 422, "token_claims"),
        ({**TEST, "attempt": "甲-1"}, 422, "token_claims"),
        ({**TEST, "attempt": f"a-{CITIZEN_ID}"}, 422, "person_in_id"),
        ({**TEST, "attempt": "13800000001"}, 422, "person_in_id"),
        ({**TEST, "attempt": "chen@lms.example"}, 422, "person_in_id"),
        ({**TEST, "attempt": "weixin:chenxiaoan"}, 422, "person_in_id"),
        ({"sub": "a\x00b"}, 400, "token_malformed"),
        ({"sub": "nobody we know"}, 403, "real_name_required"),
    ],
)
def test_a_token_that_asks_for_something_else_opens_nothing(
    bridge: BridgeServer, ready: Person, changes: dict[str, Any], status: int, reason: str
) -> None:
    with bridge.unchanged():
        refused(ask_session(bridge, ready, **changes), status, reason)


def test_an_attempt_whose_digits_are_chance_opens_its_session(bridge: BridgeServer) -> None:
    Agent.ready(bridge, **TEST, attempt="1380000a-0001-4138-8000-000113800001")


def go_on(bridge: BridgeServer, agent: Agent, person: Person, resume: Any, **changes: Any) -> Any:
    token = session_token(bridge, person, **{**TEST, "attempt": "71", **changes})
    body = {"v": 1, "token": token, "client_ms": 0, "resume": resume}
    return bridge.post("/agent/v1/sessions", body)


def test_the_next_page_of_an_attempt_goes_on_with_the_session_of_the_last(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge, **TEST, attempt="71")
    assert agent.pass_check()["state"] == "passed"
    agent.beat()
    told = go_on(bridge, agent, agent.person, {"session": agent.session, "secret": agent.secret})

    assert told.status_code == 201
    assert (told.json()["session"], told.json()["next_seq"]) == (agent.session, 2)
    assert (told.json()["nonce"], told.json()["commands"]) == (agent.nonce, [])
    agent.beat()


@pytest.mark.parametrize("wrong", ["secret", "attempt", "person"])
def test_who_has_not_the_secret_of_this_attempt_begins_anew_with_a_check(
    bridge: BridgeServer, wrong: str
) -> None:
    agent = Agent.ready(bridge, **TEST, attempt="71")
    agent.pass_check()
    other = bridge.ready()[0] if wrong == "person" else agent.person
    secret = agent.secret + "x" if wrong == "secret" else agent.secret
    changes = {"attempt": "72"} if wrong == "attempt" else {}
    told = go_on(bridge, agent, other, {"session": agent.session, "secret": secret}, **changes)

    assert told.status_code == 201
    assert told.json()["session"] != agent.session
    assert told.json()["secret"] != agent.secret
    assert [one["kind"] for one in told.json()["commands"]] == ["test_start"]


def test_a_secret_alone_goes_on_with_nothing(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge, **TEST, attempt="71")
    kept = {"session": agent.session, "secret": agent.secret}

    with bridge.unchanged():
        refused(
            go_on(bridge, agent, agent.person, kept, exp=bridge.clock.seconds() - 61), 401, "token_expired"
        )
        strange: Any
        for strange in (7, "x", [], {"session": "x"}, {"session": 7, "secret": "x"}):
            refused(go_on(bridge, agent, agent.person, strange), 422, "json_malformed")


def test_a_platforms_other_documents_open_no_session_and_a_session_token_is_no_launch(
    bridge: BridgeServer, ready: Person
) -> None:
    for typ in ("JWT", None, "anxue-webhook+jwt"):
        refused(ask_session(bridge, ready, header={"typ": typ}), 401, "token_type_wrong")
    browser = bridge.browser()
    going = bridge.login(browser)
    id_token = bridge.platform.token(going["nonce"], **bridge.personal_claims(ready))
    refused(ask_with(bridge, id_token), 401, "token_type_wrong")
    claims = bridge.platform.claims(going["nonce"], **bridge.personal_claims(ready))
    disguised = bridge.platform.sign(claims, typ=SESSION_TYPE)
    answer = bridge.send_launch(browser, {"state": going["state"], "id_token": disguised})
    refused(answer, 401, "token_type_wrong")


def test_only_the_platforms_own_key_signs(bridge: BridgeServer, ready: Person) -> None:
    right = session_token(bridge, ready)
    payload = bridge.platform.claims("n", **{ROLES: []})
    head = {"typ": SESSION_TYPE, "kid": bridge.platform.kid}
    claims = json.dumps({**payload, "aud": f"{bridge.origin}/agent/v1/sessions", "jti": "forged"}).encode()
    public = bridge.platform.key.as_pem(private=False)
    middle = right.split(".")[1]

    with bridge.unchanged():
        for token, status, reason in (
            (compact({**head, "alg": "RS256"}, claims, rsa_key("thief")), 401, "signature_invalid"),
            (compact({**head, "alg": "HS256"}, claims, None, secret=public), 401, "alg_not_allowed"),
            (compact({**head, "alg": "none"}, claims, None) + "AA", 401, "alg_not_allowed"),
            (
                compact({**head, "alg": "RS256", "kid": "other"}, claims, bridge.platform.key),
                401,
                "kid_unknown",
            ),
            (right.replace(middle, middle[:-4] + "AAAA"), 400, "token_malformed"),
            (right + ".x", 400, "token_malformed"),
            (right.rpartition(".")[0] + ".", 400, "token_malformed"),
        ):
            refused(ask_with(bridge, token), status, reason)


@pytest.mark.parametrize("steps", ["account", "name", "consent revoked", "face"])
def test_who_left_a_step_out_hears_which_page_mends_it(bridge: BridgeServer, steps: str) -> None:
    person = bridge.someone()
    reason = "real_name_required"
    if steps != "account":
        account = bridge.account(person)
        learner = bridge.name(account, person)
        reason = "consent_required"
        if steps != "name":
            bridge.consent(account)
            reason = "face_reference_required"
        if steps == "consent revoked":
            bridge.show_face(learner)
            with bridge.house.uow.for_institution(ORG) as tx:
                bridge.house.at(tx).identity.revoke_consent(account)
            reason = "consent_required"

    with bridge.unchanged():
        told = refused(ask_session(bridge, person), 403, reason)

    assert told["url"] == f"{bridge.origin}/learner"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "json_malformed"),
        (b"not JSON", 400, "json_malformed"),
        (b"[]", 422, "json_malformed"),
        (b'{"v":1}', 422, "json_malformed"),
        (b'{"v":1,"token":7}', 422, "json_malformed"),
        (b'{"v":2,"token":"x"}', 422, "version_unknown"),
        (b'{"v":"1","token":"x"}', 422, "json_malformed"),
        (b'{"v":1,"token":"\xff"}', 400, "json_malformed"),
        (b'{"v":1,"token":"\\ud800"}', 400, "json_malformed"),
        (b'{"v":1,"token":""}', 400, "token_malformed"),
        (b'{"v":1,"token":"a.b.c"}', 400, "token_malformed"),
        ('{"v":1,"token":"甲.乙.丙"}'.encode(), 400, "token_malformed"),
        (b'{"v":1,"token":"a.e30.c"}', 400, "token_malformed"),
        (b'{"v":1,"token":"' + b"." * 7000 + b'"}', 400, "token_malformed"),
        (b'{"v":1,"x":' + b"[" * 4000 + b"]" * 4000 + b',"token":"x"}', 400, "json_malformed"),
        (b'{"v":1,"token":"' + b"x" * 9000 + b'"}', 413, "body_too_large"),
    ],
)
def test_what_is_no_request_for_a_session_is_refused(
    bridge: BridgeServer, body: bytes, status: int, reason: str
) -> None:
    with bridge.unchanged():
        refused(bridge.post("/agent/v1/sessions", body), status, reason)
