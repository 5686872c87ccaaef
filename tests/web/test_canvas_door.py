"""The door for Canvas Live Events over real HTTP, attacked."""

import base64
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.db.outbox import EventRow
from bridge.intake.caliper import VERSIONS
from bridge.intake.canvas import MAX_EVENT_BYTES
from bridge.intake.xapi.model import Scope
from bridge.wiring import House
from bridge.wiring.intake_replay import ReplayAsked, replay
from bridge.wiring.learning import canvas_sources
from tests.intake.learning_vectors import ACCOUNT, HOST, NEVER_KEPT, vectors
from tests.web.learning_doors import ORG, OTHER, Doors, Instructure, instructure, open_doors, statuses, token

EVENTS = [case["event"] for case in vectors("canvas_events")]
EVENT: dict[str, Any] = EVENTS[0]
V1 = next(iter(VERSIONS))
CALIPER_EVENT = {
    "id": "urn:uuid:06e01cb6-fdde-4327-b3f0-4c47a95d0f52",
    "type": "SessionEvent",
    "action": "LoggedIn",
    "actor": {
        "id": "urn:instructure:canvas:user:10000000000048",
        "type": "Person",
        "extensions": {"com.instructure.canvas": {"root_account_uuid": ACCOUNT, "user_login": "chen.xiaoan"}},
    },
    "object": f"https://{HOST}/",
    "eventTime": "2026-11-24T03:00:00.000Z",
}
ENVELOPE = {
    "sensor": f"http://{HOST}/",
    "sendTime": "2026-11-24T03:00:01.000Z",
    "dataVersion": V1,
    "data": [CALIPER_EVENT],
}


@pytest.fixture(scope="module")
def keys() -> Iterator[Instructure]:
    with instructure() as made:
        yield made


@pytest.fixture
def doors(tmp_path: Path, keys: Instructure) -> Iterator[Doors]:
    keys.asked = 0
    del keys.keys[3:]
    with open_doors(tmp_path) as opened:
        yield opened


@pytest.fixture
def path(doors: Doors, keys: Instructure) -> str:
    return f"/canvas/v1/{doors.canvas(keys).id}"


def kept(doors: Doors) -> int:
    ((count,),) = doors.rows("SELECT count(*) FROM inbox_message")
    return int(count)


def test_signed_events_are_kept_once_and_nothing_personal_is_on_the_disk(
    doors: Doors, keys: Instructure, path: str
) -> None:
    for number, event in enumerate(EVENTS):
        key = keys.keys[number % 3]
        sent = keys.signed(event, key)
        answer = doors.post(path, sent, Content_Type="text/plain")
        assert (answer.status_code, statuses(answer)) == (200, ["accepted"]), answer.text
        assert statuses(doors.post(path, sent)) == ["duplicate"]
        # Signed anew, in another order of its members, it still is the same event.
        reordered = {"body": event["body"], "metadata": event["metadata"], "iat": 1}
        assert statuses(doors.post(path, keys.signed(reordered, keys.keys[0]))) == ["duplicate"]
    assert kept(doors) == len(EVENTS)
    assert keys.asked == 1
    written = doors.written()
    assert b"canvas:canvas-1" in written
    never = [one for one in NEVER_KEPT if one not in ("lms.example", "554433")]
    assert not [one for one in never if one.encode() in written]


def test_the_caliper_form_is_taken_as_well(doors: Doors, keys: Instructure, path: str) -> None:
    sent = keys.signed(ENVELOPE, keys.keys[1])
    assert [statuses(doors.post(path, sent)) for _ in range(2)] == [["accepted"], ["duplicate"]]


def test_a_mark_that_a_person_overrode_is_told_on_and_no_other(
    doors: Doors, keys: Instructure, path: str
) -> None:
    for event in EVENTS:
        doors.post(path, keys.signed(event, keys.keys[1]))
    with doors.house.uow.across_institutions("test", read_only=True) as tx:
        told = [(row.type, row.data) for row in tx.session.query(EventRow)]
    assert [type_ for type_, _data in told] == ["intake.signal_received"]
    data = told[0][1]
    assert (data["kind"], data["before"], data["after"]) == ("grade_overridden", "4", "5.5")
    _run_jobs(doors.house)
    assert doors.rows("SELECT kind, source FROM supervision_signal") == [("grade_overridden", "lms")]


