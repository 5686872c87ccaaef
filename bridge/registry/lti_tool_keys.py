"""The tool's own keys: in the database, encrypted, rotated with an overlap, and the same in all processes.

A new key is published before it signs, and the old one for a while after: a platform that keeps our key set for
some time finds the right key at each moment.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.errors import InvalidInput
from bridge.registry.lti_tables import LtiToolKeyRow
from lti.keys import ToolKey, ToolKeyRing

PUBLISHED_AHEAD = timedelta(hours=1)
"""Practice: how long a new key is published before it signs."""
PUBLISHED_AFTER = timedelta(hours=24)
"""Practice: how long a key that signs no more stays published."""
_RELOAD_SECONDS = 30.0
_PURPOSE = "the tool's keys belong to no institution"
_FIRST_KEY_LOCK = 0x616E786B
"""PostgreSQL's advisory lock by which only one of several first processes makes the first key."""


@dataclass(frozen=True, slots=True)
class ToolKeyState:
    """One key without its private half."""

    kid: str
    created_at: datetime
    signs_from: datetime
    published_until: datetime | None
    signs: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    key: ToolKey
    created_at: datetime
    signs_from: datetime
    published_until: datetime | None

    def is_published(self, now: datetime) -> bool:
        return self.published_until is None or now < self.published_until


class ToolKeys:
    """The keys as `lti` signs with them and publishes them (`lti.keys.SignsForTool`, `jwks`).

    Read from the database at most every half minute, so that a rotation by another process is taken over.

    Args:
        old_file: the key file of earlier versions; its key is taken over at the first start, then the file goes.
    """

    def __init__(self, units: UnitOfWork, cipher: FieldCipher, *, old_file: Path) -> None:
        self._units = units
        self._cipher = cipher
        self._old_file = old_file
        self._kept: list[_Kept] = []
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    def signing(self) -> ToolKey:
        """Return the key that signs now."""
        return self.ring().signing()

    def jwks(self) -> dict[str, Any]:
        """Return the JWKS document (RFC 7517 §5) with the keys that are published now."""
        return self.ring().jwks()

    def ring(self) -> ToolKeyRing:
        """Return the keys that are published now, the one that signs first."""
        return _ring(self._current(), self._units.clock.now())

    def states(self) -> Sequence[ToolKeyState]:
        """Return the published keys, the one that signs last first."""
        now, kept = self._units.clock.now(), self._current()
        signing = _ring(kept, now).signing().kid
        return [
            ToolKeyState(
                one.key.kid, one.created_at, one.signs_from, one.published_until, one.key.kid == signing
            )
            for one in sorted(kept, key=lambda one: one.signs_from, reverse=True)
            if one.is_published(now)
        ]

    def rotate(self, *, at_once: bool = False) -> ToolKeyState:
        """Make a new key and set the end of the others; return the new one.

        Args:
            at_once: for a key that somebody else may know: it signs no more and is not published any more, and
                platforms that keep our old key set refuse us until they fetch it again.

        Raises:
            InvalidInput("key_rotation_running"): the last new key does not sign yet.
        """
        self._current()
        made = ToolKey.generate()
        with self._units.across_institutions(_PURPOSE) as tx:
            now = tx.clock.now()
            rows = tx.session.scalars(select(LtiToolKeyRow).with_for_update()).all()
            if not at_once and any(row.signs_from > now for row in rows):
                raise InvalidInput(
                    "key_rotation_running",
                    "上一次更换的新密钥还没有开始签名,请等它启用后再更换;密钥泄露时请选择立即更换。",
                    http_status=409,
                )
            signs_from = now if at_once else now + PUBLISHED_AHEAD
            for row in rows:
                ends = now if at_once else signs_from + PUBLISHED_AFTER
                row.published_until = min(row.published_until or ends, ends)
            tx.session.execute(delete(LtiToolKeyRow).where(LtiToolKeyRow.published_until <= now))
            self._add(tx.session, made, now, signs_from)
        with self._lock:
            self._read_at = float("-inf")
        return ToolKeyState(made.kid, now, signs_from, None, at_once)

    def _current(self) -> list[_Kept]:
        with self._lock:
            if time.monotonic() - self._read_at > _RELOAD_SECONDS:
                self._kept = self._load() or self._first()
                self._read_at = time.monotonic()
            return self._kept

    def _load(self) -> list[_Kept]:
        known = {one.key.kid: one.key for one in self._kept}
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            rows = tx.session.scalars(select(LtiToolKeyRow).order_by(LtiToolKeyRow.kid)).all()
        # A key that is known is not decrypted and parsed again: that costs milliseconds.
        return [
            _Kept(known.get(row.kid) or self._open(row), row.created_at, row.signs_from, row.published_until)
            for row in rows
        ]

    def _open(self, row: LtiToolKeyRow) -> ToolKey:
        pem = self._cipher.decrypt_text(row.pem_enc, table=LtiToolKeyRow.__tablename__, row_id=row.kid)
        return ToolKey(row.kid, pem.encode("ascii"))

    def _first(self) -> list[_Kept]:
        """Take over the key of the file, or make the first one; whoever comes second finds the first's."""
        try:
            pem = self._old_file.read_bytes()
            key = ToolKey(RSAKey.import_key(pem).thumbprint(), pem)
        except FileNotFoundError:
            key = ToolKey.generate()
        with self._units.across_institutions(_PURPOSE) as tx:
            if tx.session.get_bind().dialect.name == "postgresql":
                tx.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _FIRST_KEY_LOCK})
            if tx.session.scalar(select(LtiToolKeyRow.kid).limit(1)) is None:
                now = tx.clock.now()
                self._add(tx.session, key, now, now)
        # Only now that it is durable: the private half no longer lies about in the clear.
        self._old_file.unlink(missing_ok=True)
        return self._load()

    def _add(self, session: Session, key: ToolKey, now: datetime, signs_from: datetime) -> None:
        session.add(
            LtiToolKeyRow(
                kid=key.kid,
                pem_enc=self._cipher.encrypt_text(
                    key.pem.decode("ascii"), table=LtiToolKeyRow.__tablename__, row_id=key.kid
                ),
                created_at=now,
                signs_from=signs_from,
                published_until=None,
            )
        )
        session.flush()


def _ring(kept: Sequence[_Kept], now: datetime) -> ToolKeyRing:
    """Return the published keys: first the newest whose turn has come, then the others, newest first."""
    published = sorted(
        (one for one in kept if one.is_published(now)),
        key=lambda one: (one.signs_from, one.key.kid),
        reverse=True,
    )
    signing = next((one for one in published if one.signs_from <= now), published[-1])
    return ToolKeyRing([signing.key, *(one.key for one in published if one is not signing)])
