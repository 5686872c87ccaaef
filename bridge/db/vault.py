"""The vault: evidence encrypted under data keys, one for each person, purpose and class run.

A data key is random, lies in the database wrapped by a key derived from the master key, and is wiped when
the evidence must go; the ciphertext in the blob store, and in any copy of it, is then noise.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ForeignKey, Index, LargeBinary, String, event, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.db.base import Base, Code, Count, Id, Instant, Sha256, TenantRow
from bridge.db.master_key import derive
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.evidence import EvidenceScope
from bridge.kernel.ids import EvidenceId, InstitutionId, new_id

_NONCE_BYTES = 12
_NO_CLASS_RUN = ""
"""In place of NULL, which a unique index would hold to differ from itself."""


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


class DataKeyRow(Base, TenantRow):
    """A data key. `wrapped` is empty from `destroyed_at` on."""

    __tablename__ = "data_key"
    __table_args__ = (
        Index(
            "uq_data_key_live_scope",
            "institution_id",
            "subject",
            "purpose",
            "class_run_id",
            unique=True,
            sqlite_where=text("destroyed_at IS NULL"),
            postgresql_where=text("destroyed_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    subject: Mapped[str] = mapped_column(String(80))
    purpose: Mapped[Code]
    class_run_id: Mapped[str] = mapped_column(String(40))
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Instant]
    destroyed_at: Mapped[Instant | None]


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


class Vault:
    """`kernel.evidence.EvidencePort` inside one unit of work.

    If that unit of work rolls back, what `put` wrote stays behind as noise under a key that nobody has
    or under a name that no row knows.
    """

    def __init__(self, tx: Tx, master_key: bytes, blobs: BlobStore) -> None:
        self._tx = tx
        self._session = tx.session
        self._wrapping = AESGCM(derive(master_key, "vault-wrap"))
        self._blobs = blobs

    def put(self, scope: EvidenceScope, content: bytes, media_type: str) -> EvidenceId:
        """Encrypt and store `content`; return its id. Its bytes are on disk when this returns."""
        key = self._live_key(scope) or self._new_key(scope)
        evidence_id = EvidenceId(new_id("evd"))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._unwrap(key)).encrypt(
            nonce, content, _evidence_aad(evidence_id, key, media_type)
        )
        blob = f"{evidence_id[-2:]}/{evidence_id}"
        self._blobs.put(blob, sealed)
        self._session.add(
            EvidenceRow(
                id=evidence_id,
                institution_id=scope.institution_id,
                key_id=key.id,
                nonce=nonce,
                sha256=sha256(content).hexdigest(),
                size=len(content),
                media_type=media_type,
                blob=blob,
                created_at=self._tx.clock.now(),
            )
        )
        self._session.flush()
        return evidence_id

    def get(self, institution_id: InstitutionId, evidence_id: EvidenceId) -> bytes:
        """Return the plain bytes.

        Raises:
            InvalidInput("evidence_unknown"): there is none, it is another tenant's, or its key is destroyed.
            Unavailable("evidence_damaged" | "evidence_missing"): what is stored was changed or lost.
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
        try:
            content = AESGCM(self._unwrap(key)).decrypt(
                row.nonce, sealed, _evidence_aad(row.id, key, row.media_type)
            )
        except InvalidTag as error:
            raise _damaged() from error
        if sha256(content).hexdigest() != row.sha256:
            raise _damaged()
        return content

    def destroy(self, scope: EvidenceScope) -> int:
        """Wipe the scope's key and return how many pieces of evidence that made unreadable.

        The ciphertext is removed as well, but only once the wiped key is committed.
        """
        if self._session.in_nested_transaction():
            # A savepoint could bring the key back after its blobs are gone.
            raise RuntimeError("evidence is destroyed in the unit of work itself, not in a savepoint")
        key = self._live_key(scope, for_update=True)
        if key is None:
            return 0
        if self._session.get_bind().dialect.name == "sqlite":
            # Else the wrapped key would stay readable in the freed part of its page.
            self._session.execute(text("PRAGMA secure_delete=ON"))
        key.wrapped = b""
        key.destroyed_at = self._now()
        blobs = self._session.scalars(select(EvidenceRow.blob).where(EvidenceRow.key_id == key.id)).all()
        self._session.flush()
        _after_commit(self._session, self._blobs, blobs)
        return len(blobs)

    def _live_key(self, scope: EvidenceScope, *, for_update: bool = False) -> DataKeyRow | None:
        # The lock (shared by writers) keeps evidence from being put under a key that is being destroyed.
        return self._session.scalars(
            select(DataKeyRow)
            .where(
                DataKeyRow.institution_id == scope.institution_id,
                DataKeyRow.subject == scope.subject,
                DataKeyRow.purpose == scope.purpose.value,
                DataKeyRow.class_run_id == (scope.class_run_id or _NO_CLASS_RUN),
                DataKeyRow.destroyed_at.is_(None),
            )
            .with_for_update(read=not for_update)
        ).one_or_none()

    def _new_key(self, scope: EvidenceScope) -> DataKeyRow:
        row = DataKeyRow(
            id=new_id("key"),
            institution_id=scope.institution_id,
            subject=scope.subject,
            purpose=scope.purpose.value,
            class_run_id=scope.class_run_id or _NO_CLASS_RUN,
            created_at=self._now(),
            destroyed_at=None,
        )
        nonce = secrets.token_bytes(_NONCE_BYTES)
        row.wrapped = nonce + self._wrapping.encrypt(nonce, AESGCM.generate_key(256), _key_aad(row))
        try:
            with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            # Another worker made the scope's key between our look and our insert.
            made = self._live_key(scope)
            if made is None:
                raise
            return made
        return row

    def _unwrap(self, key: DataKeyRow) -> bytes:
        try:
            return self._wrapping.decrypt(
                key.wrapped[:_NONCE_BYTES], key.wrapped[_NONCE_BYTES:], _key_aad(key)
            )
        except InvalidTag as error:
            raise _damaged() from error

    def _now(self) -> datetime:
        return self._tx.clock.now()


def _after_commit(session: Session, blobs: BlobStore, names: Sequence[str]) -> None:
    outer = session.get_transaction()

    def remove(_session: Session) -> None:
        # SQLAlchemy tells of the end of each savepoint too; only the outermost commit is one.
        if session.in_nested_transaction() or session.get_transaction() is not outer:
            return
        for name in names:
            blobs.delete(name)

    event.listen(session, "after_commit", remove)


def _key_aad(key: DataKeyRow) -> bytes:
    return "\x00".join((key.id, key.institution_id, key.subject, key.purpose, key.class_run_id)).encode()


def _evidence_aad(evidence_id: str, key: DataKeyRow, media_type: str) -> bytes:
    return "\x00".join((evidence_id, key.id, key.institution_id, media_type)).encode()


def _damaged() -> Unavailable:
    return Unavailable("evidence_damaged", "加密材料无法还原:内容被改动,或主密钥不符。", permanent=True)
