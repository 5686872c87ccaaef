"""Cursors: where a page ended, marked under a key of ours for one client, one list and one set of conditions.

Whoever changes one gets no page; whoever could forge one would still see what the scope lets them see and no more.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput
from bridge.supervision.api_queries import Key

_MARK_BYTES = 16


class Cursors:
    """Cursors of one client in one list.

    Args:
        about: what the cursor is good for: client, list, conditions.
    """

    def __init__(self, key: bytes, about: Mapping[str, Any]) -> None:
        self._key = key
        self._about = canonical_json(dict(about))

    def seal(self, at: Key) -> str:
        """Return the cursor of the page behind `at`."""
        said = json.dumps([_told(value) for value in at], ensure_ascii=False, separators=(",", ":")).encode()
        return urlsafe_b64encode(self._mark(said) + said).decode().rstrip("=")

    def open(self, cursor: str) -> Key:
        """Return what `seal` was given; InvalidInput("cursor_unknown") (404) for any other text."""
        try:
            raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except ValueError:
            raise _unknown() from None
        mark, said = raw[:_MARK_BYTES], raw[_MARK_BYTES:]
        if not hmac.compare_digest(mark, self._mark(said)):
            raise _unknown()
        return tuple(_meant(kind, value) for kind, value in json.loads(said))

    def _mark(self, said: bytes) -> bytes:
        return hmac.new(self._key, self._about + b"\0" + said, hashlib.sha256).digest()[:_MARK_BYTES]


def _told(value: Any) -> tuple[str, str]:
    if isinstance(value, datetime):
        return "t", value.isoformat()
    return ("d", value.isoformat()) if isinstance(value, date) else ("s", value)


def _meant(kind: str, value: str) -> Any:
    if kind == "t":
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if kind == "d" else value


def _unknown() -> InvalidInput:
    return InvalidInput(
        "cursor_unknown",
        "没有这个游标:它只用于取得它的客户端、同一列表和同样的查询条件。请从第一页重新查询。",
        http_status=404,
    )