def test_reading_it_all_again_tells_nothing_new_and_supplies_what_is_missing(
    doors: Doors, keys: Instructure, path: str
) -> None:
    for event in EVENTS:
        doors.post(path, keys.signed(event, keys.keys[1]))
    asked = ReplayAsked(institution=ORG, source="canvas")
    for lost in (False, True, False):
        if lost:
            with doors.house.uow.across_institutions("test") as tx:
                tx.session.connection().exec_driver_sql("DELETE FROM event")
        done = replay(doors.house, asked, lambda _done: None)
        assert (done.messages, done.poison) == (len(EVENTS), 0)
        assert done.claims == {"missing" if lost else "same": 1}
    assert doors.rows("SELECT count(*) FROM event") == [(1,)]


def _run_jobs(house: House) -> None:
    with house.uow.across_institutions("test", read_only=True) as tx:
        waiting = [row[0] for row in tx.session.connection().exec_driver_sql("SELECT id FROM job")]
    for job in waiting:
        house.runner.run(job)
    with house.uow.across_institutions("test", read_only=True) as tx:
        states = tx.session.connection().exec_driver_sql("SELECT state, last_error FROM job").all()
    assert {tuple(one) for one in states} == {("done", "")}


def _unsigned(payload: Any, header: dict[str, Any]) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part(header)}.{part(payload)}."


def test_forged_signatures_open_nothing(doors: Doors, keys: Instructure, path: str) -> None:
    stranger = keys.new_key("current")
    good = keys.signed(EVENT, keys.keys[1])
    head, payload, signature = good.split(".")
    other = keys.signed(EVENTS[3], keys.keys[1]).split(".")[1]
    signing_input = _unsigned(EVENT, {"alg": "HS256", "kid": "current"}).removesuffix(".")
    mac = hmac.new(keys.keys[1].as_pem(private=False), signing_input.encode(), "sha256").digest()
    with_public_key = f"{signing_input}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    attacks = {
        "another key of the same kid": (keys.signed(EVENT, stranger), "signature_invalid"),
        "another payload": (f"{head}.{other}.{signature}", "signature_invalid"),
        "a cut signature": (f"{head}.{payload}.{signature[:-4]}", "signature_invalid"),
        "none": (_unsigned(EVENT, {"alg": "none", "kid": "current"}) + signature, "alg_not_allowed"),
        "no signature at all": (_unsigned(EVENT, {"alg": "none"}), "token_malformed"),
        "HS256 with the public key": (with_public_key, "alg_not_allowed"),
        "no kid": (keys.signed(EVENT, keys.keys[1], kid=None), "kid_missing"),
        "a key of its own in the header": (
            keys.signed(EVENT, stranger, kid="mine", jwk=stranger.as_dict(private=False)),
            "kid_unknown",
        ),
        "not even a token": ("hello", "token_malformed"),
        "an empty body": ("", "token_malformed"),
    }
    for name, (sent, reason) in attacks.items():
        answer = doors.post(path, sent)
        assert (answer.status_code, answer.json()["reason"]) == (401, reason), name
    assert kept(doors) == 0


def test_a_key_that_is_not_known_yet_is_asked_for_once_and_not_again_at_once(
    doors: Doors, keys: Instructure, path: str
) -> None:
    assert doors.post(path, keys.signed(EVENT, keys.keys[1])).status_code == 200
    rotated = keys.new_key("after-next")
    for _ in range(5):
        assert doors.post(path, keys.signed(EVENTS[1], rotated)).json()["reason"] == "kid_unknown"
    assert keys.asked == 2
    keys.keys.append(rotated)
    doors.clock.advance(seconds=31)
    assert statuses(doors.post(path, keys.signed(EVENTS[1], rotated))) == ["accepted"]
    assert keys.asked == 3


