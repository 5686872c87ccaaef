"""The tool's own keys: in the database, encrypted, rotated with an overlap, and the same in all processes.

Who signs and who is published at which moment is decided by `lti.key_rotation`; here the keys are kept. The row
of a key that is gone stays, without its private half, so that its kid is never used again.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.errors import InvalidInput
from bridge.registry.lti_tables import LtiToolKeyRow
from lti.key_rotation import KeyState, KeyTerm, ring_at
from lti.key_rotation import rotate as rotate_terms
from lti.keys import ToolKey, ToolKeyRing

_RELOAD_SECONDS = 30.0
_PURPOSE = "the tool's keys belong to no institution"
_FIRST_KEY_LOCK = 0x616E786B
"""PostgreSQL's advisory lock by which only one of several first processes makes the first key."""
_ERASED = ""


@dataclass(frozen=True, slots=True)
class ToolKeyState:
    """One key without its private half."""

    term: KeyTerm
    state: KeyState


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was read: the terms of all keys, and those keys that still have a private half."""

    terms: tuple[KeyTerm, ...]
    keys: Mapping[str, ToolKey]


class ToolKeys:
    """The keys as `lti` signs with them and publishes them (`lti.tool.HoldsToolKeys`).

    Read from the database at most every half minute, so that a rotation by another process is taken over.

    Args:
        old_file: the key file of earlier versions; its key is taken over at the first start, then the file goes.
    """

    def __init__(self, units: UnitOfWork, cipher: FieldCipher, *, old_file: Path) -> None:
        self._units = units
        self._cipher = cipher
        self._old_file = old_file
        self._kept = _Kept((), {})
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
        kept = self._current()
        return ToolKeyRing([kept.keys[kid] for kid in ring_at(kept.terms, self._units.clock.now()).published])

    def states(self) -> Sequence[ToolKeyState]:
        """Return the keys that are not gone, the one that signs last first."""
        terms = sorted(self._current().terms, key=lambda term: term.signs_from, reverse=True)
        states = ring_at(terms, self._units.clock.now()).states
        return [
            ToolKeyState(term, states[term.kid]) for term in terms if states[term.kid] is not KeyState.GONE
        ]

    def rotate(self, *, at_once: bool = False) -> KeyTerm:
        """Make a new key, set the end of the others, erase those that are gone; return the new one's term.

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
            rows = {row.kid: row for row in tx.session.scalars(select(LtiToolKeyRow).with_for_update())}
            try:
                terms = rotate_terms([_term(row) for row in rows.values()], made.kid, now, at_once=at_once)
            except ValueError as error:
                raise InvalidInput(
                    "key_rotation_running",
                    "上一次更换的新密钥还没有开始签名,请等它启用后再更换;密钥泄露时请选择立即更换。",
                    http_status=409,
                ) from error
            for term in terms[:-1]:
                rows[term.kid].published_until = term.published_until
                if not term.is_published(now):
                    rows[term.kid].pem_enc = _ERASED
            self._add(tx.session, made, terms[-1])
        with self._lock:
            self._read_at = float("-inf")
        return terms[-1]

    def _current(self) -> _Kept:
        with self._lock:
            if time.monotonic() - self._read_at > _RELOAD_SECONDS:
                kept = self._load()
                self._kept = kept if kept.terms else self._first()
                self._read_at = time.monotonic()
            return self._kept

    def _load(self) -> _Kept:
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            rows = tx.session.scalars(select(LtiToolKeyRow).order_by(LtiToolKeyRow.kid)).all()
        # A key that is known is not decrypted and parsed again: that costs milliseconds.
        known = self._kept.keys
        keys = {row.kid: known.get(row.kid) or self._open(row) for row in rows if row.pem_enc != _ERASED}
        return _Kept(tuple(map(_term, rows)), keys)

    def _open(self, row: LtiToolKeyRow) -> ToolKey:
        pem = self._cipher.decrypt_text(row.pem_enc, table=LtiToolKeyRow.__tablename__, row_id=row.kid)
        return ToolKey(row.kid, pem.encode("ascii"))

    def _first(self) -> _Kept:
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
                (term,) = rotate_terms([], key.kid, tx.clock.now())
                self._add(tx.session, key, term)
        # Only now that it is durable: the private half no longer lies about in the clear.
        self._old_file.unlink(missing_ok=True)
        return self._load()

    def _add(self, session: Session, key: ToolKey, term: KeyTerm) -> None:
        pem = key.pem.decode("ascii")
        session.add(
            LtiToolKeyRow(
                kid=key.kid,
                pem_enc=self._cipher.encrypt_text(pem, table=LtiToolKeyRow.__tablename__, row_id=key.kid),
                published_from=term.published_from,
                signs_from=term.signs_from,
                published_until=term.published_until,
            )
        )
        session.flush()


def _term(row: LtiToolKeyRow) -> KeyTerm:
    return KeyTerm(row.kid, row.published_from, row.signs_from, row.published_until)
