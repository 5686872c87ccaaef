"""What is kept of a message that arrived and was not taken: what its reader let through, or, unread, what is clean."""

import re
from collections.abc import Callable
from typing import Any

from bridge.intake import webhook
from bridge.intake.contact import names_contact_or_secret
from bridge.intake.model import SCORE
from bridge.intake.quarantine_model import HeldMessage
from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import RegistrationId
from bridge.kernel.time import rfc3339

UNREAD = frozenset({"webhook_type_unknown", "version_unknown"})
"""Reasons of messages that a later version of the bridge may read."""
_TYPE = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_NAME = re.compile(r"name", re.IGNORECASE)
_ACCOUNTS = frozenset({"sub", "actor_sub"})
_WORD = re.compile(r"[A-Za-z0-9_.:\\/+-]{1,255}")
"""What programs say to each other; anything else may be free text, and so anything about anybody."""
_LONGEST_ACCOUNT = 255
_MOST_BYTES = 16 * 1024

Actor = Callable[[RegistrationId, str], str]
"""(registration, sub) → the blind reference of the person."""


def held_message(
    registration: RegistrationId,
    value: Any,
    reason: str,
    *,
    original_sha256: str,
    verification: str,
    actor: Actor,
) -> HeldMessage | None:
    """Return what may be kept of a refused message; None where nothing would be gained or nothing may be kept."""
    kept: dict[str, Any] | None = None
    waits_for = None
    try:
        if reason in UNREAD:
            kept = _unread(value)
        elif reason in ("account_unknown", "unit_unknown"):
            kept, sub = _score(value)
            waits_for = actor(registration, sub)
    except InvalidInput:
        return None
    if kept is None:
        return None
    return HeldMessage(f"webhook:{registration}", kept["id"], kept, original_sha256, verification, waits_for)


def _score(value: Any) -> tuple[dict[str, Any], str]:
    message = webhook.parse_message(value)
    if message.type != SCORE:
        raise InvalidInput("webhook_type_unknown", "只有成绩会等待实名")
    claim = webhook.parse_score(message.data)
    data = {
        "sub": claim.sub,
        "resource_link_id": claim.resource_link_id,
        "attempt": claim.attempt,
        "score": webhook.digits(claim.score),
        "maximum": webhook.digits(claim.maximum),
        "started_at": rfc3339(claim.started_real),
        "finished_at": rfc3339(claim.finished_real),
    }
    kept = {
        "v": 1,
        "id": message.id,
        "type": SCORE,
        "occurred_at": rfc3339(message.occurred_at),
        "data": data,
    }
    return kept, claim.sub


def _unread(value: Any) -> dict[str, Any] | None:
    """Return what may be kept of a message that nobody here can read: ids, numbers and machine words, no text."""
    own_id = webhook.id_of(value)
    if own_id is None or not own_id.isascii() or webhook.names_a_person(own_id):
        return None
    type_ = value.get("type")
    if not isinstance(type_, str) or not _TYPE.fullmatch(type_) or webhook.names_a_person(type_):
        return None
    kept = {**_words({**value, "id": None}), "id": own_id, "type": type_}
    try:
        small = len(canonical_json(kept)) <= _MOST_BYTES
    except ValueError:
        return None
    return kept if small else None


def _words(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        kept = {
            name: item for name, item in value.items() if _WORD.fullmatch(name) and not _NAME.search(name)
        }
        return {name: _words(item, name) for name, item in kept.items() if not names_contact_or_secret(name)}
    if isinstance(value, list):
        return [_words(item, key) for item in value]
    if isinstance(value, str):
        # An account's own id may be anything: like all of this it is encrypted, and blinded once it is read.
        known = key in _ACCOUNTS and value.isprintable() and len(value) <= _LONGEST_ACCOUNT
        return value if known or (_WORD.fullmatch(value) and not webhook.names_a_person(value)) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return None if webhook.names_a_person(str(value)) else value
    return value