def test_another_canvas_account_signs_with_the_same_keys_and_stays_outside(
    doors: Doors, keys: Instructure, path: str
) -> None:
    foreign = {**EVENT, "metadata": {**EVENT["metadata"], "root_account_uuid": "Another0Account"}}
    unnamed = {**EVENT, "metadata": {k: v for k, v in EVENT["metadata"].items() if k != "root_account_uuid"}}
    actor = {**CALIPER_EVENT["actor"], "extensions": {"com.instructure.canvas": {"root_account_uuid": "x"}}}  # type: ignore[dict-item]  # a dictionary of JSON
    for payload in (
        foreign,
        unnamed,
        {**ENVELOPE, "sensor": "http://other.instructure.example/"},
        {**ENVELOPE, "sensor": "urn:sensor:1"},
        {**ENVELOPE, "data": [{**CALIPER_EVENT, "actor": actor}]},
    ):
        answer = doors.post(path, keys.signed(payload, keys.keys[1]))
        assert (answer.status_code, answer.json()["reason"]) == (403, "account_foreign")
    assert kept(doors) == 0


def test_what_is_not_signed_needs_the_source_s_own_credential(
    doors: Doors, keys: Instructure, path: str
) -> None:
    plain = json.dumps(EVENT)
    assert doors.post(path, plain).json()["reason"] == "credential_missing"
    wrong = {
        "another institution's": (token(doors.credential("canvas-1", Scope.CANVAS, institution=OTHER)), 401),
        "another source's": (token(doors.credential("canvas-2", Scope.CANVAS)), 401),
        "another scope's": (token(doors.credential("canvas-1", Scope.CALIPER, Scope.WRITE)), 403),
    }
    for name, (bearer, status) in wrong.items():
        assert doors.post(path, plain, bearer=bearer).status_code == status, name
    assert kept(doors) == 0
    own = token(doors.credential("canvas-1", Scope.CANVAS))
    assert statuses(doors.post(path, plain, bearer=own)) == ["accepted"]
    # The same event, now signed, is the same event.
    assert statuses(doors.post(path, keys.signed(EVENT, keys.keys[1]))) == ["duplicate"]
    # A credential does not make a bad signature good.
    assert doors.post(path, _unsigned(EVENT, {"alg": "none"}), bearer=own).status_code == 401


def test_an_expired_signature_and_an_old_event_are_refused(
    doors: Doors, keys: Instructure, path: str
) -> None:
    now = doors.clock.now().timestamp()
    answer = doors.post(path, keys.signed({**EVENT, "exp": now - 61}, keys.keys[1]))
    assert (answer.status_code, answer.json()["reason"]) == (422, "token_expired")
    doors.clock.advance(days=36)
    answer = doors.post(path, keys.signed(EVENT, keys.keys[1]))
    assert (answer.status_code, answer.json()["results"][0]["reason"]) == (422, "event_too_old")
    answer = doors.post(path, keys.signed(ENVELOPE, keys.keys[1]))
    assert (answer.status_code, answer.json()["results"][0]["reason"]) == (422, "event_too_old")
    assert kept(doors) == 0


def test_a_source_that_is_unknown_or_ended_and_a_huge_body_are_refused(
    doors: Doors, keys: Instructure, path: str
) -> None:
    good = keys.signed(EVENT, keys.keys[1])
    for unknown in ("/canvas/v1/cvs_0", "/canvas/v1/%00", "/canvas/v1/" + "x" * 500):
        assert doors.post(unknown, good).status_code == 401
    assert doors.post(path, b"x" * (MAX_EVENT_BYTES + 1)).status_code == 413
    canvas_sources(doors.house).end(ORG, path.rpartition("/")[2], by="test")
    assert doors.post(path, good).json()["reason"] == "canvas_source_unknown"


def test_without_keys_nothing_is_taken_and_canvas_is_asked_to_send_again(
    doors: Doors, keys: Instructure
) -> None:
    source = doors.canvas(keys, "canvas-2", jwks_url="http://127.0.0.1:9/jwks")
    answer = doors.post(f"/canvas/v1/{source.id}", keys.signed(EVENT, keys.keys[1]))
    assert (answer.status_code, answer.json()["reason"]) == (503, "platform_keys_unavailable")
