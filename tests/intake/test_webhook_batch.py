"""A batch of an LMS's messages: each read by allow-list, resolved to references of ours, taken once, told on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from bridge.db.outbox import EventRow
from bridge.intake import ports
from bridge.intake.service import IntakeService, WebhookAnswer
from bridge.intake.store import SqlInbox
from bridge.intake.webhook import (
    MAX_BATCH_BYTES,
    MAX_MESSAGES_IN_BATCH,
    id_of,
    parse_activity,
    parse_batch,
    parse_contact_scan,
    parse_ping,
    parse_signal,
)
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, CourseUnitId, LearnerRef, RegistrationId
from bridge.kernel.time import FixedClock
from tests.intake.test_webhook import DATA, MESSAGE, NOW, ORG, PLATFORM, Door, PlatformLearners

BATCH = "00000000-0000-4000-8000-0000000000aa"
ID = "00000000-0000-4000-8000-000000000001"
CONTACT = ("canary@lms.example", "13900139000", "微信号:canary_88", "QQ:12345678")
ACTIVITY: dict[str, Any] = {
    "event": "mod_quiz\\event\\attempt_submitted",
    "sub": "lms-user-1",
    "actor_sub": "teacher-9",
    "context_id": "course-4",
    "resource_link_id": "quiz-1",
    "attempt": "7",
}
SIGNAL: dict[str, Any] = {
    "kind": "grade_overridden",
    "sub": "lms-user-1",
    "actor_sub": "teacher-9",
    "context_id": "course-4",
    "resource_link_id": "quiz-1",
    "before": "50",
    "after": "92.50",
}
SCAN: dict[str, Any] = {
    "context_id": "course-4",
    "learners": 32,
    "with_contact": 3,
    "fields": {"email": 3, "phone1": 1, "phone2": 0, "address": 0, "custom": 1},
}
PING: dict[str, Any] = {
    "moodle": "4.5.5 (Build: 20250414)",
    "plugin": "2026112800",
    "clock": "2026-11-23T02:00:07Z",
}
BY_TYPE = {
    "attempt.graded": DATA,
    "lms.activity": ACTIVITY,
    "lms.signal": SIGNAL,
    "lms.contact_scan": SCAN,
    "lms.ping": PING,
}


class Places:
    """`Lms` of one platform: one account, one course with one quiz; whoever else is blind."""

    def person(self, registration: RegistrationId, sub: str) -> ports.Person:
        if sub == "lms-user-1":
            return ports.Person("acc_1", LearnerRef("lrn_1"))
        return ports.Person(self.actor(registration, sub), None)

    def actor(self, registration: RegistrationId, sub: str) -> str:
        return f"blind_{len(sub)}"

    def place(
        self, registration: RegistrationId, context_id: str, resource_link_id: str | None
    ) -> ports.Place:
        known = context_id == "course-4"
        unit = CourseUnitId("unit_quiz") if known and resource_link_id == "quiz-1" else None
        return ports.Place(f"blind_{len(context_id)}", ClassRunId("run_1") if known else None, unit)


class BatchDoor(Door):
    """The intake of one institution on a real database, whose platform has courses."""

    def take(self, type_: str, data: dict[str, Any], **changed: Any) -> WebhookAnswer:
        value = {**MESSAGE, "id": ID, "type": type_, "data": data, **changed}
        with self.uow.for_institution(ORG) as tx:
            intake = IntakeService(SqlInbox(tx), tx, PlatformLearners(), Places(), FixedClock(NOW), ORG)
            return intake.receive_from_batch(PLATFORM, value, batch=BATCH, body_sha256="b" * 64)

    def told(self, type_: str) -> list[dict[str, Any]]:
        with self.uow.across_institutions("read a test's events") as tx:
            rows = tx.session.scalars(select(EventRow).where(EventRow.type == type_))
            return [row.data for row in rows]

    def kept(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in self.inbox()]


@pytest.fixture
def door(database_url: str) -> Iterator[BatchDoor]:
    built = BatchDoor(database_url)
    yield built
    built.engine.dispose()


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def batch(**changed: Any) -> bytes:
    right = {"v": 1, "batch": BATCH, "sent_at": "2026-11-23T02:00:00Z", "messages": [MESSAGE]}
    return json.dumps({**right, **changed}).encode()


@pytest.mark.parametrize(
    ("content", "reason", "status"),
    [
        (b"", "json_malformed", 400),
        (b"[]", "version_unknown", 400),
        (batch(v=2), "version_unknown", 400),
        (batch(v=True), "version_unknown", 400),
        (b'{"v":1,"batch":"a","batch":"b"}', "json_malformed", 400),
        (batch(batch=None), "field_missing", 422),
        (batch(batch="batch-1"), "batch_id_malformed", 422),
        (batch(batch="canary@lms.example"), "batch_id_malformed", 422),
        (batch(sent_at="now"), "instant_malformed", 422),
        (batch(messages={}), "messages_count", 422),
        (batch(messages=[]), "messages_count", 422),
        (batch(messages=[MESSAGE] * (MAX_MESSAGES_IN_BATCH + 1)), "messages_count", 422),
        (b" " * (MAX_BATCH_BYTES + 1), "body_too_large", 413),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_batch_that_is_none_is_refused_as_a_whole(content: bytes, reason: str, status: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_batch(content)
    assert (refused.value.reason, refused.value.http_status) == (reason, status)


def test_the_largest_batch_is_read_and_its_messages_are_not_looked_at() -> None:
    read = parse_batch(batch(messages=[{}, None, "x", *[MESSAGE] * 197]))
    assert (read.id, len(read.messages)) == (BATCH, 200)


@pytest.mark.parametrize(
    "value", [None, [], "x", {}, {"id": 7}, {"id": ""}, {"id": "\ud800"}, {"id": "i" * 201}]
)
def test_a_message_without_a_readable_id_has_none_to_be_answered_under(value: object) -> None:
    assert id_of(value) is None


@pytest.mark.parametrize("type_", sorted(BY_TYPE))
def test_every_type_is_taken_once_and_known_again(door: BatchDoor, type_: str) -> None:
    first, again = door.take(type_, BY_TYPE[type_]), door.take(type_, BY_TYPE[type_])

    assert (first.duplicate, again.duplicate) == (False, True)
    assert first.message == again.message
    assert len(door.inbox()) == 1


@pytest.mark.parametrize("type_", sorted(BY_TYPE))
def test_a_message_is_the_same_message_at_the_single_door(door: BatchDoor, type_: str) -> None:
    first = door.take(type_, BY_TYPE[type_])
    single = json.dumps({**MESSAGE, "id": ID, "type": type_, "data": BY_TYPE[type_]}).encode()

    with door.open() as intake:
        again = intake.receive_webhook(PLATFORM, single)

    assert again == WebhookAnswer(first.message, duplicate=True)


def test_a_record_names_its_batch(door: BatchDoor) -> None:
    door.take("lms.ping", PING)
    with door.uow.for_institution(ORG) as tx:
        (record,) = SqlInbox(tx).after(f"{ORG}:webhook", 0, 10)
    assert record.original_sha256 == "b" * 64
    assert record.verification == f"HMAC-SHA256, timestamp window, batch {BATCH}"


def test_an_activity_is_kept_under_references_of_ours_and_told_to_nobody(door: BatchDoor) -> None:
    door.take("lms.activity", ACTIVITY)
    assert door.kept() == [
        {
            "type": "lms.activity",
            "occurred_at": "2026-11-23T01:30:01.000Z",
            "event": "mod_quiz\\event\\attempt_submitted",
            "account": "acc_1",
            "learner": "lrn_1",
            "actor": "blind_9",
            "context": "blind_8",
            "class_run": "run_1",
            "unit": "unit_quiz",
            "attempt": "7",
        }
    ]
    assert door.events() == [{"registration": PLATFORM}]


def test_a_signal_is_told_with_exact_marks(door: BatchDoor) -> None:
    answer = door.take("lms.signal", SIGNAL)
    (told,) = door.told("intake.signal_received")
    assert told["message"] == answer.message
    assert (told["kind"], told["before"], told["after"]) == ("grade_overridden", "50", "92.5")
    assert (told["class_run"], told["unit"], told["learner"]) == ("run_1", "unit_quiz", "lrn_1")
    assert (told["account"], told["actor"]) == ("acc_1", "blind_9")


@pytest.mark.parametrize("type_", ["lms.activity", "lms.signal"])
def test_an_account_that_never_launched_is_blind_and_taken(door: BatchDoor, type_: str) -> None:
    door.take(type_, {**BY_TYPE[type_], "sub": "stranger-with-a-name"})
    (kept,) = door.kept()
    assert (kept["account"], kept["learner"]) == ("blind_20", None)
    assert "stranger" not in repr(door.inbox())


def test_a_score_of_such_an_account_is_refused_and_leaves_no_trace(door: BatchDoor) -> None:
    with pytest.raises(InvalidInput, match="account_unknown"):
        door.take("attempt.graded", {**DATA, "sub": "stranger"})
    assert (door.inbox(), door.events()) == ([], [])


def test_a_course_in_which_no_class_run_is_taught_is_taken_blind(door: BatchDoor) -> None:
    door.take("lms.signal", {**SIGNAL, "context_id": "elsewhere"})
    (kept,) = door.kept()
    assert (kept["class_run"], kept["unit"], kept["context"]) == (None, None, "blind_9")


def test_a_scan_is_told_in_numbers_alone(door: BatchDoor) -> None:
    door.take("lms.contact_scan", SCAN)
    (told,) = door.told("intake.contact_scanned")
    assert (told["learners"], told["with_contact"], told["counts"]) == (32, 3, [3, 1, 0, 0, 1])
    assert "email" not in repr(door.kept())


def test_a_ping_tells_versions_and_how_far_the_clock_is_off(door: BatchDoor) -> None:
    door.take("lms.ping", PING)
    (told,) = door.told("intake.platform_pinged")
    assert (told["moodle"], told["plugin"], told["clock_skew_seconds"]) == ("4.5.5", "2026112800", 7)


def test_that_a_platform_has_our_plugin_is_told_once(door: BatchDoor) -> None:
    for number, type_ in enumerate(sorted(BY_TYPE)):
        door.take(type_, BY_TYPE[type_], id=uid(number))
    assert door.told("intake.plugin_heard") == [{"registration": PLATFORM}]


def test_a_score_alone_proves_no_plugin(door: BatchDoor) -> None:
    door.take("attempt.graded", DATA)
    assert door.told("intake.plugin_heard") == []


def test_what_lies_in_the_future_has_not_occurred(door: BatchDoor) -> None:
    with pytest.raises(InvalidInput, match="occurred_in_future"):
        door.take("lms.signal", SIGNAL, occurred_at="2026-11-23T02:05:01Z")
    assert door.inbox() == []
    door.take("lms.signal", SIGNAL, occurred_at="2026-11-23T02:05:00Z")
    assert len(door.inbox()) == 1


@pytest.mark.parametrize("contact", CONTACT)
@pytest.mark.parametrize("type_", sorted(BY_TYPE))
def test_contact_data_in_any_field_is_left_at_the_door_or_refused(
    door: BatchDoor, type_: str, contact: str
) -> None:
    """Whatever the field: none is kept, and none is told on. What became of each is told below."""
    taken = 0
    fields = [*BY_TYPE[type_], "email", "sessionid", "ip", "名字"]
    for number, name in enumerate(fields):
        data = {**BY_TYPE[type_], name: contact}
        try:
            door.take(type_, data, id=uid(number))
            taken += 1
        except InvalidInput:
            pass
    assert taken >= 4
    stored = repr((door.inbox(), door.events()))
    assert "canary" not in stored
    assert "13900139000" not in stored
    assert "12345678" not in stored


@pytest.mark.parametrize("contact", [*CONTACT, "陈晓安", "44019919900307121X", "m-1"])
def test_a_messages_id_is_a_uuid_and_nobodys_number(door: BatchDoor, contact: str) -> None:
    with pytest.raises(InvalidInput, match=r"id_malformed|person_in_id"):
        door.take("lms.ping", PING, id=contact)
    assert door.inbox() == []


@pytest.mark.parametrize(
    ("attempt", "reason"),
    [
        *((contact, "person_in_id") for contact in CONTACT[:2]),
        ("440199199003071219", "person_in_id"),
        ("陈晓安", "id_malformed"),
    ],
)
def test_a_scores_attempt_names_nobody(door: BatchDoor, attempt: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        door.take("attempt.graded", {**DATA, "attempt": attempt})


@pytest.mark.parametrize(
    ("attempt", "kept"),
    [("7", "7"), (7, "7"), (BATCH, BATCH), ("13900139000", None), ("wx_canary_88", None), ("陈晓安", None)],
)
def test_an_activitys_attempt_is_kept_in_moodles_form_alone(
    door: BatchDoor, attempt: object, kept: str | None
) -> None:
    door.take("lms.activity", {**ACTIVITY, "attempt": attempt})
    assert door.kept()[0]["attempt"] == kept


def test_a_uuid_is_an_id_whatever_its_digits_look_like(door: BatchDoor) -> None:
    door.take("lms.activity", {**ACTIVITY, "attempt": "abcdefff-aaaa-4aaa-a139-001390001234"}, id=BATCH)
    for unlucky in ("0000013a-0139-4013-9000-13900139000a", "aaaaaaaa-aaaa-4aaa-aaaa-a13900139000"):
        assert door.take("lms.ping", PING, id=unlucky).duplicate is False


@pytest.mark.parametrize(
    ("read", "right", "changes", "reason"),
    [
        (parse_activity, ACTIVITY, {"event": None}, "field_missing"),
        (parse_activity, ACTIVITY, {"event": "anything"}, "event_malformed"),
        (parse_activity, ACTIVITY, {"event": "core\\event\\x y"}, "event_malformed"),
        (parse_activity, ACTIVITY, {"event": "core\\event\\a13900139000"}, "event_malformed"),
        (parse_activity, ACTIVITY, {"sub": None}, "field_missing"),
        (parse_activity, ACTIVITY, {"sub": "u\0"}, "field_missing"),
        (parse_activity, ACTIVITY, {"context_id": ""}, "field_missing"),
        (parse_activity, ACTIVITY, {"context_id": "c" * 256}, "field_missing"),
        (parse_activity, ACTIVITY, {"actor_sub": ["a"]}, "field_missing"),
        (parse_activity, ACTIVITY, {"attempt": "a" * 256}, "field_missing"),
        (parse_signal, SIGNAL, {"kind": "all_is_well"}, "signal_kind_unknown"),
        (parse_signal, SIGNAL, {"kind": None}, "field_missing"),
        (parse_signal, SIGNAL, {"before": "many"}, "score_malformed"),
        (parse_signal, SIGNAL, {"after": "1e9"}, "score_malformed"),
        (parse_signal, SIGNAL, {"context_id": None}, "field_missing"),
        (parse_contact_scan, SCAN, {"learners": "32"}, "field_missing"),
        (parse_contact_scan, SCAN, {"learners": True}, "field_missing"),
        (parse_contact_scan, SCAN, {"learners": -1}, "field_missing"),
        (parse_contact_scan, SCAN, {"learners": 10**9}, "field_missing"),
        (parse_contact_scan, SCAN, {"fields": None}, "field_missing"),
        (parse_contact_scan, SCAN, {"fields": {**SCAN["fields"], "custom": None}}, "field_missing"),
        (parse_contact_scan, SCAN, {"with_contact": 0}, "scan_range"),
        (parse_contact_scan, SCAN, {"with_contact": 2}, "scan_range"),
        (parse_contact_scan, SCAN, {"with_contact": 6}, "scan_range"),
        (parse_contact_scan, SCAN, {"learners": 2}, "scan_range"),
        (parse_ping, PING, {"moodle": "latest"}, "version_malformed"),
        (parse_ping, PING, {"moodle": "13900139000"}, "version_malformed"),
        (parse_ping, PING, {"plugin": None}, "field_missing"),
        (parse_ping, PING, {"clock": "noon"}, "instant_malformed"),
    ],
)
def test_data_that_makes_no_sense_is_refused_with_its_reason(
    read: Any, right: dict[str, Any], changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        read({**right, **changes})
    assert (refused.value.reason, refused.value.http_status) == (reason, 422)


def test_a_clean_scan_of_an_empty_course_makes_sense() -> None:
    fields = dict.fromkeys(SCAN["fields"], 0)
    assert parse_contact_scan({**SCAN, "learners": 0, "with_contact": 0, "fields": fields}).counts == (0,) * 5
