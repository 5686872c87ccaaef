"""The door for batches: the platform's signature over these very bytes, now; each message judged for itself; and
nothing that an LMS says moves a second of credit.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import requests

from bridge.intake.service import IntakeService
from bridge.kernel.time import rfc3339
from bridge.registry.lti_tables import LtiRegistrationRow
from tests.attacks.doors.agent import Agent, ask_session
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import (
    ORG,
    REGISTRATION,
    RUN,
    WEBHOOK_SECRET,
    BridgeServer,
    bridge_server,
    refusal,
    refused,
    traces,
)
from tests.attacks.doors.test_webhook import message

_numbers = count(1)
TAKEN = ("inbox_message", "inbox_chain", "event", "job")
"""Tables that a message may add to at the door."""
NOTED = (*TAKEN, "supervision_signal", "contact_scan", "lms_plugin")
"""Tables that what an LMS tells may add to in the end."""
KINDS = ("login_as", "grade_overridden", "pass_mark_lowered", "contact_data_found", "course_file_changed")


def uid() -> str:
    return f"00000000-0000-4000-8000-{next(_numbers):012d}"


def told(bridge: BridgeServer, type_: str, data: dict[str, Any], **changed: Any) -> dict[str, Any]:
    right = {"v": 1, "id": uid(), "type": type_, "occurred_at": rfc3339(bridge.clock.now()), "data": data}
    return {**right, **changed}


def activity(bridge: BridgeServer, person: Person, **changed: Any) -> dict[str, Any]:
    data = {
        "event": "mod_quiz\\event\\attempt_submitted",
        "sub": person.sub,
        "actor_sub": None,
        "context_id": "demo-course-1",
        "resource_link_id": "quiz-1",
        "attempt": "7",
    }
    return told(bridge, "lms.activity", {**data, **changed})


def signal(bridge: BridgeServer, person: Person, **changed: Any) -> dict[str, Any]:
    data = {
        "kind": "login_as",
        "sub": person.sub,
        "actor_sub": bridge.someone_again().sub,
        "context_id": "demo-course-1",
        "resource_link_id": "quiz-1",
        "before": "80",
        "after": "60",
    }
    return told(bridge, "lms.signal", {**data, **changed})


def score_message(bridge: BridgeServer, person: Person, **data: Any) -> dict[str, Any]:
    return {**message(bridge, person, **data), "id": uid()}


def scan(bridge: BridgeServer, with_contact: int, **changed: Any) -> dict[str, Any]:
    fields = {"email": with_contact, "phone1": 0, "phone2": 0, "address": 0, "custom": 0}
    data = {"context_id": "demo-course-1", "learners": 9, "with_contact": with_contact, "fields": fields}
    return told(bridge, "lms.contact_scan", {**data, **changed})


def ping(bridge: BridgeServer) -> dict[str, Any]:
    clock = rfc3339(bridge.clock.now())
    return told(bridge, "lms.ping", {"moodle": "4.5.5", "plugin": "2026112800", "clock": clock})


def batch(bridge: BridgeServer, *messages: Any, **changed: Any) -> bytes:
    right = {"v": 1, "batch": uid(), "sent_at": rfc3339(bridge.clock.now()), "messages": list(messages)}
    return json.dumps({**right, **changed}, ensure_ascii=False).encode()


def signed(
    bridge: BridgeServer, body: bytes, *, moved: int = 0, secret: bytes = WEBHOOK_SECRET
) -> dict[str, str]:
    stamp = str(bridge.clock.seconds() + moved)
    digest = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Anxue-Timestamp": stamp, "X-Anxue-Signature": f"v1={digest}"}


def send(bridge: BridgeServer, body: bytes, *, to: str = REGISTRATION, **headers: str) -> requests.Response:
    """Send the body, rightly signed unless `headers` say otherwise."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return bridge.post(f"/webhooks/v1/{to}/batches", body, **{**signed(bridge, body), **given})


