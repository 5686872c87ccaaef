"""An LMS's signed messages as they come: the signature, the envelope, and each type's data read by allow-list.

A field that is not named here is never looked at, so whatever an LMS adds (a name, an address, a session's id) ends
at the door. A named field takes no more than its own form, and opaque ids are resolved or blinded behind it.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from bridge.intake.contact import without_contact_text
from bridge.intake.model import (
    CONTACT_FIELDS,
    MAX_ATTEMPT,
    SIGNAL_KINDS,
    SUPPORTED_WEBHOOKS,
    ActivityClaim,
    ContactScanClaim,
    PingClaim,
    ScoreClaim,
    SignalClaim,
    WebhookBatch,
    WebhookMessage,
)
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.time import parse_rfc3339
from lti.contact import without_citizen_ids

SIGNED = "HMAC-SHA256, timestamp window"
"""How the sender of a message is proved."""
WEBHOOK_WINDOW = timedelta(seconds=300)
MAX_WEBHOOK_BYTES = 64 * 1024
MAX_BATCH_BYTES = 512 * 1024
MAX_MESSAGES_IN_BATCH = 200
_MAX_TEXT = 200
_MAX_LTI_TEXT = 255
"""LTI's own limit for `sub` and for a resource link's id."""
_MAX_PEOPLE = 1_000_000
_NUMBER = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,6})?")
"""A mark in digits. `Fraction` alone would also take "1/3", and "1e999999999" for minutes."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PLAIN_ATTEMPT = re.compile(r"[0-9]{1,10}")
"""Moodle's own; shorter than anybody's number."""
_EVENT = re.compile(r"\\?[a-z][a-z0-9_]*\\event\\[a-z][a-z0-9_]*")
"""A class of Moodle's events."""
_VERSION = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,4}){0,3}(?![0-9])")
"""What is kept of a version; words behind it are not."""


def verify_webhook(
    secrets: tuple[bytes, ...], timestamp: str, signature: str, body: bytes, now: datetime
) -> None:
    """Check a webhook's signature: `v1=` + hex HMAC-SHA256(secret, timestamp + "." + body).

    Args:
        secrets: one, or two while the secret is being changed.
        timestamp: Unix seconds as sent.

    Raises:
        NotPermitted: webhook_timestamp, webhook_signature.
    """
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        raise NotPermitted("webhook_timestamp", "回调缺少有效的时间戳", http_status=401)
    if abs(now.timestamp() - int(timestamp)) > WEBHOOK_WINDOW.total_seconds():
        raise NotPermitted("webhook_timestamp", "回调时间与服务器相差超过 5 分钟,请校准时钟", http_status=401)
    for secret in secrets:
        expected = "v1=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            return
    raise NotPermitted("webhook_signature", "回调签名不符,请核对密钥", http_status=401)


def parse_webhook(body: bytes) -> WebhookMessage:
    """Return the one message in `body`.

    Raises:
        InvalidInput: body_too_large, json_malformed, and as `parse_message`.
    """
    if len(body) > MAX_WEBHOOK_BYTES:
        raise InvalidInput("body_too_large", "回调内容超过 64 KB", http_status=413)
    return parse_message(decoded(body))


def parse_batch(body: bytes) -> WebhookBatch:
    """Return the batch in `body`; its messages are read one by one, since one that is bad spoils no other.

    Raises:
        InvalidInput: body_too_large, json_malformed, version_unknown, field_missing, batch_id_malformed,
            instant_malformed, messages_count.
    """
    if len(body) > MAX_BATCH_BYTES:
        raise InvalidInput("body_too_large", "批次内容超过 512 KB", http_status=413)
    value = _version_1(decoded(body))
    batch, sent_at = _text(value, "batch"), _instant(value, "sent_at")
    if not _UUID.fullmatch(batch):
        raise InvalidInput("batch_id_malformed", "批次编号应为 UUID", http_status=422)
    messages = value.get("messages")
    if not isinstance(messages, list) or not 1 <= len(messages) <= MAX_MESSAGES_IN_BATCH:
        raise InvalidInput("messages_count", f"每批须含 1–{MAX_MESSAGES_IN_BATCH} 条消息", http_status=422)
    return WebhookBatch(batch, sent_at, tuple(messages))


