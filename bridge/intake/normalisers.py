"""What a stored message claims: one pure, versioned reader for each kind of source, in one mapping.

The doors and a replay read alike, so that a message gives the same claims whenever it is read. A payload's version
is its `v`, 1 where it has none. A change of a payload's shape is a new version beside the old ones, never in their
place: what was chained can be read for ever.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.intake.learning import learning_claim
from bridge.intake.model import (
    ACTIVITY,
    CONTACT_SCAN,
    PING,
    SCORE,
    SIGNAL,
    BeatEvent,
    InboxRecord,
)
from bridge.kernel.errors import InvalidInput
from bridge.kernel.events import Events
from bridge.kernel.time import parse_rfc3339
from lti.notices import CONTEXT_COPY

SCORE_RECEIVED = "intake.score_received"
PLUGIN_HEARD = "intake.plugin_heard"
"""Told once a registration: its LMS runs our plugin, since nothing else sends these types."""
PINGED = "intake.platform_pinged"
SIGNALLED = "intake.signal_received"
CONTACT_SCANNED = "intake.contact_scanned"
CONTEXT_COPIED = "intake.context_copied"
"""Type of the event that a platform made a course from another; its links came along."""
_SCORE_FIELDS = (
    "attempt", "class_run", "finished_real", "learner", "maximum", "score", "started_real", "unit"
)  # fmt: skip
_LONGEST_MS = 2**50
"""Beyond any clock; what is multiplied from it still is an integer of JSON."""


class PoisonMessage(InvalidInput):
    """A stored message that the present reader of its source cannot read."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message, http_status=422)


@dataclass(frozen=True, slots=True)
class EventClaim:
    """What is told on, once for each idempotency key; `data` names the message."""

    type: str
    subject: str
    occurred_at: datetime
    idempotency_key: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BatchClaim:
    """One batch of the agent; `events` are in the client's clock, the rest in study milliseconds."""

    session: str
    seq: int
    received_ms: int
    previous_received_ms: int | None
    study_factor: int
    events: tuple[BeatEvent, ...]


@dataclass(frozen=True, slots=True)
class StatementsClaim:
    """xAPI statements that were kept: (id, SHA-256 of what was kept), in their order."""

    store: str
    statements: tuple[tuple[str, str], ...]


Claim = EventClaim | BatchClaim | StatementsClaim
Reader = Callable[[InboxRecord, Mapping[str, Any]], Sequence[Claim]]


@dataclass(frozen=True, slots=True)
class Normaliser:
    """How one kind of source is read.

    Args:
        name_zh: of the source, for people.
        readers: by the payload's version.
    """

    name_zh: str
    readers: Mapping[int, Reader]


def normalise(record: InboxRecord) -> Sequence[Claim]:
    """Return what a stored message claims; none for one that is only kept.

    Raises:
        PoisonMessage: source_unknown, version_unknown, payload_malformed.
    """
    normaliser = NORMALISERS.get(family_of(record.source))
    if normaliser is None:
        raise PoisonMessage("source_unknown", "本版本不认识这一来源的消息,请升级后重放")
    try:
        payload = json.loads(record.payload)
        version = payload.get("v", 1)
    except (ValueError, AttributeError) as error:
        raise PoisonMessage("payload_malformed", "消息内容无法读取") from error
    if isinstance(version, bool) or not isinstance(version, int) or version not in normaliser.readers:
        raise PoisonMessage("version_unknown", "本版本不认识这条消息的版本,请升级后重放")
    try:
        return normaliser.readers[version](record, payload)
    except PoisonMessage:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise PoisonMessage("payload_malformed", "消息内容缺少字段或格式不对") from error


def tell(events: Events, claim: EventClaim, message: str) -> bool:
    """Tell a claim on; False if it was told before."""
    told = events.emit(
        claim.type,
        claim.subject,
        occurred_at=claim.occurred_at,
        idempotency_key=claim.idempotency_key,
        causation_id=message,
        data=claim.data,
    )
    return told is not None


def family_of(source: str) -> str:
    """Return the kind of a source ("webhook:reg_1" → "webhook")."""
    return source.partition(":")[0]


def _named(source: str) -> str:
    return source.partition(":")[2]