def deliver(bridge: BridgeServer, *messages: Any) -> list[dict[str, Any]]:
    """Send a right batch; return the verdicts."""
    answer = send(bridge, batch(bridge, *messages))
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    assert [one["id"] for one in results] == [m.get("id") if isinstance(m, dict) else None for m in messages]
    return results


def statuses(results: list[dict[str, Any]]) -> list[str]:
    return [one["status"] for one in results]


@contextmanager
def clean_afterwards(bridge: BridgeServer) -> Iterator[None]:
    """Leave the class run open to the tests that come after."""
    yield
    bridge.clock.advance(1)
    assert statuses(deliver(bridge, scan(bridge, 0))) == ["accepted"]
    bridge.drain()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def bridge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BridgeServer]:
    """A bridge of its own: once a plugin is heard, a class run wants counts of contact data to stay open."""
    with ExitStack() as until_end:
        url = ""
        if request.param == "postgresql":
            url = until_end.enter_context(request.getfixturevalue("postgres_cluster").fresh_database())
        server = until_end.enter_context(bridge_server(tmp_path_factory.mktemp("batches"), url))
        assert statuses(deliver(server, scan(server, 0))) == ["accepted"]
        server.drain()
        yield server
        assert traces(server.everything_written()) == []


@pytest.fixture(scope="module")
def learner(bridge: BridgeServer) -> Person:
    return bridge.ready()[0]


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


@contextmanager
def other_registration(bridge: BridgeServer) -> Iterator[tuple[str, bytes]]:
    """Give a platform of another institution, and its secret; it stays, disabled, when the block ends."""
    number = next(_numbers)
    registration, secret = f"reg_other_{number}", b"the secret of another institution, no. 2"
    with bridge.house.uow.for_institution(ORG) as tx:
        ours = tx.session.get_one(LtiRegistrationRow, REGISTRATION)
        values = {column.name: getattr(ours, column.name) for column in LtiRegistrationRow.__table__.columns}
    sealed = bridge.house.cipher.encrypt_text(secret.decode(), table="lti_registration", row_id=registration)
    values.update(
        id=registration,
        institution_id="org_other",
        client_id=f"other-{number}",
        webhook_secret_enc=sealed,
        old_secret_enc=None,
        old_secret_until=None,
    )
    with bridge.house.uow.across_institutions("test: another institution's platform") as tx:
        tx.session.add(LtiRegistrationRow(**values))
    try:
        yield registration, secret
    finally:
        with bridge.house.uow.across_institutions("test: gone again") as tx:
            tx.session.get_one(LtiRegistrationRow, registration).status = "disabled"


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


def test_nobodys_contact_data_gets_past_the_door_in_whatever_field(
    bridge: BridgeServer, learner: Person
) -> None:
    """Each field of each message in turn holds a person's data: it is left at the door, or the message is refused."""
    person = bridge.someone()
    for canary in person.canaries:
        messages: list[dict[str, Any]] = []
        for right in (activity(bridge, learner), signal(bridge, learner), scan(bridge, 0), ping(bridge)):
            names = (*right["data"], "email", "phone", "sessionid", "fullname")
            messages += [told(bridge, right["type"], {**right["data"], name: canary}) for name in names]
        results = deliver(bridge, *messages)
        assert {"accepted", "refused"} == set(statuses(results))
        for result in results:
            if result["status"] == "refused":
                refusal({name: result[name] for name in ("reason", "message")}, result["reason"])
    bridge.drain()
    # That nothing of them stands in any row, file or log is held after each test and after all of them.


def test_contact_data_for_an_id_is_refused_and_told_to_nobody_else(bridge: BridgeServer) -> None:
    person = bridge.someone()
    with bridge.unchanged():
        for canary in person.canaries:
            (result,) = deliver(bridge, {**ping(bridge), "id": canary})
            assert result["status"] == "refused"
            assert result["reason"] in {"id_malformed", "person_in_id", "message_id_malformed"}
            assert canary not in result["message"]