def parse_batch_message(value: Any) -> WebhookMessage:
    """Return a message of a batch, whose id is a UUID; InvalidInput: message_id_malformed, and as `parse_message`."""
    message = parse_message(value)
    if not _UUID.fullmatch(message.id):
        raise InvalidInput("message_id_malformed", "消息编号应为 UUID", http_status=422)
    return message


def parse_message(value: Any) -> WebhookMessage:
    """Return a message from decoded JSON; its data is read by the type's own reader below.

    Raises:
        InvalidInput: version_unknown, field_missing, id_malformed, person_in_id, webhook_type_unknown,
            instant_malformed.
    """
    envelope = _version_1(value)
    type_ = _text(envelope, "type")
    if type_ not in SUPPORTED_WEBHOOKS:
        raise InvalidInput("webhook_type_unknown", "不支持的回调类型", http_status=422)
    data = envelope.get("data")
    if not isinstance(data, dict):
        raise InvalidInput("field_missing", "回调缺少 data")
    return WebhookMessage(_own_id(envelope, "id"), type_, _instant(envelope, "occurred_at"), data)


def names_a_person(text: str) -> bool:
    """Return whether an id holds contact data or a citizen id; a UUID's digits are chance."""
    return not _UUID.fullmatch(text) and without_citizen_ids(without_contact_text(text)) != text


def id_of(value: Any) -> str | None:
    """Return the id under which a message's verdict is told; None for one that has none to tell it under."""
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= _MAX_TEXT and found.isprintable() else None


def parse_score(data: Mapping[str, Any]) -> ScoreClaim:
    """Return the score in a webhook's data.

    Raises:
        InvalidInput: field_missing, id_malformed, person_in_id, instant_malformed, score_malformed,
            score_range, attempt_times.
    """
    score, maximum = _number(data, "score"), _number(data, "maximum")
    if not (0 <= score <= maximum <= 1_000_000 and maximum > 0):
        raise InvalidInput("score_range", "成绩须在 0 与满分之间", http_status=422)
    started, finished = _instant(data, "started_at"), _instant(data, "finished_at")
    if finished < started:
        raise InvalidInput("attempt_times", "交卷时间早于开考时间", http_status=422)
    return ScoreClaim(
        sub=_text(data, "sub", _MAX_LTI_TEXT),
        resource_link_id=_text(data, "resource_link_id", _MAX_LTI_TEXT),
        attempt=_own_id(data, "attempt", MAX_ATTEMPT),
        score=score,
        maximum=maximum,
        started_real=started,
        finished_real=finished,
    )


def parse_activity(data: Mapping[str, Any]) -> ActivityClaim:
    """Return the activity in a message's data; InvalidInput: field_missing, event_malformed.

    An attempt's id of another form than Moodle's is left out: nothing rests on it.
    """
    event = _text(data, "event", _MAX_LTI_TEXT)
    if not _EVENT.fullmatch(event) or without_contact_text(event) != event:
        raise InvalidInput("event_malformed", "event 应为学习平台的事件类名", http_status=422)
    attempt = _optional(data, "attempt")
    plain = attempt is not None and (_PLAIN_ATTEMPT.fullmatch(attempt) or _UUID.fullmatch(attempt))
    return ActivityClaim(
        event=event.removeprefix("\\"),
        sub=_text(data, "sub", _MAX_LTI_TEXT),
        actor_sub=_optional(data, "actor_sub"),
        context_id=_text(data, "context_id", _MAX_LTI_TEXT),
        resource_link_id=_optional(data, "resource_link_id"),
        attempt=attempt if plain else None,
    )


def parse_signal(data: Mapping[str, Any]) -> SignalClaim:
    """Return the signal in a message's data; InvalidInput: field_missing, signal_kind_unknown, score_malformed."""
    kind = _text(data, "kind")
    if kind not in SIGNAL_KINDS:
        raise InvalidInput("signal_kind_unknown", "不支持的信号类型", http_status=422)
    return SignalClaim(
        kind=kind,
        sub=_optional(data, "sub"),
        actor_sub=_optional(data, "actor_sub"),
        context_id=_text(data, "context_id", _MAX_LTI_TEXT),
        resource_link_id=_optional(data, "resource_link_id"),
        before=None if data.get("before") is None else digits(_number(data, "before")),
        after=None if data.get("after") is None else digits(_number(data, "after")),
    )


