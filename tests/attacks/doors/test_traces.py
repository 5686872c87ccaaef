"""What refusals look like from outside, who may read the doors, and that nobody personal is left lying about."""

import pytest
import requests

from bridge.privacy.needles import read_needles
from bridge.privacy.scan import search
from tests.attacks.doors.agent import Agent, ask_session, encoded
from tests.attacks.doors.server import BridgeServer, refusal, refused, traces

FOREIGN = ("https://stranger.example", "null", "http://127.0.0.1", "http://127.0.0.1:1", "")


def cors(answer: requests.Response) -> dict[str, str]:
    return {
        name: value for name, value in answer.headers.items() if name.lower().startswith("access-control-")
    }


def ask(bridge: BridgeServer, method: str, path: str, origin: str) -> requests.Response:
    wishes = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "Authorization"}
    return requests.request(method, bridge.origin + path, headers={"Origin": origin, **wishes}, timeout=10)


DOORS = (
    "/agent/v1/sessions",
    "/agent/v1/batches",
    "/agent/v1/checks/x",
    "/agent/v1/checks/x/frames",
    "/agent/v1/x",
)


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET"])
def test_a_foreign_origin_may_read_nothing(bridge: BridgeServer, method: str, path: str) -> None:
    for origin in (*FOREIGN, bridge.platform.issuer + ".stranger.example", bridge.platform.issuer + "/"):
        assert cors(ask(bridge, method, path, origin)) == {}


@pytest.mark.parametrize("path", DOORS[:-1])
def test_the_registered_origin_may_read_the_agents_doors_without_cookies(
    bridge: BridgeServer, path: str
) -> None:
    for method in ("OPTIONS", "POST"):
        answer = ask(bridge, method, path, bridge.platform.issuer)
        if answer.status_code == 405:
            continue
        told = cors(answer)
        assert told["Access-Control-Allow-Origin"] == bridge.platform.issuer
        assert "Access-Control-Allow-Credentials" not in told
        assert "Origin" in answer.headers["Vary"]
    assert ask(bridge, "OPTIONS", path, bridge.platform.issuer).status_code in (200, 204)


@pytest.mark.parametrize(
    "path", ["/", "/learner", "/sign-in", "/webhooks/v1/reg_demo_lms", "/lti/launch", "/healthz"]
)
def test_no_other_door_may_be_read_from_another_origin(bridge: BridgeServer, path: str) -> None:
    for origin in (*FOREIGN, bridge.platform.issuer):
        assert cors(ask(bridge, "GET", path, origin)) == {}


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/agent/v1/sessions", 405, "method_not_allowed"),
        ("DELETE", "/agent/v1/batches", 405, "method_not_allowed"),
        ("GET", "/agent/v2/sessions", 404, "not_found"),
        ("GET", "/webhooks/v1/reg_demo_lms", 405, "method_not_allowed"),
        ("POST", "/webhooks/", 404, "not_found"),
        ("TRACE", "/agent/v1/batches", 405, "method_not_allowed"),
    ],
)
def test_an_address_or_method_that_is_none_is_refused_as_programs_read_it(
    bridge: BridgeServer, method: str, path: str, status: int, reason: str
) -> None:
    refused(requests.request(method, bridge.origin + path, timeout=10), status, reason)


def test_the_agents_answers_are_never_kept_by_a_cache(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)

    for answer in (agent.post(b"{"), agent.post(agent.batch()), agent.look("x")):
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_defect_is_told_without_a_stack_and_logged_without_a_word_of_the_caller(
    bridge: BridgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = Agent.ready(bridge)
    secret = f"{agent.person.name} {agent.person.citizen_id}"

    def broken(*_: object) -> object:
        raise ValueError(secret)

    monkeypatch.setattr("bridge.presence.service.PresenceService.accept_batch", broken)
    answer = agent.post(agent.batch())

    assert (answer.status_code, answer.json()["reason"]) == (500, "internal_error")
    assert refusal(answer.json(), "internal_error")["message"].startswith("系统出现问题")
    assert "ValueError" in bridge.log.getvalue()
    assert traces([("log", bridge.log.getvalue().encode())]) == []


def test_a_tour_of_refusals_leaves_no_name_number_or_address_behind(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    person = agent.person
    everything = {
        "email": person.email,
        "phone": person.phone,
        "name": person.name,
        "note": person.citizen_id,
    }
    refused(ask_session(bridge, person, aud=person.email, **everything), 401, "audience_mismatch")
    refused(ask_session(bridge, person, resource_link_id=person.phone), 422, "unit_unknown")
    refused(agent.post({**agent.batch(), "nonce": person.name, **everything}), 403, "nonce_mismatch")
    refused(agent.post(encoded({**everything, "v": 1})), 422, "json_malformed")
    refused(agent.post(agent.batch(), Authorization=f"Bearer {person.email}~x"), 401, "session_unknown")
    refused(bridge.post(f"/webhooks/v1/{person.email}", everything), 401, "webhook_signature")
    agent.beat(agent.event(**everything), **everything)
    bridge.launch(bridge.browser(), person, aud=person.email)
    agent.statement()

    assert traces(bridge.everything_written()) == []
    # Nor behind keys, where a name and a number are meant to be.
    contact = read_needles([person.email, person.phone, person.wechat])
    assert search(bridge.house, contact, []).hits == {}


def test_the_search_for_traces_finds_what_there_is(bridge: BridgeServer) -> None:
    person = bridge.someone_again()
    for canary in person.canaries:
        assert traces([("file", f"x{canary}x".encode())]) == ["file"]
    assert traces([("json", ascii(person.name).encode())]) == ["json"]
    assert traces([("given name alone", person.name[2:].encode())]) == ["given name alone"]
