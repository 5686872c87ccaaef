"""An LMS's signed webhook: believed by its signature, taken once, told on as a claim."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bridge.db.engine import open_engine
from bridge.db.outbox import EventRow
from bridge.db.unit_of_work import UnitOfWork
from bridge.intake import ports
from bridge.intake.service import IntakeService
from bridge.intake.store import SqlInbox
from bridge.intake.webhook import MAX_WEBHOOK_BYTES, parse_score, parse_webhook, verify_webhook
from bridge.kernel.errors import BridgeError, InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, CourseUnitId, InstitutionId, LearnerRef, RegistrationId
from bridge.kernel.time import FixedClock
from tests.servers.tables import make_tables

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET, OLD_SECRET = b"s" * 40, b"o" * 40
ORG, PLATFORM = InstitutionId("org_a"), RegistrationId("reg_" + "p" * 36)
DATA = {
    "sub": "lms-user-1",
    "resource_link_id": "quiz-1",
    "attempt": "attempt-1",
    "score": "87.5",
    "maximum": "100",
    "started_at": "2026-11-23T09:00:00+08:00",
    "finished_at": "2026-11-23T09:30:00+08:00",
}
MESSAGE = {"v": 1, "id": "m-1", "type": "attempt.graded", "occurred_at": "2026-11-23T01:30:01Z", "data": DATA}


def body(message: dict[str, Any] | None = None, **data: Any) -> bytes:
    return json.dumps({**(message or MESSAGE), "data": {**DATA, **data}}).encode()


def without(name: str) -> bytes:
    return json.dumps({**MESSAGE, "data": {k: v for k, v in DATA.items() if k != name}}).encode()


def signature(content: bytes, *, secret: bytes = SECRET, stamp: str = STAMP) -> str:
    return "v1=" + hmac.new(secret, stamp.encode() + b"." + content, hashlib.sha256).hexdigest()


class PlatformLearners:
    """`Learners` of one platform: one learner, one quiz."""

    def learner_of(self, registration: RegistrationId, sub: str) -> LearnerRef | None:
        return LearnerRef("lrn_1") if (registration, sub) == (PLATFORM, "lms-user-1") else None

    def test_unit(
        self, registration: RegistrationId, resource_link_id: str, learner: LearnerRef
    ) -> ports.TestUnit | None:
        known = resource_link_id == "quiz-1" and learner == "lrn_1"
        return ports.TestUnit(CourseUnitId("unit_quiz"), ClassRunId("run_1")) if known else None


class NoPlaces:
    """`Lms` of a platform that is asked for scores alone."""

    def person(self, registration: RegistrationId, sub: str) -> ports.Person:
        raise AssertionError("a score needs no account")

    def actor(self, registration: RegistrationId, sub: str) -> str:
        raise AssertionError("a score has no actor")

    def place(
        self, registration: RegistrationId, context_id: str, resource_link_id: str | None
    ) -> ports.Place:
        raise AssertionError("a score names no course")


class Door:
    """The intake of one institution on a real database."""

    def __init__(self, database_url: str) -> None:
        self.engine = open_engine(database_url)
        make_tables(self.engine)
        self.uow = UnitOfWork(self.engine, FixedClock(NOW))

    @contextmanager
    def open(self) -> Iterator[IntakeService]:
        with self.uow.for_institution(ORG) as tx:
            yield IntakeService(SqlInbox(tx), tx, PlatformLearners(), NoPlaces(), FixedClock(NOW), ORG)

    def receive(self, content: bytes) -> bool:
        """Return whether the message was known."""
        with self.open() as intake:
            return intake.receive_webhook(PLATFORM, content).duplicate

    def inbox(self, kind: str = "webhook") -> list[str]:
        with self.uow.for_institution(ORG) as tx:
            return [record.payload for record in SqlInbox(tx).after(f"{ORG}:{kind}", 0, 100)]

    def events(self) -> list[dict[str, Any]]:
        with self.uow.across_institutions("read a test's events") as tx:
            return [row.data for row in tx.session.scalars(select(EventRow))]


@pytest.fixture
def door(database_url: str) -> Iterator[Door]:
    built = Door(database_url)
    yield built
    built.engine.dispose()


def test_the_platforms_signature_is_believed() -> None:
    verify_webhook((SECRET,), STAMP, signature(body()), body(), NOW)


def test_while_a_secret_is_being_changed_both_sign() -> None:
    for secret in (SECRET, OLD_SECRET):
        verify_webhook((SECRET, OLD_SECRET), STAMP, signature(body(), secret=secret), body(), NOW)


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "v1=",
        "v1=" + "0" * 64,
        signature(body()).removeprefix("v1="),
        signature(body()).upper(),
        "v2=" + signature(body()).removeprefix("v1="),
        signature(body(), secret=b"other"),
        signature(body(score="100")),
        signature(body(), stamp=str(int(STAMP) + 1)),
        "v1=签名",
        "v1=\udcff",
    ],
)
def test_no_other_signature_is(forged: str) -> None:
    with pytest.raises(NotPermitted) as refused:
        verify_webhook((SECRET,), STAMP, forged, body(), NOW)
    assert (refused.value.reason, refused.value.http_status) == ("webhook_signature", 401)


def test_without_a_secret_nothing_is_signed() -> None:
    with pytest.raises(NotPermitted, match="webhook_signature"):
        verify_webhook((), STAMP, signature(body()), body(), NOW)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_signature_is_good_for_five_minutes_either_way(seconds: int) -> None:
    verify_webhook((SECRET,), STAMP, signature(body()), body(), NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_an_old_or_future_signature_is_refused(seconds: int) -> None:
    with pytest.raises(NotPermitted) as refused:
        verify_webhook((SECRET,), STAMP, signature(body()), body(), NOW + timedelta(seconds=seconds))
    assert (refused.value.reason, refused.value.http_status) == ("webhook_timestamp", 401)


@pytest.mark.parametrize("stamp", ["", " ", "-1", "1.5", "1e9", "１７６３", "٣", "0" * 13, "now"])
def test_a_timestamp_is_unix_seconds_in_digits(stamp: str) -> None:
    with pytest.raises(NotPermitted, match="webhook_timestamp"):
        verify_webhook((SECRET,), stamp, signature(body(), stamp=stamp), body(), NOW)


@pytest.mark.parametrize(
    ("content", "reason", "status"),
    [
        (b"", "json_malformed", 400),
        (b"{", "json_malformed", 400),
        (b"\xff\xfe\xfd", "json_malformed", 400),
        (b"[" * 60_000, "json_malformed", 400),
        (b'{"v":1,"v":1}', "json_malformed", 400),
        (b"[]", "version_unknown", 400),
        (b"{}", "version_unknown", 400),
        (b'{"v":"1"}', "version_unknown", 400),
        (b'{"v":2}', "version_unknown", 400),
        (b'{"v":1}', "field_missing", 422),
        (body({**MESSAGE, "type": "attempt.deleted"}), "webhook_type_unknown", 422),
        (json.dumps({**MESSAGE, "data": []}).encode(), "field_missing", 400),
        (body({**MESSAGE, "id": ""}), "field_missing", 422),
        (body({**MESSAGE, "id": "m" * 201}), "field_missing", 422),
        (body({**MESSAGE, "id": "m\0"}), "field_missing", 422),
        (body({**MESSAGE, "id": "\ud800"}), "field_missing", 422),
        (body({**MESSAGE, "occurred_at": "yesterday"}), "instant_malformed", 422),
        (body({**MESSAGE, "occurred_at": "2026-11-23T09:00:00"}), "instant_malformed", 422),
        (body({**MESSAGE, "occurred_at": "0001-01-01T00:00:00+14:00"}), "instant_malformed", 422),
        (b" " * (MAX_WEBHOOK_BYTES + 1), "body_too_large", 413),
    ],
)
def test_a_malformed_message_is_refused_with_its_reason(content: bytes, reason: str, status: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_webhook(content)
    assert (refused.value.reason, refused.value.http_status) == (reason, status)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"score": None}, "field_missing"),
        ({"score": True}, "field_missing"),
        ({"score": "eighty"}, "score_malformed"),
        ({"score": "NaN"}, "score_malformed"),
        ({"score": "1/3"}, "score_malformed"),
        ({"score": "-1"}, "score_malformed"),
        ({"score": "1e999999999"}, "score_malformed"),
        ({"score": "８８"}, "score_malformed"),
        ({"score": "0.1234567"}, "score_malformed"),
        ({"score": "101"}, "score_range"),
        ({"score": "0", "maximum": "0"}, "score_range"),
        ({"score": "1", "maximum": "1000001"}, "score_range"),
        ({"sub": ""}, "field_missing"),
        ({"sub": "u\n"}, "field_missing"),
        ({"sub": "u" * 256}, "field_missing"),
        ({"attempt": "a" * 81}, "field_missing"),
        ({"attempt": ["a"]}, "field_missing"),
        ({"started_at": "soon"}, "instant_malformed"),
        ({"finished_at": "2026-11-23T08:59:59+08:00"}, "attempt_times"),
    ],
)
def test_a_score_that_makes_no_sense_is_refused_with_its_reason(data: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_score({**DATA, **data})
    assert (refused.value.reason, refused.value.http_status) == (reason, 422)


@pytest.mark.parametrize("name", sorted(DATA))
def test_every_field_of_a_score_is_needed(door: Door, name: str) -> None:
    with pytest.raises(InvalidInput, match="field_missing"):
        door.receive(without(name))
    assert (door.inbox(), door.events()) == ([], [])


def test_a_score_is_told_on_as_a_claim_in_exact_digits(door: Door) -> None:
    assert door.receive(body()) is False
    (event,) = door.events()
    message = event.pop("message")
    assert message.startswith("msg_")
    assert event == {
        "attempt": "attempt-1",
        "class_run": "run_1",
        "finished_real": "2026-11-23T01:30:00.000Z",
        "learner": "lrn_1",
        "maximum": "100",
        "score": "87.5",
        "started_real": "2026-11-23T01:00:00.000Z",
        "unit": "unit_quiz",
    }


@pytest.mark.parametrize(
    ("sent", "told"), [("88", "88"), (88, "88"), ("88.50", "88.5"), (0.25, "0.25"), ("0", "0")]
)
def test_a_mark_is_told_as_a_person_writes_it(door: Door, sent: object, told: str) -> None:
    door.receive(body(score=sent))
    assert door.events()[0]["score"] == told


def test_the_same_message_again_is_known_and_told_once(door: Door) -> None:
    assert [door.receive(body()) for _ in range(3)] == [False, True, True]
    assert len(door.events()) == len(door.inbox()) == 1


def test_the_longest_id_is_taken_and_known_again(door: Door) -> None:
    longest = body({**MESSAGE, "id": "m" * 200})
    assert [door.receive(longest) for _ in range(2)] == [False, True]


def test_the_same_message_sent_many_times_at_once_is_taken_once(door: Door) -> None:
    def send(_: int) -> str:
        try:
            return "known" if door.receive(body()) else "new"
        except BridgeError as error:
            return error.reason

    with ThreadPoolExecutor(6) as senders:
        answers = list(senders.map(send, range(6)))
    assert answers.count("new") == 1
    assert set(answers) <= {"new", "known", "webhook_race"}
    assert len(door.events()) == len(door.inbox()) == 1


def test_messages_at_once_make_one_chain(door: Door) -> None:
    with ThreadPoolExecutor(6) as senders:
        list(senders.map(lambda n: door.receive(body({**MESSAGE, "id": f"m-{n}"})), range(12)))
    with door.uow.for_institution(ORG) as tx:
        records = SqlInbox(tx).after(f"{ORG}:webhook", 0, 100)
    assert [record.seq for record in records] == list(range(1, 13))
    assert [record.previous_hash for record in records[1:]] == [record.hash for record in records[:-1]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [({"sub": "stranger"}, "account_unknown"), ({"resource_link_id": "x"}, "unit_unknown")],
)
def test_a_stranger_or_an_unknown_quiz_leaves_no_trace(door: Door, data: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        door.receive(body(**data))
    assert (refused.value.reason, refused.value.http_status) == (reason, 422)
    assert (door.inbox(), door.events()) == ([], [])


def test_contact_data_that_an_lms_adds_is_stored_nowhere(door: Door) -> None:
    door.receive(body(email="zhang@example.com", phone="13800138000", note="微信号:zhang_san88"))
    kept = repr((door.inbox(), door.events()))
    assert "lrn_1" in kept
    for contact in ("example.com", "13800138000", "zhang_san88"):
        assert contact not in kept


def test_a_launch_is_chained_once_and_without_contact_data(door: Door) -> None:
    claims = {"sub": "lms-user-1", "email": "zhang@example.com", "context": "电工班 QQ:12345678"}
    with door.open() as intake:
        first = intake.receive_launch(PLATFORM, "a" * 64, claims)
        again = intake.receive_launch(PLATFORM, "a" * 64, claims)
    assert first is not None
    assert again is None
    assert door.inbox("lti_launch") == ['{"context":"电工班 [已去除联系方式]","sub":"lms-user-1"}']
