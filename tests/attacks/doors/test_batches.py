"""The batch door: a secret, a turn and a nonce, and nothing but numbers and flags."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.attacks.doors.agent import Agent, encoded
from tests.attacks.doors.server import BridgeServer, refusal, refused


@pytest.fixture(scope="module")
def agent(bridge: BridgeServer) -> Agent:
    """A session for refusals alone: they leave it as it is."""
    return Agent.ready(bridge)


def batches_of(agent: Agent) -> list[dict[str, Any]]:
    return agent.bridge.rows("inbox_message", chain=agent.session)


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic dXNlcjpwYXNz",
        "Bearer org_demo~",
        "Bearer org_demo~made-up",
        "Bearer another~made-up",
        "Bearer org_demo~" + "x" * 300,
        "Bearer ~",
        "Bearer ' OR 1=1 --~x",
        "Bearer org_demo\x7f~x",
        "Bearer \xff~\xff",
    ],
)
def test_without_the_sessions_secret_nothing_is_taken(
    bridge: BridgeServer, agent: Agent, credential: str
) -> None:
    with bridge.unchanged():
        refused(agent.post(agent.batch(), Authorization=credential), 401, "session_unknown")


def test_no_credential_at_all_is_refused(bridge: BridgeServer, agent: Agent) -> None:
    with bridge.unchanged():
        refused(bridge.post("/agent/v1/batches", agent.batch()), 401, "session_unknown")


def test_another_learners_secret_opens_nothing(bridge: BridgeServer, agent: Agent) -> None:
    other = Agent.ready(bridge)

    with bridge.unchanged():
        refused(agent.post(agent.batch(), Authorization=f"Bearer {other.secret}"), 401, "session_unknown")
        refused(other.post(agent.batch()), 401, "session_unknown")
        refused(agent.post(agent.batch(session="ss_unknown")), 401, "session_unknown")


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "json_malformed"),
        (b"{", 400, "json_malformed"),
        (b"null", 422, "json_malformed"),
        (b"[]", 422, "json_malformed"),
        (b"\x00", 400, "json_malformed"),
        (b"\xef\xbb\xbf{}", 400, "json_malformed"),
        (b"<xml/>", 400, "json_malformed"),
        (b'{"v":1}', 422, "json_malformed"),
    ],
)
def test_what_is_no_batch_is_refused(
    bridge: BridgeServer, agent: Agent, body: bytes, status: int, reason: str
) -> None:
    with bridge.unchanged():
        refused(agent.post(body), status, reason)


BAD_FIELDS: list[tuple[str, str, int, str]] = [
    ("v", "2", 422, "version_unknown"),
    ("v", "true", 422, "json_malformed"),
    ("session", "7", 422, "json_malformed"),
    ("session", '"\\u0000"', 422, "session_malformed"),
    ("session", '"' + "x" * 41 + '"', 422, "session_malformed"),
    ("session", '"\' OR 1=1 --"', 422, "session_malformed"),
    ("seq", '"1"', 422, "json_malformed"),
    ("seq", "1.0", 422, "json_malformed"),
    ("seq", "null", 422, "json_malformed"),
    ("seq", "9" * 5000, 422, "json_malformed"),
    ("seq", "9" * 30, 409, "seq_out_of_order"),
    ("seq", "-1", 409, "seq_out_of_order"),
    ("seq", "0", 409, "seq_out_of_order"),
    ("nonce", "null", 422, "json_malformed"),
    ("nonce", '"\\ud800"', 400, "json_malformed"),
    ("nonce", '""', 403, "nonce_mismatch"),
    ("nonce", '"\\u0000"', 403, "nonce_mismatch"),
    ("nonce", '"随机数"', 403, "nonce_mismatch"),
    ("nonce", '"' + "x" * 60_000 + '"', 403, "nonce_mismatch"),
    ("ending", '"yes"', 422, "json_malformed"),
    ("ending", "1", 422, "json_malformed"),
    ("events", "{}", 422, "json_malformed"),
    ("events", "[]", 422, "events_count"),
    ("events", "[null]", 422, "json_malformed"),
    ("events", "[[1,2]]", 422, "json_malformed"),
    ("events", '[{"media_ms":1}]', 422, "json_malformed"),
]
BAD_EVENT_FIELDS: list[tuple[str, str, int, str]] = [
    ("client_ms", "1.5", 422, "json_malformed"),
    ("client_ms", "NaN", 400, "json_malformed"),
    ("client_ms", "Infinity", 400, "json_malformed"),
    ("client_ms", "-1", 422, "event_out_of_range"),
    ("client_ms", "9" * 20, 422, "event_out_of_range"),
    ("client_ms", '"1"', 422, "json_malformed"),
    ("client_ms", "true", 422, "json_malformed"),
    ("media_ms", "1e3", 422, "json_malformed"),
    ("media_ms", "-1", 422, "event_out_of_range"),
    ("media_ms", str(2**63), 422, "event_out_of_range"),
    ("interaction_ms", "-1", 422, "event_out_of_range"),
    ("interaction_ms", str(2**64), 422, "event_out_of_range"),
    ("interaction_ms", "0.5", 422, "json_malformed"),
    ("visible", "1", 422, "json_malformed"),
    ("visible", "null", 422, "json_malformed"),
    ("rate", "-0.1", 422, "rate_out_of_range"),
    ("rate", "16.1", 422, "rate_out_of_range"),
    ("rate", "1e308", 422, "rate_out_of_range"),
    ("rate", "1e999", 422, "json_malformed"),
    ("rate", "NaN", 400, "json_malformed"),
    ("rate", '"1"', 422, "json_malformed"),
    ("rate", "9" * 400, 422, "rate_out_of_range"),
]


@pytest.mark.parametrize(("name", "value", "status", "reason"), BAD_FIELDS)
def test_a_field_of_another_kind_is_refused(
    bridge: BridgeServer, agent: Agent, name: str, value: str, status: int, reason: str
) -> None:
    body = agent.batch()
    raw = json.dumps({**body, name: "HERE"}).replace('"HERE"', value).encode()

    with bridge.unchanged():
        refused(agent.post(raw), status, reason)


@pytest.mark.parametrize(("name", "value", "status", "reason"), BAD_EVENT_FIELDS)
def test_an_event_with_a_field_of_another_kind_is_refused(
    bridge: BridgeServer, agent: Agent, name: str, value: str, status: int, reason: str
) -> None:
    raw = json.dumps(agent.batch(agent.event(**{name: "HERE"}))).replace('"HERE"', value).encode()

    with bridge.unchanged():
        refused(agent.post(raw), status, reason)


def test_bytes_that_are_no_text_are_refused(bridge: BridgeServer, agent: Agent) -> None:
    for name in ("session", "nonce"):
        raw = json.dumps({**agent.batch(), name: "HERE"}).encode().replace(b"HERE", b"\xff\xfe")
        with bridge.unchanged():
            refused(agent.post(raw), 400, "json_malformed")


def test_events_are_one_to_two_hundred_in_the_order_of_the_clients_clock(
    bridge: BridgeServer, agent: Agent
) -> None:
    many = [agent.event() for _ in range(201)]
    later, earlier = agent.event(client_ms=2_000), agent.event(client_ms=1_999)

    with bridge.unchanged():
        refused(agent.post(agent.batch(*many)), 422, "events_count")
        refused(agent.post(agent.batch(later, earlier)), 422, "events_out_of_order")


def test_a_batch_beyond_64_kb_is_refused_unread(bridge: BridgeServer, agent: Agent) -> None:
    body = encoded({**agent.batch(), "padding": "x" * 66_000})

    with bridge.unchanged():
        refused(agent.post(body), 413, "body_too_large")


def test_a_batch_without_its_length_is_refused(bridge: BridgeServer, agent: Agent) -> None:
    body = encoded(agent.batch())
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    secret = ("Authorization", f"Bearer {agent.secret}")

    with bridge.unchanged():
        for headers in ([secret], [secret, ("Content-Length", "many")], [secret, ("Content-Length", "-1")]):
            status, told = bridge.raw("POST", "/agent/v1/batches", headers)
            assert 400 <= status < 500
            assert told["reason"] in ("length_required", "json_malformed")
        status, told = bridge.raw(
            "POST", "/agent/v1/batches", [secret, ("Transfer-Encoding", "chunked")], chunked
        )
        refusal(told, "length_required")
        assert status == 411


def test_a_deep_or_crowded_body_is_refused_or_ignored_but_never_breaks(
    bridge: BridgeServer, agent: Agent
) -> None:
    raw = json.dumps({**agent.batch(nonce="wrong"), "x": "HERE"}).encode()

    with bridge.unchanged():
        refused(agent.post(raw.replace(b'"HERE"', b"[" * 20_000 + b"]" * 20_000)), 400, "json_malformed")
        refused(
            agent.post(raw.replace(b'"HERE"', b'{"a":' * 9_000 + b"1" + b"}" * 9_000)), 400, "json_malformed"
        )
        refused(agent.post(raw.replace(b'"HERE"', b"[" + b"1," * 20_000 + b"1]")), 403, "nonce_mismatch")


def test_unknown_fields_are_ignored_and_kept_nowhere(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    person = agent.person
    said = {
        "email": person.email,
        "note": f"{person.name} {person.citizen_id}",
        "deep": [{"wx": person.wechat}],
    }

    agent.beat(agent.event(**said), **said, phone=person.phone)

    (kept,) = batches_of(agent)
    assert not [canary for canary in person.canaries if canary in repr(kept)]
    assert set(json.loads(kept["payload"])) == {
        "beats",
        "ending",
        "previous_received_ms",
        "received_ms",
        "seq",
        "study_factor",
    }


def test_the_same_batch_again_gets_the_same_answer_and_changes_nothing(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    batch = agent.batch()
    first = agent.post(batch).json()

    with bridge.unchanged():
        again = agent.post(batch)

    assert (again.status_code, again.json()) == (200, first)
    assert len(batches_of(agent)) == 1


def test_another_content_under_a_taken_turn_is_a_conflict(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    batch = agent.batch()
    agent.post(batch)

    with bridge.unchanged():
        refused(agent.post({**batch, "events": [agent.event(media_ms=3_000_000)]}), 409, "seq_conflict")
        refused(agent.post({**batch, "ending": True}), 409, "seq_conflict")


def test_a_batch_out_of_turn_hears_whose_turn_it_is(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    agent.beat()
    agent.beat()

    with bridge.unchanged():
        for seq in (1, 4, 2**31, 2**70):
            assert refused(agent.post(agent.batch(seq=seq)), 409, "seq_out_of_order")["expected_seq"] == 3


def test_batches_that_were_written_beforehand_are_worth_nothing(bridge: BridgeServer) -> None:
    """X1: a script that calls the report door without listening."""
    agent = Agent.ready(bridge)
    chain = [agent.batch(seq=seq) for seq in range(1, 21)]

    answers = [agent.post(batch).status_code for batch in chain]

    assert answers == [200, 403] + [409] * 18
    assert len(batches_of(agent)) == 1


def test_the_nonce_of_another_session_or_turn_is_refused(bridge: BridgeServer) -> None:
    agent, other = Agent.ready(bridge), Agent.ready(bridge)
    used = agent.nonce
    agent.beat()

    with bridge.unchanged():
        for nonce in (used, other.nonce, agent.nonce.upper() + "0", agent.nonce[:-1]):
            refused(agent.post(agent.batch(nonce=nonce)), 403, "nonce_mismatch")


def test_a_second_device_closes_the_first(bridge: BridgeServer) -> None:
    first = Agent.ready(bridge)
    first.beat()
    second = Agent(bridge, first.person, first.learner)

    with bridge.unchanged():
        told = refused(first.post(first.batch()), 410, "session_closed")

    assert "另一台设备" in told["message"]
    second.beat()


def test_a_session_that_has_ended_takes_nothing_more(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    agent.pass_check()
    told = agent.beat(ending=True)
    assert [one["type"] for one in told["commands"]] == ["close"]

    with bridge.unchanged():
        refused(agent.post(agent.batch()), 410, "session_closed")
        refused(agent.post(agent.batch(ending=True)), 410, "session_closed")


def test_of_hundreds_of_the_same_batch_at_once_one_is_stored(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    body = encoded(agent.batch())

    with ThreadPoolExecutor(24) as crowd:
        answers = list(crowd.map(lambda _: agent.post(body), range(240)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert len(batches_of(agent)) == 1


def test_of_different_batches_for_one_turn_at_once_one_is_stored(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge)
    bodies = [encoded(agent.batch(agent.event(media_ms=number))) for number in range(40)]

    with ThreadPoolExecutor(20) as crowd:
        answers = list(crowd.map(agent.post, bodies))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [409] * 39
    assert len(batches_of(agent)) == 1
