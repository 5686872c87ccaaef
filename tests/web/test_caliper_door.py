"""The Caliper door over real HTTP."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bridge.intake.caliper import MAX_ENVELOPE_BYTES, VERSIONS
from bridge.intake.normalisers import normalise
from bridge.intake.store import SqlInbox, record_hash
from bridge.intake.xapi.model import Scope
from bridge.wiring.xapi import credentials
from tests.intake.learning_vectors import NEVER_KEPT, vectors
from tests.web.learning_doors import ORG, OTHER, Doors, open_doors, statuses, token

V1, V2 = VERSIONS
EVENTS = [case["event"] for case in vectors("caliper_events")]


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    with open_doors(tmp_path) as opened:
        yield opened


@pytest.fixture
def bearer(doors: Doors) -> str:
    return token(doors.credential("sensor-1", Scope.CALIPER))


def envelope(*events: Any, **change: Any) -> str:
    said = {"sensor": "https://lms.example/sensor", "sendTime": "2026-11-24T03:00:01.000Z"}
    return json.dumps({**said, "dataVersion": V1, "data": list(events), **change}, ensure_ascii=False)


def test_events_are_kept_once_and_nothing_personal_is_on_the_disk(doors: Doors, bearer: str) -> None:
    answer = doors.post("/caliper/v1", envelope(*EVENTS), bearer=bearer)
    assert answer.status_code == 200, answer.text
    assert statuses(answer) == ["accepted"] * len(EVENTS)
    again = doors.post("/caliper/v1", envelope(*reversed(EVENTS), dataVersion=V2), bearer=bearer)
    assert (again.status_code, statuses(again)) == (200, ["duplicate"] * len(EVENTS))
    assert doors.rows("SELECT count(*) FROM inbox_message") == [(len(EVENTS),)]
    written = doors.written()
    assert b"caliper:sensor-1" in written
    assert not [one for one in NEVER_KEPT if len(one) > 6 and one.encode() in written]


def test_the_chain_holds_and_every_message_can_be_read_again(doors: Doors, bearer: str) -> None:
    doors.post("/caliper/v1", envelope(*EVENTS), bearer=bearer)
    with doors.house.uow.for_institution(ORG, read_only=True) as tx:
        records = SqlInbox(tx).after(f"{ORG}:caliper", 0, 100)
    for before, record in zip([None, *records], records, strict=False):
        facts = {
            name: getattr(record, name)
            for name in (
                "chain",
                "seq",
                "source",
                "received_at",
                "original_sha256",
                "verification",
                "payload",
            )
        }
        assert record.hash == record_hash("0" * 64 if before is None else before.hash, **facts)
        assert list(normalise(record)) == list(normalise(record))
    assert len(records) == len(EVENTS)


def test_one_bad_event_spoils_no_other(doors: Doors, bearer: str) -> None:
    bad = {**EVENTS[1], "eventTime": "yesterday", "name": "19900003001"}
    entity = {"id": "https://lms.example/users/1", "type": "Person", "name": "陈晓安"}
    answer = doors.post("/caliper/v1", envelope(EVENTS[0], bad, entity, EVENTS[2]), bearer=bearer)
    assert (answer.status_code, statuses(answer)) == (200, ["accepted", "refused", "ignored", "accepted"])
    refused = answer.json()["results"][1]
    assert (refused["id"], refused["reason"]) == (EVENTS[1]["id"], "instant_malformed")
    assert "19900003001" not in answer.text


def test_an_envelope_with_nothing_to_take_is_refused(doors: Doors, bearer: str) -> None:
    answer = doors.post("/caliper/v1", envelope({**EVENTS[0], "id": "1"}, 7), bearer=bearer)
    assert (answer.status_code, statuses(answer)) == (422, ["refused", "refused"])
    assert [one["id"] for one in answer.json()["results"]] == [None, None]


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        ("{", {}, (400, "json_malformed")),
        ('{"a": 1, "a": 2}', {}, (400, "json_malformed")),
        ("[" * 100_000, {}, (400, "json_malformed")),
        ("[]", {}, (422, "envelope_malformed")),
        (envelope(EVENTS[0], dataVersion="v1p0"), {}, (422, "version_unknown")),
        (envelope(EVENTS[0]), {"Content_Type": "text/plain"}, (415, "content_type")),
        (b" " * (MAX_ENVELOPE_BYTES + 1), {}, (413, "body_too_large")),
    ],
)
def test_what_is_no_envelope_is_refused_with_its_reason(
    doors: Doors, bearer: str, body: bytes | str, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    answer = doors.post("/caliper/v1", body, bearer=bearer, **headers)
    assert (answer.status_code, answer.json()["reason"]) == expected


def test_an_envelope_up_to_the_limit_is_taken(doors: Doors, bearer: str) -> None:
    padding = "说明" * (MAX_ENVELOPE_BYTES // 6 // len(EVENTS) - 800)
    body = envelope(*({**event, "description": padding} for event in EVENTS))
    assert MAX_ENVELOPE_BYTES * 0.8 < len(body.encode()) < MAX_ENVELOPE_BYTES
    answer = doors.post("/caliper/v1", body, bearer=bearer)
    assert statuses(answer) == ["accepted"] * len(EVENTS)


def test_who_has_no_token_of_this_scope_stays_outside(doors: Doors, bearer: str) -> None:
    key, _, secret = bearer.partition(".")
    for given in (None, "", "x", key, f"{key}.", f"{key}.x{secret}", f".{secret}"):
        answer = doors.post("/caliper/v1", envelope(EVENTS[0]), bearer=given)
        assert answer.status_code == 401, given
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    writer = token(doors.credential("moodle-1", Scope.WRITE, Scope.READ, Scope.CANVAS))
    answer = doors.post("/caliper/v1", envelope(EVENTS[0]), bearer=writer)
    assert (answer.status_code, answer.json()["reason"]) == (403, "scope_missing")
    assert doors.rows("SELECT count(*) FROM inbox_message") == [(0,)]


def test_a_token_is_rotated_and_revoked_as_any_credential(doors: Doors) -> None:
    first = doors.credential("sensor-1", Scope.CALIPER)
    keys = credentials(doors.house)
    second = keys.rotate(first.credential.id)
    for number, one in enumerate((first, second)):
        answer = doors.post("/caliper/v1", envelope(EVENTS[number]), bearer=token(one))
        assert answer.status_code == 200
    doors.clock.advance(days=8)
    assert doors.post("/caliper/v1", envelope(EVENTS[2]), bearer=token(first)).status_code == 401
    keys.revoke(first.credential.id, by="test")
    assert doors.post("/caliper/v1", envelope(EVENTS[2]), bearer=token(second)).status_code == 401


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_same_events_from_many_at_once_are_kept_once(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else ""
    with open_doors(tmp_path, url) as doors:
        bearer = token(doors.credential("sensor-1", Scope.CALIPER))
        bodies = [envelope(*events) for events in (EVENTS, EVENTS[::-1], EVENTS[::2], EVENTS[1::2]) * 2]
        with ThreadPoolExecutor(len(bodies)) as senders:
            answers = list(senders.map(lambda body: doors.post("/caliper/v1", body, bearer=bearer), bodies))
        assert {answer.status_code for answer in answers} == {200}
        said = [status for answer in answers for status in statuses(answer)]
        assert said.count("accepted") == len(EVENTS)
        assert set(said) == {"accepted", "duplicate"}
        assert doors.rows("SELECT count(*), max(seq) FROM inbox_message") == [(len(EVENTS), len(EVENTS))]


def test_two_institutions_keep_their_own_and_know_a_person_by_two_references(
    doors: Doors, bearer: str
) -> None:
    other = token(doors.credential("sensor-1", Scope.CALIPER, institution=OTHER))
    for one in (bearer, other):
        assert statuses(doors.post("/caliper/v1", envelope(EVENTS[0]), bearer=one)) == ["accepted"]
    kept = doors.rows("SELECT institution_id, payload FROM inbox_message")
    assert {institution for institution, _payload in kept} == {ORG, OTHER}
    assert len({json.loads(payload)["actor"] for _institution, payload in kept}) == 2
