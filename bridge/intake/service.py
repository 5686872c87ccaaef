"""The doors' use cases: a launch, a signed webhook. Each is checked, stripped, chained, and then told on."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from bridge.intake.contact import without_contact_data
from bridge.intake.model import MAX_ATTEMPT, SUPPORTED_WEBHOOKS, ScoreClaim, WebhookMessage
from bridge.intake.ports import Inbox, Learners
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.events import Events
from bridge.kernel.ids import InstitutionId, MessageId, RegistrationId
from bridge.kernel.time import Clock, parse_rfc3339, rfc3339

WEBHOOK_WINDOW = timedelta(seconds=300)
MAX_WEBHOOK_BYTES = 64 * 1024
_MAX_TEXT = 200
_MAX_LTI_TEXT = 255
"""LTI's own limit for `sub` and for a resource link's id."""
_NUMBER = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,6})?")
"""A mark in digits. `Fraction` alone would also take "1/3", and "1e999999999" for minutes."""


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """What the LMS hears: the message's id, and whether it was known."""

    message: MessageId
    duplicate: bool


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
    """Return the message in `body`.

    Raises:
        InvalidInput: body_too_large, json_malformed, field_missing, webhook_type_unknown.
    """
    if len(body) > MAX_WEBHOOK_BYTES:
        raise InvalidInput("body_too_large", "回调内容超过 64 KB", http_status=413)
    try:
        value = json.loads(body, object_pairs_hook=_no_duplicates, parse_float=_no_float)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("json_malformed", "回调内容不是有效的 JSON") from error
    if not isinstance(value, dict) or value.get("v") != 1:
        raise InvalidInput("version_unknown", "回调版本不受支持,应为 v=1")
    type_ = _text(value, "type")
    if type_ not in SUPPORTED_WEBHOOKS:
        raise InvalidInput("webhook_type_unknown", "不支持的回调类型", http_status=422)
    data = value.get("data")
    if not isinstance(data, dict):
        raise InvalidInput("field_missing", "回调缺少 data")
    return WebhookMessage(_text(value, "id"), type_, _instant(value, "occurred_at"), data)


def parse_score(data: Mapping[str, Any]) -> ScoreClaim:
    """Return the score in a webhook's data.

    Raises:
        InvalidInput: field_missing, instant_malformed, score_malformed, score_range, attempt_times.
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
        attempt=_text(data, "attempt", MAX_ATTEMPT),
        score=score,
        maximum=maximum,
        started_real=started,
        finished_real=finished,
    )


class IntakeService:
    """Receives what platforms send on behalf of one institution."""

    def __init__(
        self, inbox: Inbox, events: Events, learners: Learners, clock: Clock, institution_id: InstitutionId
    ) -> None:
        self._inbox = inbox
        self._events = events
        self._learners = learners
        self._clock = clock
        self._institution_id = institution_id

    def receive_launch(
        self, registration: RegistrationId, id_token_sha256: str, claims: Mapping[str, Any]
    ) -> MessageId | None:
        """Chain a verified launch; None if this very token is in the inbox already.

        Args:
            claims: what is kept of it: no name, no contact data.
        """
        record = self._inbox.append(
            chain=f"{self._institution_id}:lti_launch",
            source=f"lti_launch:{registration}",
            received_at=self._clock.now(),
            original_sha256=id_token_sha256,
            verification="id_token signature, one-time state and nonce",
            idempotency_key=id_token_sha256,
            payload=canonical_json(without_contact_data(claims)).decode(),
        )
        return None if record is None else record.id

    def receive_webhook(self, registration: RegistrationId, body: bytes) -> WebhookAnswer:
        """Chain a verified webhook and tell it on.

        Raises:
            InvalidInput: as `parse_webhook` and `parse_score`; account_unknown, unit_unknown (422): nothing is stored.
        """
        message = parse_webhook(body)
        claim = parse_score(message.data)
        source = f"webhook:{registration}"
        known = self._inbox.find(source, message.id)
        if known is not None:
            return WebhookAnswer(known, duplicate=True)
        learner = self._learners.learner_of(registration, claim.sub)
        if learner is None:
            raise InvalidInput("account_unknown", "该账号尚未完成实名,成绩未接收", http_status=422)
        unit = self._learners.test_unit(registration, claim.resource_link_id, learner)
        if unit is None:
            raise InvalidInput("unit_unknown", "该测试未在本桥登记", http_status=422)
        data = {
            "attempt": claim.attempt,
            "class_run": unit.class_run,
            "finished_real": rfc3339(claim.finished_real),
            "learner": learner,
            "maximum": _digits(claim.maximum),
            "score": _digits(claim.score),
            "started_real": rfc3339(claim.started_real),
            "unit": unit.unit,
        }
        record = self._inbox.append(
            chain=f"{self._institution_id}:webhook",
            source=source,
            received_at=self._clock.now(),
            original_sha256=sha256_hex(body),
            verification="HMAC-SHA256, timestamp window",
            idempotency_key=message.id,
            payload=canonical_json(without_contact_data(data)).decode(),
        )
        if record is None:
            # Another request brought the same message at the same time; the chain's lock let it go first.
            known = self._inbox.find(source, message.id)
            if known is None:
                raise InvalidInput("webhook_race", "同一消息正在处理,请稍后重发", http_status=409)
            return WebhookAnswer(known, duplicate=True)
        self._events.emit(
            "intake.score_received",
            learner,
            occurred_at=message.occurred_at,
            idempotency_key=f"webhook:{record.id}",
            causation_id=record.id,
            data={**data, "message": record.id},
        )
        return WebhookAnswer(record.id, duplicate=False)


def _text(value: Mapping[str, Any], name: str, longest: int = _MAX_TEXT) -> str:
    text = value.get(name)
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    # Not printable: control characters and halves of surrogates, which no database takes.
    if not isinstance(text, str) or not 0 < len(text) <= longest or not text.isprintable():
        raise InvalidInput("field_missing", f"缺少或无效的字段 {name}", http_status=422)
    return text


def _number(value: Mapping[str, Any], name: str) -> Fraction:
    text = _text(value, name)
    if not _NUMBER.fullmatch(text):
        raise InvalidInput("score_malformed", "成绩须为数字,最多七位整数和六位小数", http_status=422)
    return Fraction(text)


def _digits(number: Fraction) -> str:
    """Return a mark as a person writes it: exact, since it came with six decimals at most."""
    return format(Decimal(number.numerator) / Decimal(number.denominator), "f")


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
