"""Data keys: one for each person, purpose and class run, wrapped by a master key, wiped when its content must go."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Index, LargeBinary, String, bindparam, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, TenantRow
from bridge.db.key_ring import OF_ROOT, KeyRing
from bridge.db.master_keys import Bare, Wrapped
from bridge.db.prepared import Prepared, Question
from bridge.db.sealing import Tampered, new_key
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import Unavailable
from bridge.kernel.evidence import EvidenceScope
from bridge.kernel.ids import InstitutionId, new_id

NO_CLASS_RUN = ""
"""In place of NULL, which a unique index would hold to differ from itself."""


class DataKeyRow(Base, TenantRow):
    """A data key. `wrapped` is empty from `destroyed_at` on; `wrapped_by` is the master key that wrapped it."""

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
    wrapped_by: Mapped[Code] = mapped_column(server_default=OF_ROOT)
    created_at: Mapped[Instant]
    destroyed_at: Mapped[Instant | None]


_KEY: Any = DataKeyRow.__table__
_LIVE_KEY = Prepared(
    lambda _dialect: (
        select(_KEY.c.id)
        .where(
            _KEY.c.id == bindparam("key_id"),
            _KEY.c.institution_id == bindparam("institution"),
            _KEY.c.destroyed_at.is_(None),
        )
        .with_for_update(read=True)
    )
)
_KEY_OF_SCOPE = Prepared(
    lambda _dialect: select(
        *(_KEY.c[name] for name in (
            "id", "institution_id", "subject", "purpose", "class_run_id", "wrapped", "wrapped_by",
        ))
    ).where(
        _KEY.c.institution_id == bindparam("institution"),
        _KEY.c.subject == bindparam("subject"),
        _KEY.c.purpose == bindparam("purpose"),
        _KEY.c.class_run_id == bindparam("class_run"),
        _KEY.c.destroyed_at.is_(None),
    )
)  # fmt: skip


class DataKeys:
    """The data keys of one institution, within one unit of work."""

    def __init__(self, tx: Tx, ring: KeyRing) -> None:
        self._tx = tx
        self._session = tx.session
        self._ring = ring

    def live(self, scope: EvidenceScope, *, for_update: bool = False) -> DataKeyRow | None:
        """Return the scope's key if it is there and not destroyed."""
        # The lock (shared by writers) keeps evidence from being put under a key that is being destroyed.
        return self._session.scalars(
            select(DataKeyRow)
            .where(
                DataKeyRow.institution_id == scope.institution_id,
                DataKeyRow.subject == scope.subject,
                DataKeyRow.purpose == scope.purpose.value,
                DataKeyRow.class_run_id == (scope.class_run_id or NO_CLASS_RUN),
                DataKeyRow.destroyed_at.is_(None),
            )
            .with_for_update(read=not for_update)
        ).one_or_none()

    def look(self, scope: EvidenceScope) -> Any:
        """Return the scope's key as it stands, with nothing locked; None if there is none."""
        return self.which(scope).row(self._session)

    @staticmethod
    def which(scope: EvidenceScope) -> Question:
        """Return what `look` asks the database."""
        values = {
            "institution": scope.institution_id,
            "subject": scope.subject,
            "purpose": scope.purpose.value,
            "class_run": scope.class_run_id or NO_CLASS_RUN,
        }
        return Question(_KEY_OF_SCOPE, values)

    def is_live(self, institution_id: InstitutionId, key_id: str) -> bool:
        """Return whether the key is there and not destroyed; it is not before this unit of work ends."""
        return self.whether_live(institution_id, key_id).row(self._session) is not None

    @staticmethod
    def whether_live(institution_id: InstitutionId, key_id: str) -> Question:
        """Return what `is_live` asks the database."""
        return Question(_LIVE_KEY, {"key_id": key_id, "institution": institution_id})

    def of(self, scope: EvidenceScope) -> tuple[DataKeyRow, bytes]:
        """Return the scope's key, made if there is none; Unavailable as `MasterKey.wrap` and `MasterKey.unwrap`."""
        row = self.live(scope)
        return self._make(scope) if row is None else (row, self.open([row])[0])

    def open(self, rows: Sequence[Any]) -> Sequence[bytes]:
        """Return the bare keys, in order.

        Raises:
            Unavailable: evidence_damaged; as `MasterKey.unwrap`.
        """
        try:
            return self._ring.unwrap([wrapped_of(row) for row in rows])
        except Tampered as error:
            raise damaged() from error

    def _make(self, scope: EvidenceScope) -> tuple[DataKeyRow, bytes]:
        row = DataKeyRow(
            id=new_id("key"),
            institution_id=scope.institution_id,
            subject=scope.subject,
            purpose=scope.purpose.value,
            class_run_id=scope.class_run_id or NO_CLASS_RUN,
            created_at=self._tx.clock.now(),
            destroyed_at=None,
        )
        key = new_key()
        (wrapped,) = self._ring.wrap([Bare(key, bound_to(row))])
        row.wrapped, row.wrapped_by = wrapped.sealed, wrapped.under
        try:
            with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            # Another worker made the scope's key between our look and our insert.
            made = self.live(scope)
            if made is None:
                raise
            return made, self.open([made])[0]
        return row, key


def bound_to(row: Any) -> bytes:
    """Return what a wrapped key belongs to: its place, its person, its purpose and its class run."""
    return "\x00".join((row.id, row.institution_id, row.subject, row.purpose, row.class_run_id)).encode()


def wrapped_of(row: Any) -> Wrapped:
    """Return the row's key as its master key wrapped it."""
    return Wrapped(row.wrapped_by, row.wrapped, bound_to(row))


def damaged() -> Unavailable:
    """Return the refusal of what was changed, or written under other keys."""
    return Unavailable("evidence_damaged", "加密材料无法还原:内容被改动,或主密钥不符。", permanent=True)
