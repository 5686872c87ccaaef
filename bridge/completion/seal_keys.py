"""The keys of the test CA and of whom it vouches for: certificates in clear, private halves encrypted."""

from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Mapped, Session

from bridge.completion.ports import StoredSeal
from bridge.db.base import Base, Code, Id, Instant, LongText
from bridge.db.field_cipher import FieldCipher
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.ids import new_id

_LOCK = 0x616E7873
"""PostgreSQL's advisory lock by which only one of several processes makes a key."""


class TestSealKeyRow(Base):
    """One key of the test CA or of a holder that it vouches for; made once for a holder's name, never changed."""

    __tablename__ = "test_seal_key"
    __test__ = False

    id: Mapped[Id]
    holder: Mapped[Code]
    subject_sha256: Mapped[Code]
    certificate: Mapped[LongText]
    key_enc: Mapped[LongText]
    made_at: Mapped[Instant]


class SealKeys:
    """`completion.ports.SealKeyStore` in an open session of any institution."""

    def __init__(self, session: Session, cipher: FieldCipher, now: datetime) -> None:
        self._session = session
        self._cipher = cipher
        self._now = now

    def find(self, holder: str, subject: str) -> StoredSeal | None:
        row = self._session.scalars(
            select(TestSealKeyRow)
            .where(
                TestSealKeyRow.holder == holder,
                TestSealKeyRow.subject_sha256 == sha256_hex(subject.encode()),
            )
            .order_by(TestSealKeyRow.made_at, TestSealKeyRow.id)
            .limit(1)
        ).one_or_none()
        if row is None:
            return None
        key = self._cipher.decrypt_text(row.key_enc, table=TestSealKeyRow.__tablename__, row_id=row.id)
        return StoredSeal(row.certificate, key)

    def lock(self) -> None:
        if self._session.get_bind().dialect.name == "postgresql":
            self._session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})

    def add(self, holder: str, subject: str, made: StoredSeal) -> None:
        row_id = new_id("slk")
        self._session.add(
            TestSealKeyRow(
                id=row_id,
                holder=holder,
                subject_sha256=sha256_hex(subject.encode()),
                certificate=made.certificate,
                key_enc=self._cipher.encrypt_text(
                    made.key, table=TestSealKeyRow.__tablename__, row_id=row_id
                ),
                made_at=self._now,
            )
        )
        self._session.flush()

    def certificates(self, holder: str) -> list[str]:
        """Return the certificates of a holder, the oldest first, in PEM."""
        return list(
            self._session.scalars(
                select(TestSealKeyRow.certificate)
                .where(TestSealKeyRow.holder == holder)
                .order_by(TestSealKeyRow.made_at, TestSealKeyRow.id)
            )
        )
