"""The keys that sign tree heads: one signs, its private half encrypted; the public halves of all stay for ever."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.ledger.marks import RowMarks, same_mark
from bridge.ledger.signatures import PublicKey, SigningKey
from bridge.ledger.tree_tables import LedgerKeyRow, TakenKeyRow

_PURPOSE = "the keys that sign tree heads belong to no institution"
_LOCK = 0x616E786C
"""PostgreSQL's advisory lock by which only one of several processes makes a key."""
_ERASED = ""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key's public half, and when it signed; `signed_until` is None for the one that signs."""

    public: PublicKey
    made_at: datetime
    signed_until: datetime | None


class LedgerKeys:
    """The bridge's keys for heads and paper statements. Opens units of work of its own: never within another."""

    def __init__(self, units: UnitOfWork, cipher: FieldCipher, marks: RowMarks) -> None:
        self._units = units
        self._cipher = cipher
        self._marks = marks

    def signing(self) -> SigningKey:
        """Return the key that signs, made if there is none.

        Raises:
            FieldUnreadable: the row was written under another master key.
        """
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            row = _signing_row(tx.session)
        if row is None:
            with self._units.across_institutions(_PURPOSE) as tx:
                _lock(tx.session)
                row = _signing_row(tx.session) or self._make(tx.session, tx.clock.now())
        return self._open(row)

    def rotate(self) -> PublicKey:
        """Make a new key that signs from now on, and forget the old one's private half; return the new public key."""
        with self._units.across_institutions(_PURPOSE) as tx:
            _lock(tx.session)
            now = tx.clock.now()
            old = _signing_row(tx.session)
            if old is not None:
                old.seed_enc, old.signed_until = _ERASED, now
                tx.session.flush()
            return self._open(self._make(tx.session, now)).public

    def sign_within(self, session: Session, content: bytes) -> tuple[str, str]:
        """Return the signing key's id and its signature over `content`, in an open session; made if there is none.

        Raises:
            FieldUnreadable: as `signing`.
        """
        row = _signing_row(session)
        if row is None:
            _lock(session)
            row = _signing_row(session) or self._make(session, self._units.clock.now())
        return row.kid, self._open(row).sign(content)

    def known(self) -> Sequence[KnownKey]:
        """Return the public halves of all keys that the bridge made, the oldest first; a row of others is no key."""
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            rows = tx.session.scalars(
                select(LedgerKeyRow).order_by(LedgerKeyRow.made_at, LedgerKeyRow.kid)
            ).all()
        return [
            KnownKey(PublicKey.from_jwk(_jwk(row)), row.made_at, row.signed_until)
            for row in rows
            if same_mark(row.mark, self._marks.of_key(row.kid))
        ]

    def known_of(self, institution: str) -> dict[str, PublicKey]:
        """Return what the institution's heads may be signed with, by id: the bridge's keys, and those it came with."""
        return {
            **self.taken(institution).get(institution, {}),
            **{one.public.id: one.public for one in self.known()},
        }

    def taken(self, institution: str | None = None) -> dict[str, dict[str, PublicKey]]:
        """Return institution → id → key of the bridges that it was taken over from; of all, or of one."""
        wanted = select(TakenKeyRow).order_by(TakenKeyRow.institution_id, TakenKeyRow.kid)
        if institution is not None:
            wanted = wanted.where(TakenKeyRow.institution_id == institution)
        found: dict[str, dict[str, PublicKey]] = {}
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            for row in tx.session.scalars(wanted):
                if same_mark(row.mark, self._marks.of_taken_key(row.institution_id, row.kid)):
                    found.setdefault(row.institution_id, {})[row.kid] = PublicKey.from_jwk(_jwk(row))
        return found

    def take_along(self, tx: Tx, keys: Iterable[PublicKey]) -> None:
        """Keep public keys with the institution of `tx`, whose past they signed; no other institution knows them."""
        for key in keys:
            tx.session.add(
                TakenKeyRow(
                    institution_id=tx.institution_id,
                    kid=key.id,
                    public_x=key.jwk()["x"],
                    taken_at=tx.clock.now(),
                    mark=self._marks.of_taken_key(tx.institution_id, key.id),
                )
            )
        tx.session.flush()

    def jwks(self, institution: str | None = None) -> dict[str, Any]:
        """Return public keys as a JWK set: all that a verifier needs.

        Args:
            institution: those that its heads may be signed with; None for the bridge's own, the oldest first.
        """
        if institution is not None:
            return {"keys": [one.jwk() for one in self.known_of(institution).values()]}
        return {"keys": [one.public.jwk() for one in self.known()]}

    def _open(self, row: LedgerKeyRow) -> SigningKey:
        table = LedgerKeyRow.__tablename__
        return SigningKey.from_seed(self._cipher.decrypt_text(row.seed_enc, table=table, row_id=row.kid))

    def _make(self, session: Session, now: datetime) -> LedgerKeyRow:
        key = SigningKey.generate()
        kid = key.public.id
        row = LedgerKeyRow(
            kid=kid,
            public_x=key.public.jwk()["x"],
            seed_enc=self._cipher.encrypt_text(key.seed(), table=LedgerKeyRow.__tablename__, row_id=kid),
            made_at=now,
            signed_until=None,
            mark=self._marks.of_key(kid),
        )
        session.add(row)
        session.flush()
        return row


def _signing_row(session: Session) -> LedgerKeyRow | None:
    return session.scalars(select(LedgerKeyRow).where(LedgerKeyRow.signed_until.is_(None))).one_or_none()


def _lock(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _jwk(row: LedgerKeyRow | TakenKeyRow) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": row.public_x, "kid": row.kid}
