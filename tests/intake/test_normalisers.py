"""What a stored message claims: read by source and version, alike at the door and years later."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.intake.model import BeatEvent, InboxRecord
from bridge.intake.normalisers import (
    NORMALISERS,
    BatchClaim,
    EventClaim,
    PoisonMessage,
    StatementsClaim,
    normalise,
)
from bridge.kernel.ids import MessageId

AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
BATCH = {
    "beats": [[1000, 500, 1, 900, 1000], [2000, 1500, 0, None, 1000]],
    "ending": False,
    "previous_received_ms": 5,
    "received_ms": 10,
    "seq": 3,
    "study_factor": 1,
}
SCORE = {
    "attempt": "7",
    "class_run": "run_1",
    "finished_real": "2026-11-23T01:30:00.000000Z",
    "learner": "lrn_1",
    "maximum": "100",
    "score": "88",
    "started_real": "2026-11-23T01:00:00.000000Z",
    "unit": "unit_quiz",
}
PING = {"type": "lms.ping", "occurred_at": "2026-11-23T01:00:00.000000Z", "moodle": "4.5"}


def record(source: str, payload: Any) -> InboxRecord:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return InboxRecord(MessageId("msg_1"), "ss_1", 3, source, AT, "0" * 64, "test", text, "0" * 64, "1" * 64)


def test_a_batch_of_the_agent_is_read_as_it_was_stored() -> None:
    (claim,) = normalise(record("agent", BATCH))
    assert claim == BatchClaim(
        "ss_1", 3, 10, 5, 1, (BeatEvent(1000, 500, True, 900, 1000), BeatEvent(2000, 1500, False, None, 1000))
    )


def test_a_score_is_told_by_the_message_and_one_of_earlier_versions_by_its_own_end() -> None:
    (old,) = normalise(record("webhook:reg_1", SCORE))
    now = {**SCORE, "type": "attempt.graded", "occurred_at": "2026-11-23T01:45:00Z"}
    (new,) = normalise(record("webhook:reg_1", now))
    assert isinstance(old, EventClaim)
    assert isinstance(new, EventClaim)
    assert old.data == new.data == {**SCORE, "message": "msg_1"}
    assert (old.idempotency_key, new.idempotency_key) == ("webhook:msg_1",) * 2
    assert (old.occurred_at.minute, new.occurred_at.minute) == (30, 45)


def test_what_a_plugin_alone_sends_tells_that_there_is_one() -> None:
    heard, pinged = normalise(record("webhook:reg_1", PING))
    assert isinstance(heard, EventClaim)
    assert isinstance(pinged, EventClaim)
    assert (heard.type, heard.idempotency_key) == ("intake.plugin_heard", "reg_1")
    assert pinged.data == {**PING, "registration": "reg_1", "message": "msg_1"}
    (only,) = normalise(record("webhook:reg_1", {**PING, "type": "lms.activity"}))
    assert only == heard


def test_a_result_is_a_score_and_a_launch_and_a_strange_notice_claim_nothing() -> None:
    (claim,) = normalise(record("result:reg_1", {**SCORE, "type": "ags.result", "account": "acc_1"}))
    assert isinstance(claim, EventClaim)
    assert (claim.type, claim.data) == ("intake.score_received", {**SCORE, "message": "msg_1"})
    assert normalise(record("lti_launch:reg_1", {"sub": "x"})) == ()
    assert normalise(record("notice:reg_1", {"type": "of_tomorrow"})) == ()


def test_statements_are_named_with_their_hashes() -> None:
    kept = {"statements": [["id-1", "a" * 64]], "store": "records", "type": "xapi.statements", "v": 1}
    assert normalise(record("xapi:moodle-1", kept)) == (StatementsClaim("records", (("id-1", "a" * 64),)),)


@pytest.mark.parametrize(
    ("source", "payload", "reason"),
    [
        ("carrier_pigeon", BATCH, "source_unknown"),
        ("agent", "{", "payload_malformed"),
        ("agent", "[]", "payload_malformed"),
        ("agent", {**BATCH, "v": 2}, "version_unknown"),
        ("agent", {**BATCH, "v": True}, "version_unknown"),
        ("agent", {**BATCH, "v": "1"}, "version_unknown"),
        ("agent", {**BATCH, "v": [1]}, "version_unknown"),
        ("agent", {**BATCH, "beats": []}, "payload_malformed"),
        ("agent", {**BATCH, "beats": [[1, 2, 3]]}, "payload_malformed"),
        ("agent", {**BATCH, "beats": [[1, 2, 1, -5, 1000]]}, "payload_malformed"),
        ("agent", {**BATCH, "received_ms": -1}, "payload_malformed"),
        ("agent", {**BATCH, "received_ms": 10**30}, "payload_malformed"),
        ("agent", {**BATCH, "received_ms": "10"}, "payload_malformed"),
        ("agent", {name: BATCH[name] for name in BATCH if name != "study_factor"}, "payload_malformed"),
        ("webhook:reg_1", {**PING, "type": "lms.of_tomorrow"}, "type_unknown"),
        ("webhook:reg_1", {"type": "lms.ping"}, "payload_malformed"),
        ("webhook:reg_1", {**SCORE, "learner": None}, "payload_malformed"),
        ("webhook:reg_1", {**SCORE, "finished_real": "soon"}, "payload_malformed"),
        ("xapi:moodle-1", {"statements": [["id"]], "store": "records"}, "payload_malformed"),
        ("notice:reg_1", {}, "payload_malformed"),
    ],
)
def test_what_cannot_be_read_is_poison_and_says_why(source: str, payload: Any, reason: str) -> None:
    with pytest.raises(PoisonMessage) as poison:
        normalise(record(source, payload))
    assert poison.value.reason == reason


def test_every_source_that_stores_has_a_reader_of_the_first_version() -> None:
    assert all(1 in normaliser.readers and normaliser.name_zh for normaliser in NORMALISERS.values())
    assert {"agent", "lti_launch", "notice", "result", "webhook", "xapi"} <= set(NORMALISERS)