def _agent_batch(record: InboxRecord, payload: Mapping[str, Any]) -> Sequence[Claim]:
    previous = payload["previous_received_ms"]
    events = tuple(
        BeatEvent(
            _ms(client), _ms(media), bool(_ms(visible)), None if touched is None else _ms(touched), _ms(rate)
        )
        for client, media, visible, touched, rate in payload["beats"]
    )
    if not events:
        raise PoisonMessage("payload_malformed", "批次里没有记录")
    return (
        BatchClaim(
            session=record.chain,
            seq=_ms(payload["seq"]),
            received_ms=_ms(payload["received_ms"]),
            previous_received_ms=None if previous is None else _ms(previous),
            study_factor=_ms(payload["study_factor"]),
            events=events,
        ),
    )


def _webhook(record: InboxRecord, payload: Mapping[str, Any]) -> Sequence[Claim]:
    # Scores of earlier versions were kept without their type.
    type_ = payload.get("type", SCORE)
    if type_ == SCORE:
        return (_score(record, payload, payload.get("occurred_at", payload["finished_real"]), "webhook"),)
    registration = _named(record.source)
    heard = EventClaim(
        PLUGIN_HEARD, registration, record.received_at, registration, {"registration": registration}
    )
    if type_ == ACTIVITY:
        # The LMS's word, told to nobody: a page view that woke a job would be paid for twice.
        return (heard,)
    told = {SIGNAL: SIGNALLED, CONTACT_SCAN: CONTACT_SCANNED, PING: PINGED}.get(type_)
    if told is None:
        raise PoisonMessage("type_unknown", "本版本不认识这一类消息,请升级后重放")
    data = {**payload, "registration": registration, "message": record.id}
    return heard, EventClaim(
        told, registration, parse_rfc3339(payload["occurred_at"]), f"webhook:{record.id}", data
    )


def _result(record: InboxRecord, payload: Mapping[str, Any]) -> Sequence[Claim]:
    return (_score(record, payload, payload["finished_real"], "result"),)


def _score(record: InboxRecord, payload: Mapping[str, Any], occurred_at: str, kind: str) -> EventClaim:
    data = {name: _text(payload[name]) for name in _SCORE_FIELDS}
    return EventClaim(
        SCORE_RECEIVED,
        data["learner"],
        parse_rfc3339(occurred_at),
        f"{kind}:{record.id}",
        {**data, "message": record.id},
    )


def _notice(record: InboxRecord, payload: Mapping[str, Any]) -> Sequence[Claim]:
    if payload["type"] != CONTEXT_COPY:
        return ()
    registration = _named(record.source)
    return (
        EventClaim(
            CONTEXT_COPIED,
            registration,
            parse_rfc3339(payload["happened_at"]),
            f"notice:{record.id}",
            {**payload, "registration": registration, "message": record.id},
        ),
    )


def _statements(_record: InboxRecord, payload: Mapping[str, Any]) -> Sequence[Claim]:
    kept = tuple((_text(one), _text(sha256)) for one, sha256 in payload["statements"])
    return (StatementsClaim(_text(payload["store"]), kept),)


def _learning(record: InboxRecord, payload: Mapping[str, Any]) -> Sequence[Claim]:
    claim = learning_claim(payload)
    if not claim.overridden:
        # The sender's word, told to nobody: what it claims is read from the inbox by whoever asks.
        return ()
    data = {
        "type": SIGNAL,
        "occurred_at": payload["occurred_at"],
        "kind": "grade_overridden",
        "account": claim.learner,
        "learner": None,
        "actor": claim.actor,
        "context": claim.context,
        "class_run": None,
        "unit": None,
        "before": claim.before,
        "after": claim.score,
        "message": record.id,
    }
    return (EventClaim(SIGNALLED, record.source, claim.occurred_at, f"learning:{record.id}", data),)


def _only_kept(_record: InboxRecord, _payload: Mapping[str, Any]) -> Sequence[Claim]:
    return ()


def _ms(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LONGEST_MS:
        raise TypeError("a whole number expected")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("text expected")
    return value


NORMALISERS: Mapping[str, Normaliser] = {
    "agent": Normaliser("学习页面的记录", {1: _agent_batch}),
    "caliper": Normaliser("Caliper 事件", {1: _learning}),
    "canvas": Normaliser("Canvas 事件", {1: _learning}),
    "lti_launch": Normaliser("学习平台进入", {1: _only_kept}),
    "notice": Normaliser("学习平台通知", {1: _notice}),
    "result": Normaliser("从学习平台读取的成绩", {1: _result}),
    "webhook": Normaliser("学习平台插件的消息", {1: _webhook}),
    "xapi": Normaliser("xAPI 学习记录", {1: _statements}),
}
"""By the part of an inbox record's `source` before its colon."""
