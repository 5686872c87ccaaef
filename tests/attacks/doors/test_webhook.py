"""The webhook door: the platform's signature over these very bytes, now; and a score proves nothing by itself."""

import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
import requests

from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import rfc3339
from tests.attacks.doors.agent import Agent
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import ORG, REGISTRATION, RUN, WEBHOOK_SECRET, BridgeServer, refusal, refused

_numbers = count(1)
HELD = ("intake_quarantine", "intake_quarantine_step")
"""Tables that a message may add to which is refused for now."""


def signed(
    bridge: BridgeServer, body: bytes, *, moved: int = 0, secret: bytes = WEBHOOK_SECRET
) -> dict[str, str]:
    stamp = str(bridge.clock.seconds() + moved)
    digest = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Anxue-Timestamp": stamp, "X-Anxue-Signature": f"v1={digest}"}


def send(bridge: BridgeServer, body: bytes, *, to: str = REGISTRATION, **headers: str) -> requests.Response:
    """Send the body, rightly signed unless `headers` say otherwise."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return bridge.post(f"/webhooks/v1/{to}", body, **{**signed(bridge, body), **given})


def message(bridge: BridgeServer, person: Person, /, **data: Any) -> dict[str, Any]:
    now = bridge.clock.now()
    right = {
        "sub": person.sub,
        "resource_link_id": "quiz-1",
        "attempt": "attempt-1",
        "score": "88",
        "maximum": "100",
        "started_at": rfc3339(now),
        "finished_at": rfc3339(now),
        "email": person.email,
        "comment": f"{person.name} {person.phone}",
    }
    sent = {name: value for name, value in {**right, **data}.items() if value is not ...}
    return {
        "v": 1,
        "id": f"m-{next(_numbers)}",
        "type": "attempt.graded",
        "occurred_at": rfc3339(now),
        "data": sent,
    }


@pytest.fixture(scope="module")
def learner(bridge: BridgeServer) -> Person:
    """A learner of whom no score is ever taken."""
    return bridge.ready()[0]


def test_a_score_without_presence_is_taken_as_a_claim_and_refused_in_the_ledger(bridge: BridgeServer) -> None:
    """Article 24."""
    person, ref = bridge.ready()
    body = json.dumps(message(bridge, person)).encode()

    answer = send(bridge, body)

    assert (answer.status_code, set(answer.json())) == (202, {"message", "duplicate"})
    bridge.drain()
    (entry,) = decisions_on(bridge, ref)
    assert entry["decision"] == "refused"
    assert "score_without_presence" in entry["reasons"]
    assert bridge.papers(ref) == []


def test_a_score_with_presence_over_another_attempt_is_refused(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge, resource_link_id="quiz-1", activity="test", attempt="mine")
    assert agent.pass_check()["state"] == "passed"
    start = bridge.clock.now()
    agent.study(60)
    body = message(bridge, agent.person, attempt="another", started_at=rfc3339(start))

    assert send(bridge, json.dumps(body).encode()).status_code == 202

    bridge.drain()
    (entry,) = decisions_on(bridge, agent.learner)
    assert (entry["decision"], entry["reasons"]) == ("refused", ["score_without_presence"])


def test_a_score_of_an_attempt_whose_first_check_was_never_answered_is_refused(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge, resource_link_id="quiz-1", activity="test", attempt="mine")
    start = bridge.clock.now()
    for _ in range(5):
        bridge.clock.advance(10)
        agent.beat()
    body = message(bridge, agent.person, attempt="mine", started_at=rfc3339(start))

    assert send(bridge, json.dumps(body).encode()).status_code == 202

    bridge.drain()
    (entry,) = decisions_on(bridge, agent.learner)
    assert (entry["decision"], entry["reasons"]) == ("refused", ["score_without_presence"])


def test_a_score_with_presence_over_the_whole_attempt_is_accepted(bridge: BridgeServer) -> None:
    agent = Agent.ready(bridge, resource_link_id="quiz-1", activity="test", attempt="mine")
    assert agent.pass_check()["state"] == "passed"
    start = bridge.clock.now()
    agent.study(360)
    body = message(bridge, agent.person, attempt="mine", started_at=rfc3339(start))

    assert send(bridge, json.dumps(body).encode()).status_code == 202

    bridge.drain()
    (entry,) = decisions_on(bridge, agent.learner)
    assert (entry["decision"], entry["reasons"]) == ("accepted", [])


def decisions_on(bridge: BridgeServer, ref: LearnerRef) -> list[dict[str, Any]]:
    with bridge.house.uow.for_institution(ORG, read_only=True) as tx:
        entries = bridge.house.at(tx).ledger.entries(ref, RUN)
    return [dict(entry.data) for entry in entries if entry.kind == "test"]


def test_the_same_message_again_is_known_and_counts_once(bridge: BridgeServer) -> None:
    person, ref = bridge.ready()
    body = json.dumps(message(bridge, person)).encode()
    first = send(bridge, body)
    bridge.drain()

    with bridge.unchanged():
        bridge.clock.advance(1)
        again = send(bridge, body)

    assert (again.status_code, again.json()) == (200, {**first.json(), "duplicate": True})
    bridge.drain()
    assert len(decisions_on(bridge, ref)) == 1


def test_of_many_of_one_message_at_once_one_is_taken(bridge: BridgeServer) -> None:
    person, ref = bridge.ready()
    body = json.dumps(message(bridge, person)).encode()

    with ThreadPoolExecutor(12) as crowd:
        answers = list(crowd.map(lambda _: send(bridge, body), range(24)))

    assert sorted({answer.status_code for answer in answers}) == [200, 202]
    assert [answer.status_code for answer in answers].count(202) == 1
    assert len({answer.json()["message"] for answer in answers}) == 1
    bridge.drain()
    assert len(decisions_on(bridge, ref)) == 1


@pytest.mark.parametrize("stamp", ["", "now", "-1", "1e9", "１７９５", "0", "9" * 13, "1795\x00"])
def test_a_timestamp_that_is_none_is_refused(bridge: BridgeServer, learner: Person, stamp: str) -> None:
    body = json.dumps(message(bridge, learner)).encode()
    digest = hmac.new(WEBHOOK_SECRET, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()

    with bridge.unchanged():
        answer = raw_post(bridge, body, stamp.encode(), f"v1={digest}")

    refusal(answer, "webhook_timestamp")


def raw_post(bridge: BridgeServer, body: bytes, stamp: bytes, signature: str) -> dict[str, Any]:
    """Send header bytes that a well-behaved client would not."""
    import http.client

    connection = http.client.HTTPConnection(bridge.origin.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", f"/webhooks/v1/{REGISTRATION}")
    connection.putheader("X-Anxue-Timestamp", stamp)
    connection.putheader("X-Anxue-Signature", signature)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    reply = connection.getresponse()
    assert reply.status == 401
    told: dict[str, Any] = json.loads(reply.read())
    connection.close()
    return told


@pytest.mark.parametrize("moved", [-301, 301, -86_400, 10**9])
def test_an_old_or_future_signature_is_refused(bridge: BridgeServer, learner: Person, moved: int) -> None:
    body = json.dumps(message(bridge, learner)).encode()

    with bridge.unchanged():
        answer = bridge.post(f"/webhooks/v1/{REGISTRATION}", body, **signed(bridge, body, moved=moved))

    refused(answer, 401, "webhook_timestamp")


def test_only_the_registrations_secret_signs_these_bytes_and_this_moment(
    bridge: BridgeServer, learner: Person
) -> None:
    body = json.dumps(message(bridge, learner)).encode()
    better = json.dumps({**message(bridge, learner), "id": "better"}).encode()
    right = signed(bridge, body)

    with bridge.unchanged():
        for headers in (
            {"X-Anxue-Signature": ""},
            {"X-Anxue-Signature": "v1="},
            {"X-Anxue-Signature": "v1=" + "0" * 64},
            {"X-Anxue-Signature": right["X-Anxue-Signature"][3:]},
            {"X-Anxue-Timestamp": str(bridge.clock.seconds() + 1)},
            signed(bridge, body, secret=b""),
            signed(bridge, body, secret=b"another secret of forty characters......"),
            signed(bridge, better),
        ):
            answer = bridge.post(f"/webhooks/v1/{REGISTRATION}", body, **{**right, **headers})
            refused(answer, 401, "webhook_signature")
        refused(bridge.post(f"/webhooks/v1/{REGISTRATION}", better, **right), 401, "webhook_signature")
        refused(bridge.post(f"/webhooks/v1/{REGISTRATION}", body), 401, "webhook_timestamp")


@pytest.mark.parametrize("registration", ["reg_unknown", "%00", "%ff", "x" * 300, "'--", "reg_demo_lms%00"])
def test_an_unknown_registration_sounds_like_a_wrong_signature(
    bridge: BridgeServer, learner: Person, registration: str
) -> None:
    body = json.dumps(message(bridge, learner)).encode()

    with bridge.unchanged():
        refused(send(bridge, body, to=registration), 401, "webhook_signature")


BODIES: list[tuple[bytes, int, str]] = [
    (b"", 400, "json_malformed"),
    (b"{", 400, "json_malformed"),
    (b"\xff", 400, "json_malformed"),
    (b"[]", 400, "version_unknown"),
    (b"null", 400, "version_unknown"),
    (b'{"v":2}', 400, "version_unknown"),
    (b'{"v":1,"v":1}', 400, "json_malformed"),
    (b"[" * 30_000, 400, "json_malformed"),
    (b'{"a":' * 8_000 + b"1" + b"}" * 8_000, 400, "json_malformed"),
    (b'{"v":1,"x":' + b"9" * 5_000 + b"}", 400, "json_malformed"),
]


@pytest.mark.parametrize(("body", "status", "reason"), BODIES, ids=lambda value: str(value)[:24])
def test_a_signed_body_that_is_no_message_is_refused(
    bridge: BridgeServer, body: bytes, status: int, reason: str
) -> None:
    with bridge.unchanged():
        refused(send(bridge, body), status, reason)


@pytest.mark.parametrize(
    ("old", "new", "status", "reason"),
    [
        ('"attempt.graded"', '"attempt.completed"', 422, "webhook_type_unknown"),
        ('"attempt.graded"', "null", 422, "field_missing"),
        ('"88"', "NaN", 422, "field_missing"),
        ('"88"', "Infinity", 422, "field_missing"),
        ('"88"', '"NaN"', 422, "score_malformed"),
        ('"88"', "-1", 422, "score_malformed"),
        ('"88"', '"-0"', 422, "score_malformed"),
        ('"88"', "100.5", 422, "score_range"),
        ('"88"', '"101"', 422, "score_range"),
        ('"88"', '"1e2"', 422, "score_malformed"),
        ('"88"', '"1/2"', 422, "score_malformed"),
        ('"88"', '"８８"', 422, "score_malformed"),
        ('"88"', "true", 422, "field_missing"),
        ('"88"', "[88]", 422, "field_missing"),
        ('"88"', '"88","score":"100"', 400, "json_malformed"),
        ('"100"', '"0"', 422, "score_range"),
        ('"quiz-1"', '"unit-1"', 422, "unit_unknown"),
        ('"quiz-1"', '"quiz-2"', 422, "unit_unknown"),
        ('"attempt-1"', '"' + "x" * 81 + '"', 422, "field_missing"),
        ('"attempt-1"', '"a\\u0000"', 422, "field_missing"),
        ('"attempt-1"', '"\\ud800"', 422, "field_missing"),
        ('"attempt-1"', '""', 422, "field_missing"),
        ('"data": {', '"data": [], "more": {', 400, "field_missing"),
    ],
)
def test_a_signed_message_that_makes_no_sense_is_refused(
    bridge: BridgeServer, learner: Person, old: str, new: str, status: int, reason: str
) -> None:
    text = json.dumps(message(bridge, learner))
    assert text.count(old) == 1

    with bridge.unchanged(*HELD):
        refused(send(bridge, text.replace(old, new).encode()), status, reason)


@pytest.mark.parametrize(
    "field", ["sub", "resource_link_id", "attempt", "score", "maximum", "started_at", "finished_at"]
)
def test_no_field_of_a_score_may_be_missing(bridge: BridgeServer, learner: Person, field: str) -> None:
    with bridge.unchanged():
        refused(
            send(bridge, json.dumps(message(bridge, learner, **{field: ...})).encode()), 422, "field_missing"
        )


@pytest.mark.parametrize(
    "instant", ["yesterday", "2026-11-24T04:00:00", "2026-13-01T00:00:00Z", "9" * 100, 1_795_000_000]
)
def test_an_instant_needs_a_zone_and_a_calendar(
    bridge: BridgeServer, learner: Person, instant: object
) -> None:
    with bridge.unchanged():
        for field in ("started_at", "finished_at"):
            body = json.dumps(message(bridge, learner, **{field: instant})).encode()
            refused(send(bridge, body), 422, "instant_malformed")


def test_an_attempt_that_ends_before_it_begins_is_refused(bridge: BridgeServer, learner: Person) -> None:
    body = json.dumps(message(bridge, learner, finished_at="2026-01-01T00:00:00Z")).encode()

    with bridge.unchanged():
        refused(send(bridge, body), 422, "attempt_times")


def test_somebody_who_never_proved_a_name_has_no_score(bridge: BridgeServer) -> None:
    stranger, launched = bridge.someone(), bridge.someone()
    bridge.account(launched)

    with bridge.unchanged(*HELD):
        for person in (stranger, launched):
            refused(send(bridge, json.dumps(message(bridge, person)).encode()), 422, "account_unknown")


def test_a_message_beyond_64_kb_or_without_its_length_is_refused_unread(
    bridge: BridgeServer, learner: Person
) -> None:
    body = json.dumps({**message(bridge, learner), "padding": "x" * 66_000}).encode()
    chunked = [("Transfer-Encoding", "chunked"), *signed(bridge, b"{}").items()]

    with bridge.unchanged():
        refused(send(bridge, body), 413, "body_too_large")
        status, told = bridge.raw("POST", f"/webhooks/v1/{REGISTRATION}", chunked, b"2\r\n{}\r\n0\r\n\r\n")

    refusal(told, "length_required")
    assert status == 411