def parse_contact_scan(data: Mapping[str, Any]) -> ContactScanClaim:
    """Return the scan in a message's data; InvalidInput: field_missing, scan_range."""
    learners, with_contact = _people(data, "learners"), _people(data, "with_contact")
    fields = data.get("fields")
    if not isinstance(fields, dict):
        raise InvalidInput("field_missing", "缺少或无效的字段 fields", http_status=422)
    counts = tuple(_people(fields, name) for name in CONTACT_FIELDS)
    # A scan whose numbers do not fit each other proves nothing, least of all that a course is clean.
    if not max(counts) <= with_contact <= min(learners, sum(counts)):
        raise InvalidInput("scan_range", "联系方式核查的人数互相矛盾", http_status=422)
    return ContactScanClaim(_text(data, "context_id", _MAX_LTI_TEXT), learners, with_contact, counts)


def parse_ping(data: Mapping[str, Any]) -> PingClaim:
    """Return the ping in a message's data; InvalidInput: field_missing, version_malformed, instant_malformed."""
    return PingClaim(_version(data, "moodle"), _version(data, "plugin"), _instant(data, "clock"))


def digits(number: Fraction) -> str:
    """Return a mark as a person writes it: exact, since it came with six decimals at most."""
    return format(Decimal(number.numerator) / Decimal(number.denominator), "f")


def decoded(body: bytes) -> Any:
    """Return the JSON in `body`, its numbers with a point as their digits; InvalidInput("json_malformed")."""
    try:
        return json.loads(body, object_pairs_hook=_no_duplicates, parse_float=_no_float)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("json_malformed", "回调内容不是有效的 JSON") from error


def _version_1(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or value.get("v") != 1 or isinstance(value["v"], bool):
        raise InvalidInput("version_unknown", "回调版本不受支持,应为 v=1")
    return value


def _text(value: Mapping[str, Any], name: str, longest: int = _MAX_TEXT) -> str:
    text = value.get(name)
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    # Not printable: control characters and halves of surrogates, which no database takes.
    if not isinstance(text, str) or not 0 < len(text) <= longest or not text.isprintable():
        raise InvalidInput("field_missing", f"缺少或无效的字段 {name}", http_status=422)
    return text


def _optional(value: Mapping[str, Any], name: str) -> str | None:
    return None if value.get(name) is None else _text(value, name, _MAX_LTI_TEXT)


def _own_id(value: Mapping[str, Any], name: str, longest: int = _MAX_TEXT) -> str:
    """Return an id that is kept as it came: it may name nobody."""
    text = _text(value, name, longest)
    if not text.isascii():
        raise InvalidInput("id_malformed", f"字段 {name} 只能由字母、数字和符号组成", http_status=422)
    if names_a_person(text):
        raise InvalidInput("person_in_id", f"字段 {name} 含有联系方式或身份证号,不予接收", http_status=422)
    return text


def _version(value: Mapping[str, Any], name: str) -> str:
    found = _VERSION.match(_text(value, name, _MAX_LTI_TEXT))
    if found is None:
        raise InvalidInput("version_malformed", f"字段 {name} 不是版本号", http_status=422)
    return found[0]


def _people(value: Mapping[str, Any], name: str) -> int:
    number = value.get(name)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _MAX_PEOPLE:
        raise InvalidInput("field_missing", f"缺少或无效的字段 {name}", http_status=422)
    return number


def _number(value: Mapping[str, Any], name: str) -> Fraction:
    text = _text(value, name)
    if not _NUMBER.fullmatch(text):
        raise InvalidInput("score_malformed", "成绩须为数字,最多七位整数和六位小数", http_status=422)
    return Fraction(text)


def _instant(value: Mapping[str, Any], name: str) -> datetime:
    try:
        return parse_rfc3339(_text(value, name))
    except (ValueError, OverflowError) as error:
        raise InvalidInput("instant_malformed", f"字段 {name} 不是带时区的时间", http_status=422) from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate key")
    return value


def _no_float(text: str) -> str:
    # A score such as 87.5 is kept as its digits; a float would round it.
    return text
