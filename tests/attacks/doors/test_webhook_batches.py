"""The door for batches: the platform's signature over these very bytes, now; each message judged for itself."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.attacks.doors.lms_batches import (
    activity,
    batch,
    bridge,
    deliver,
    learner,
    other_registration,
    ping,
    scan,
    score_message,
    send,
    signal,
    signed,
    statuses,
)
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import ORG, REGISTRATION, RUN, BridgeServer, refusal, refused

__all__ = ["bridge", "learner"]  # fixtures


def test_a_batch_is_answered_message_by_message_in_the_order_sent(
    bridge: BridgeServer, learner: Person
) -> None:
    messages = [
        ping(bridge),
        activity(bridge, learner),
        signal(bridge, learner),
        score_message(bridge, learner),
    ]

    results = deliver(bridge, *messages, messages[0])

    assert statuses(results) == ["accepted"] * 4 + ["duplicate"]
    assert [set(one) for one in results] == [{"id", "status"}] * 5


def test_a_bad_message_is_refused_with_its_reason_and_spoils_no_other(
    bridge: BridgeServer, learner: Person
) -> None:
    stranger = bridge.someone()
    bad: list[tuple[Any, str]] = [
        (score_message(bridge, stranger), "account_unknown"),
        (score_message(bridge, learner, score="101"), "score_range"),
        (signal(bridge, learner, kind="all_is_well"), "signal_kind_unknown"),
        ({**ping(bridge), "v": 2}, "version_unknown"),
        ({**ping(bridge), "id": "ping-1"}, "message_id_malformed"),
        ({**ping(bridge), "type": "lms.backdoor"}, "webhook_type_unknown"),
        ({**ping(bridge), "data": []}, "field_missing"),
        (scan(bridge, 3, learners=2), "scan_range"),
        ({**signal(bridge, learner), "occurred_at": "2036-01-01T00:00:00Z"}, "occurred_in_future"),
        ("not a message", "version_unknown"),
        (None, "version_unknown"),
        ({}, "version_unknown"),
    ]
    good = [ping(bridge), activity(bridge, learner), ping(bridge)]
    before = len(bridge.rows("inbox_message"))

    results = deliver(bridge, good[0], *(one for one, _reason in bad), *good[1:])

    assert statuses(results) == ["accepted", *["refused"] * len(bad), "accepted", "accepted"]
    for result, (_message, reason) in zip(results[1:-2], bad, strict=True):
        refusal({name: result[name] for name in ("reason", "message")}, reason)
    assert len(bridge.rows("inbox_message")) == before + 3


def test_a_batch_of_nothing_but_bad_messages_changes_nothing(bridge: BridgeServer, learner: Person) -> None:
    with bridge.unchanged():
        results = deliver(bridge, signal(bridge, learner, kind="x"), scan(bridge, 3, learners=2), {})
    assert statuses(results) == ["refused"] * 3


def test_a_replayed_batch_is_known_and_changes_nothing(bridge: BridgeServer, learner: Person) -> None:
    body = batch(bridge, ping(bridge), signal(bridge, learner), score_message(bridge, learner))
    headers = signed(bridge, body)
    assert statuses(send(bridge, body).json()["results"]) == ["accepted"] * 3
    bridge.drain()

    with bridge.unchanged():
        bridge.clock.advance(299)
        again = bridge.post(f"/webhooks/v1/{REGISTRATION}/batches", body, **headers)
        assert statuses(again.json()["results"]) == ["duplicate"] * 3
        bridge.clock.advance(2)
        late = bridge.post(f"/webhooks/v1/{REGISTRATION}/batches", body, **headers)
        refused(late, 401, "webhook_timestamp")


def test_one_message_is_one_message_at_both_doors(bridge: BridgeServer, learner: Person) -> None:
    by_batch, by_itself = score_message(bridge, learner), score_message(bridge, learner)
    single = json.dumps(by_itself).encode()
    first = bridge.post(f"/webhooks/v1/{REGISTRATION}", single, **signed(bridge, single))
    assert first.status_code == 202

    assert statuses(deliver(bridge, by_batch, by_itself)) == ["accepted", "duplicate"]
    again = json.dumps(by_batch).encode()
    second = bridge.post(f"/webhooks/v1/{REGISTRATION}", again, **signed(bridge, again))
    assert (second.status_code, second.json()["duplicate"]) == (200, True)
    bridge.drain()


def test_the_same_batch_many_times_at_once_is_taken_once(bridge: BridgeServer, learner: Person) -> None:
    body = batch(bridge, *(signal(bridge, learner) for _ in range(5)))
    before = len(bridge.rows("inbox_message"))

    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda _: send(bridge, body), range(12)))

    assert {answer.status_code for answer in answers} == {200}
    verdicts = [one["status"] for answer in answers for one in answer.json()["results"]]
    assert (verdicts.count("accepted"), verdicts.count("duplicate")) == (5, 55)
    assert len(bridge.rows("inbox_message")) == before + 5
    bridge.drain()


def test_only_the_registrations_secret_signs_these_bytes_and_this_moment(
    bridge: BridgeServer, learner: Person
) -> None:
    body, better = batch(bridge, signal(bridge, learner)), batch(bridge, ping(bridge))
    right = signed(bridge, body)
    path = f"/webhooks/v1/{REGISTRATION}/batches"

    with bridge.unchanged():
        for headers in (
            {"X-Anxue-Signature": ""},
            {"X-Anxue-Signature": "v1=" + "0" * 64},
            {"X-Anxue-Signature": right["X-Anxue-Signature"][3:]},
            {"X-Anxue-Timestamp": str(bridge.clock.seconds() + 1)},
            signed(bridge, body, secret=b""),
            signed(bridge, body, secret=b"another secret of forty characters......"),
            signed(bridge, better),
        ):
            refused(bridge.post(path, body, **{**right, **headers}), 401, "webhook_signature")
        refused(bridge.post(path, better, **right), 401, "webhook_signature")
        refused(bridge.post(path, body), 401, "webhook_timestamp")
        for moved in (-301, 301, 10**9):
            refused(bridge.post(path, body, **signed(bridge, body, moved=moved)), 401, "webhook_timestamp")


@pytest.mark.parametrize("registration", ["reg_unknown", "%00", "x" * 300, "'--", "reg_demo_lms%00"])
def test_an_unknown_registration_sounds_like_a_wrong_signature(
    bridge: BridgeServer, learner: Person, registration: str
) -> None:
    with bridge.unchanged():
        refused(send(bridge, batch(bridge, ping(bridge)), to=registration), 401, "webhook_signature")


def test_another_institutions_secret_opens_nothing_here_and_its_words_reach_nothing_of_ours(
    bridge: BridgeServer, learner: Person
) -> None:
    bridge.drain()
    with other_registration(bridge) as (other, secret):
        body = batch(bridge, signal(bridge, learner), scan(bridge, 7), score_message(bridge, learner))
        with bridge.unchanged():
            crossed = bridge.post(
                f"/webhooks/v1/{REGISTRATION}/batches", body, **signed(bridge, body, secret=secret)
            )
            refused(crossed, 401, "webhook_signature")
            refused(send(bridge, body, to=other), 401, "webhook_signature")
        ours = [row for row in bridge.rows("inbox_message") if row["institution_id"] == ORG]

        answer = bridge.post(f"/webhooks/v1/{other}/batches", body, **signed(bridge, body, secret=secret))
        bridge.drain()

        results = answer.json()["results"]
        assert statuses(results) == ["accepted", "accepted", "refused"]
        assert results[2]["reason"] == "account_unknown"
        assert [row for row in bridge.rows("inbox_message") if row["institution_id"] == ORG] == ours
        (raised,) = bridge.rows("supervision_signal", institution_id="org_other", source="lms")
        assert (raised["class_run_id"], raised["learner_ref"], raised["unit_id"]) == (None, None, None)
        assert raised["account"].startswith("blind_")
        (counted,) = bridge.rows("contact_scan", institution_id="org_other")
        assert counted["context"] not in {
            row["context"] for row in bridge.rows("contact_scan", institution_id=ORG)
        }
        with bridge.house.uow.for_institution(ORG, read_only=True) as tx:
            assert "contact_data_in_lms" not in {
                reason.code for reason in bridge.house.at(tx).contact_gate.sheet(RUN).objections
            }


BODIES: list[tuple[bytes, int, str]] = [
    (b"", 400, "json_malformed"),
    (b"{", 400, "json_malformed"),
    (b"\xff", 400, "json_malformed"),
    (b"[]", 400, "version_unknown"),
    (b"null", 400, "version_unknown"),
    (b'{"v":2}', 400, "version_unknown"),
    (b'{"v":1,"v":1}', 400, "json_malformed"),
    (b"[" * 30_000, 400, "json_malformed"),
    (b'{"v":1,"x":' + b"9" * 5_000 + b"}", 400, "json_malformed"),
    (b'{"v":1}', 422, "field_missing"),
]


@pytest.mark.parametrize(("body", "status", "reason"), BODIES, ids=lambda value: str(value)[:24])
def test_a_signed_body_that_is_no_batch_is_refused_as_a_whole(
    bridge: BridgeServer, body: bytes, status: int, reason: str
) -> None:
    with bridge.unchanged():
        refused(send(bridge, body), status, reason)


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"batch": "batch-1"}, 422, "batch_id_malformed"),
        ({"sent_at": "now"}, 422, "instant_malformed"),
        ({"messages": {}}, 422, "messages_count"),
        ({"messages": []}, 422, "messages_count"),
        ({"messages": [{}] * 201}, 422, "messages_count"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_batch_of_another_shape_is_refused_as_a_whole(
    bridge: BridgeServer, changed: dict[str, Any], status: int, reason: str
) -> None:
    with bridge.unchanged():
        refused(send(bridge, batch(bridge, ping(bridge), **changed)), status, reason)


def test_a_batch_beyond_512_kb_without_its_length_or_of_another_type_is_refused(
    bridge: BridgeServer,
) -> None:
    path = f"/webhooks/v1/{REGISTRATION}/batches"
    large = batch(bridge, ping(bridge), padding="x" * 530_000)
    body = batch(bridge, ping(bridge))
    chunked = [("Transfer-Encoding", "chunked"), *signed(bridge, b"{}").items()]

    with bridge.unchanged():
        refused(send(bridge, large), 413, "body_too_large")
        # Not even read, so that nobody without the secret can make us hash megabytes.
        refused(bridge.post(path, large), 413, "body_too_large")
        status, told_back = bridge.raw("POST", path, chunked, b"2\r\n{}\r\n0\r\n\r\n")
        refused(send(bridge, body, Content_Type="text/plain"), 415, "content_type")

    refusal(told_back, "length_required")
    assert status == 411


def test_the_largest_batch_is_taken(bridge: BridgeServer, learner: Person) -> None:
    results = deliver(bridge, *(activity(bridge, learner, attempt=str(n)) for n in range(200)))
    assert statuses(results) == ["accepted"] * 200


def test_a_platform_that_is_disabled_is_not_heard(bridge: BridgeServer) -> None:
    with other_registration(bridge) as (other, secret):
        pass
    body = batch(bridge, ping(bridge))

    with bridge.unchanged():
        answer = bridge.post(f"/webhooks/v1/{other}/batches", body, **signed(bridge, body, secret=secret))

    refused(answer, 401, "webhook_signature")