def test_a_message_that_trips_us_keeps_none_of_its_neighbours_waiting(
    bridge: BridgeServer, learner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = signal(bridge, learner)
    receive = IntakeService.receive_from_batch

    def trips(self: IntakeService, registration: Any, value: Any, **more: Any) -> Any:
        answer = receive(self, registration, value, **more)
        if value["id"] == poison["id"]:
            raise ZeroDivisionError(learner.name)
        return answer

    monkeypatch.setattr(IntakeService, "receive_from_batch", trips)
    good = [ping(bridge), ping(bridge)]

    answer = send(bridge, batch(bridge, good[0], poison, good[1]))

    assert answer.status_code == 200
    assert [(one["id"], one["status"]) for one in answer.json()["results"]] == [
        (one["id"], "accepted") for one in good
    ]
    both = send(bridge, batch(bridge, ping(bridge), poison, poison, ping(bridge)))
    refused(both, 500, "internal_error")
    monkeypatch.undo()
    assert statuses(deliver(bridge, poison)) == ["accepted"]
    bridge.drain()


@pytest.mark.parametrize("kind", KINDS)
def test_no_signal_moves_a_second_of_credit(bridge: BridgeServer, kind: str) -> None:
    """SECURITY-CASES.md §4: each is seen by institution and authority; none of them moves credit."""
    agent = Agent.ready(bridge)
    assert agent.pass_check()["state"] == "passed"
    agent.study(120)
    before, entries = agent.statement(), list(agent.ledger())
    assert before.provisional_seconds + before.credited_seconds > 0

    with bridge.unchanged(*NOTED):
        results = deliver(
            bridge,
            signal(bridge, agent.person, kind=kind, before="100", after="0"),
            signal(bridge, agent.person, kind=kind, resource_link_id="unit-1", before=None, after=None),
            activity(bridge, agent.person, event="core\\event\\course_completed"),
            activity(bridge, agent.person, event="core\\event\\course_module_completion_updated"),
        )
        bridge.drain()

    assert statuses(results) == ["accepted"] * 4
    assert list(agent.ledger()) == entries
    assert agent.statement() == before
    assert bridge.papers(agent.learner) == []
    raised = bridge.rows("supervision_signal", learner_ref=agent.learner)
    assert [(row["kind"], row["class_run_id"]) for row in raised] == [(kind, RUN)] * 2


def test_a_score_that_nobody_was_seen_to_earn_is_a_signal(bridge: BridgeServer) -> None:
    person, ref = bridge.ready()

    assert statuses(deliver(bridge, score_message(bridge, person))) == ["accepted"]
    bridge.drain()

    (raised,) = bridge.rows("supervision_signal", learner_ref=ref)
    assert (raised["kind"], raised["source"], raised["after"]) == ("score_without_presence", "bridge", "88")


def test_a_class_run_whose_lms_keeps_contact_data_does_not_start(bridge: BridgeServer) -> None:
    """Article 27, at the door where study begins; a clean count opens it again."""
    person, _ref = bridge.ready()
    bridge.clock.advance(1)
    with clean_afterwards(bridge):
        # Far enough that what was taught clean before is no excuse.
        for _day in range(5):
            assert statuses(deliver(bridge, scan(bridge, 2))) == ["accepted"]
            bridge.drain()
            bridge.clock.advance(int(timedelta(days=1).total_seconds()))
        with bridge.unchanged():
            told_back = refused(ask_session(bridge, person), 403, "class_run_not_open")
        assert "联系方式" in told_back["message"]
    assert ask_session(bridge, person).status_code == 201
    kinds = {row["kind"] for row in bridge.rows("supervision_signal", class_run_id=RUN, source="bridge")}
    assert "contact_data_found" in kinds
