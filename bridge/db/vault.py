"""The vault: evidence encrypted under data keys, one for each person, purpose and class run.

A data key is random, lies in the database wrapped by the master key, and is wiped when the evidence must go; the
ciphertext in the blob store, and in any copy of it, is then noise. Who wipes a key gets a signed receipt.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ForeignKey, LargeBinary, String, bindparam, event, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.db.base import Base, Code, Count, Id, Instant, Sha256, TenantRow
from bridge.db.data_keys import DataKeyRow, DataKeys, damaged
from bridge.db.destruction import Order, Receipt, Receipts, has_receipt, head_of, keep
from bridge.db.key_ring import KeyRing
from bridge.db.prepared import Prepared
from bridge.db.sealing import Tampered, open_sealed, seal
from bridge.db.unit_of_work import Tx, WrongInstitution
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.evidence import EvidenceScope
from bridge.kernel.ids import EvidenceId, InstitutionId, new_id

_SAYS_ITSELF = b""
"""In place of a nonce: the sealed record holds its own, and its algorithm."""
FRESH_SECONDS = 60.0
"""What was stored ahead longer ago is stored anew: the sweep takes what waits for an hour for something left behind."""


class BlobStore(Protocol):
    """Keeps ciphertext under names that the vault gives ("ab/ev_…"); adapters are in plugins/storage/."""

    def put(self, name: str, content: bytes) -> None:
        """Store `content`, on stable storage before it returns; FileExistsError if the name is taken."""
        ...

    def get(self, name: str) -> bytes:
        """Return what was put; FileNotFoundError if there is nothing."""
        ...

    def delete(self, name: str) -> None:
        """Remove the name; nothing happens if there is none."""
        ...


class EvidenceRow(Base, TenantRow):
    """One piece of evidence; its scope is that of its key."""

    __tablename__ = "evidence"

    id: Mapped[Id]
    key_id: Mapped[str] = mapped_column(String(40), ForeignKey("data_key.id"), index=True)
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[Sha256]
    size: Mapped[Count]
    media_type: Mapped[Code]
    blob: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[Instant]


_EVIDENCE: Any = EvidenceRow.__table__
_ADD = Prepared(
    lambda _dialect: insert(_EVIDENCE).values(
        {column.name: bindparam(column.name, type_=column.type) for column in _EVIDENCE.c}
    )
)


@dataclass(slots=True)
class StoredAhead:
    """Content that is stored and that no row names yet.

    Args:
        used: whether the unit of work that comes to its end made it evidence; said by `Vault`.
        ever_used: whether any did, also one whose end nobody was told and whose work was then done again.
    """

    id: EvidenceId
    key_id: str
    scope: EvidenceScope
    sha256: str
    size: int
    media_type: str
    stored_at: float
    used: bool = False
    ever_used: bool = False

    def is_of(self, scope: EvidenceScope, sha256: str, media_type: str) -> bool:
        """Return whether it is this very content, and young enough to be used."""
        same = (self.scope, self.sha256, self.media_type) == (scope, sha256, media_type)
        return same and time.monotonic() - self.stored_at < FRESH_SECONDS


def store_sealed(
    ring: KeyRing,
    blobs: BlobStore,
    evidence_id: EvidenceId,
    scope: EvidenceScope,
    key: Any,
    bare: bytes,
    content: bytes,
    media_type: str,
) -> StoredAhead:
    """Seal and store the content; its bytes are on disk when this returns.

    Args:
        key: the row of the scope's key, `bare` the key itself.
    """
    sealed = seal(ring.algorithm, bare, content, _bound_to(evidence_id, key, media_type))
    blobs.put(blob_of(evidence_id), sealed)
    return StoredAhead(
        evidence_id, key.id, scope, sha256(content).hexdigest(), len(content), media_type, time.monotonic()
    )


def blob_of(evidence_id: EvidenceId) -> str:
    """Return the name under which the blob store keeps the evidence."""
    return f"{evidence_id[-2:]}/{evidence_id}"


class Vault:
    """`kernel.evidence.EvidencePort` inside one unit of work.

    If that unit of work rolls back, what `put` wrote stays behind as noise under a key that nobody has
    or under a name that no row knows.
    """

    def __init__(self, tx: Tx, ring: KeyRing, blobs: BlobStore, receipts: Receipts) -> None:
        self._tx = tx
        self._session = tx.session
        self._ring = ring
        self._keys = DataKeys(tx, ring)
        self._blobs = blobs
        self._receipts = receipts
        self._along: StoredAhead | None = None

    def take_along(self, stored: StoredAhead | None) -> None:
        """Have `put` of this very content use what was stored before this unit of work; None for nothing."""
        if stored is not None:
            stored.used = False
        self._along = stored

    def put(self, scope: EvidenceScope, content: bytes, media_type: str) -> EvidenceId:
        """Encrypt and store `content`; return its id. Its bytes are on disk when this returns.

        Raises:
            Unavailable: as `MasterKey.wrap` and `MasterKey.unwrap`; then nothing was stored.
        """
        stored = self._along
        if stored is None or not self._fits(stored, scope, content, media_type):
            row, key = self._keys.of(scope)
            evidence_id = EvidenceId(new_id("evd"))
            stored = store_sealed(self._ring, self._blobs, evidence_id, scope, row, key, content, media_type)
        if self._session.info.get("institution_id") not in (None, scope.institution_id):
            raise WrongInstitution(EvidenceRow.__name__)
        _ADD.run(
            self._session,
            {
                "id": stored.id,
                "institution_id": scope.institution_id,
                "key_id": stored.key_id,
                "nonce": _SAYS_ITSELF,
                "sha256": stored.sha256,
                "size": stored.size,
                "media_type": media_type,
                "blob": blob_of(stored.id),
                "created_at": self._now(),
            },
        )
        stored.used = stored.ever_used = True
        return stored.id

    def _fits(self, stored: StoredAhead, scope: EvidenceScope, content: bytes, media_type: str) -> bool:
        # Once: a second piece is a second piece of evidence. And never under a key that was destroyed meanwhile.
        unused = not stored.used and stored.is_of(scope, sha256(content).hexdigest(), media_type)
        return unused and self._keys.is_live(scope.institution_id, stored.key_id)

    def get(self, institution_id: InstitutionId, evidence_id: EvidenceId) -> bytes:
        """Return the plain bytes.

        Raises:
            InvalidInput("evidence_unknown"): there is none, it is another tenant's, or its key is destroyed.
            Unavailable("evidence_damaged" | "evidence_missing"): what is stored was changed or lost.
            Unavailable: as `MasterKey.unwrap`.
        """
        found = self._session.execute(
            select(EvidenceRow, DataKeyRow)
            .join(DataKeyRow, DataKeyRow.id == EvidenceRow.key_id)
            .where(EvidenceRow.id == evidence_id, EvidenceRow.institution_id == institution_id)
        ).one_or_none()
        if found is None or found[1].destroyed_at is not None:
            raise InvalidInput("evidence_unknown", "没有这份材料,或者它已经按规定销毁。", http_status=404)
        row, key = found
        try:
            sealed = self._blobs.get(row.blob)
        except FileNotFoundError as error:
            raise Unavailable(
                "evidence_missing", "加密材料文件不在存储中,请从备份恢复。", permanent=True
            ) from error
        content = _opened(self._keys.open([key])[0], sealed, row, key)
        if sha256(content).hexdigest() != row.sha256:
            raise damaged()
        return content

    def destroy(self, scope: EvidenceScope, *, reason: str, by: str) -> int:
        """Wipe the scope's key and return how many pieces of evidence that made unreadable. A receipt is written.

        The ciphertext is removed as well, but only once the wiped key is committed.

        Args:
            reason, by: see `destruction.Order`.
        """
        self._no_savepoint()
        self._receipts.turn(self._session)
        key = self._keys.live(scope, for_update=True)
        return 0 if key is None else int(self._receipt(key, Order(reason, by), None).body["pieces"])

    def destroy_again(self, receipt: Receipt) -> bool:
        """Wipe the key of a receipt that a restored backup does not know; return whether it was there.

        The receipt is taken in as it is where it follows the newest of the database, else another one repeats it.
        """
        self._no_savepoint()
        self._receipts.turn(self._session)
        if has_receipt(self._session, receipt.sha256):
            return False
        key = self._live(receipt.body["key"])
        number, newest = head_of(self._session)
        if (number + 1, newest) == (receipt.body["number"], receipt.body["previous"]):
            if key is not None:
                self._wipe(key)
            keep(self._session, receipt, self._now())
        elif key is not None:
            self._receipt(key, Order("restored_backup", "restore"), receipt.sha256)
        return key is not None

    def _live(self, key_id: str) -> DataKeyRow | None:
        return self._session.scalar(
            select(DataKeyRow)
            .where(DataKeyRow.id == key_id, DataKeyRow.destroyed_at.is_(None))
            .with_for_update()
            .execution_options(populate_existing=True)
        )

    def _receipt(self, key: DataKeyRow, order: Order, repeats: str | None) -> Receipt:
        contents = self._wipe(key)
        receipt = self._receipts.write(self._session, key, order, contents, self._now(), repeats=repeats)
        if self._receipts.written not in self._tx.after_commit:
            self._tx.after_commit.append(self._receipts.written)
        return receipt

    def _wipe(self, key: DataKeyRow) -> list[tuple[str, str]]:
        key.wrapped = b""
        key.destroyed_at = self._now()
        pieces = self._session.execute(
            select(EvidenceRow.id, EvidenceRow.sha256, EvidenceRow.blob).where(EvidenceRow.key_id == key.id)
        ).all()
        self._session.flush()
        if self._ring.forget not in self._tx.after_commit:
            # Once nobody can read the key any more: who was reading it just now would remember it again.
            self._tx.after_commit.append(self._ring.forget)
        _after_commit(self._session, self._blobs, [piece.blob for piece in pieces])
        return [(piece.id, piece.sha256) for piece in pieces]

    def _no_savepoint(self) -> None:
        if self._session.in_nested_transaction():
            # A savepoint could bring the key back after its blobs are gone.
            raise RuntimeError("evidence is destroyed in the unit of work itself, not in a savepoint")

    def _now(self) -> datetime:
        return self._tx.clock.now()


def _opened(key: bytes, sealed: bytes, row: EvidenceRow, of: DataKeyRow) -> bytes:
    try:
        if row.nonce == _SAYS_ITSELF:
            return open_sealed(key, sealed, _bound_to(row.id, of, row.media_type))
        # From before records said how they were sealed.
        bound_to = "\x00".join((row.id, of.id, of.institution_id, row.media_type)).encode()
        return AESGCM(key).decrypt(row.nonce, sealed, bound_to)
    except (InvalidTag, Tampered) as error:
        raise damaged() from error


def _after_commit(session: Session, blobs: BlobStore, names: Sequence[str]) -> None:
    outer = session.get_transaction()

    def remove(_session: Session) -> None:
        # SQLAlchemy tells of the end of each savepoint too; only the outermost commit is one.
        if session.in_nested_transaction() or session.get_transaction() is not outer:
            return
        for name in names:
            blobs.delete(name)

    event.listen(session, "after_commit", remove)


def _bound_to(evidence_id: str, key: Any, media_type: str) -> bytes:
    scope = (key.institution_id, key.subject, key.purpose, key.class_run_id)
    return "\x00".join((evidence_id, key.id, *scope, media_type)).encode()
