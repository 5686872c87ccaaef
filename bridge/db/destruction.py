"""Signed receipts of destroyed keys, each chained to the one before: what became unreadable, when, and by whose order.

A receipt names nobody: a learner's or list row's random id, the purpose, the class run, the key. It is written in the
unit of work that wipes the key, so that there is none without the other.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import String, func, insert, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Code, Count, Instant, LongText, Ref, Sha256, TenantRow
from bridge.db.data_keys import DataKeyRow
from bridge.kernel.canonical import GENESIS, canonical_json, sha256_hex
from bridge.kernel.time import rfc3339

RECEIPT = "anxue-key-destruction"
_LOCK = 0x616E786B
"""PostgreSQL's advisory lock by which receipts are numbered in the order of their commits."""


class KeyDestructionRow(Base, TenantRow):
    """One receipt; `body` is its canonical JSON, from which `sha256` and the columns follow."""

    __tablename__ = "key_destruction"

    number: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    key_id: Mapped[Ref] = mapped_column(unique=True)
    destroyed_at: Mapped[Instant]
    body: Mapped[LongText]
    sha256: Mapped[Sha256] = mapped_column(unique=True)
    signed_by: Mapped[Code]
    signature: Mapped[str] = mapped_column(String(100))


guard(KeyDestructionRow)


class Signs(Protocol):
    """Signs with the bridge's key, within an open session."""

    def __call__(self, session: Session, content: bytes) -> tuple[str, str]:
        """Return the key's id and the signature, base64url."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """Why a key is destroyed.

    Args:
        reason: a code of `REASONS`.
        by: whose order: an account, a member of staff, or "schedule"; by id, never by name.
    """

    reason: str
    by: str


REASONS = {
    "consent_withdrawn": "撤回同意",
    "class_run_ended": "班次结束后到期",
    "archive_expired": "档案保存期满",
    "retention_over": "保存期满",
    "import_ended": "名单导入结束",
    "requested": "按要求删除",
    "face_reset": "重新登记人脸",
    "restored_backup": "恢复备份后补行",
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it is handed out."""

    body: dict[str, Any]
    sha256: str
    signed_by: str
    signature: str

    def to_json(self) -> dict[str, Any]:
        return {
            "receipt": self.body,
            "sha256": self.sha256,
            "key": self.signed_by,
            "signature": self.signature,
        }


class Receipts:
    """Writes receipts within units of work.

    Args:
        sign: with a key whose public half `./anxue ledger keys` prints.
        written: called once a receipt is durable.
    """

    def __init__(self, sign: Signs, written: Callable[[], None] = lambda: None) -> None:
        self._sign = sign
        self.written = written

    def turn(self, session: Session) -> None:
        """Have others wait with their receipts until this unit of work ends; taken before any key is locked."""
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})

    def write(
        self,
        session: Session,
        key: DataKeyRow,
        order: Order,
        contents: Sequence[tuple[str, str]],
        at: datetime,
        *,
        repeats: str | None = None,
    ) -> Receipt:
        """Write the receipt of a key that is wiped in this unit of work.

        Args:
            contents: id and SHA-256 of each piece that the key opened.
            repeats: SHA-256 of the receipt of an earlier destruction that a restored backup undid.
        """
        number, previous = head_of(session)
        body: dict[str, Any] = {
            "type": RECEIPT,
            "v": 1,
            "number": number + 1,
            "previous": previous,
            "institution": key.institution_id,
            "subject": key.subject,
            "purpose": key.purpose,
            "class_run": key.class_run_id,
            "key": key.id,
            "key_made_at": rfc3339(key.created_at),
            "destroyed_at": rfc3339(at),
            "reason": order.reason,
            "ordered_by": order.by,
            "pieces": len(contents),
            "contents_sha256": contents_hash(contents),
        }
        if repeats is not None:
            body["repeats"] = repeats
        content = canonical_json(body)
        signed_by, signature = self._sign(session, content)
        receipt = Receipt(body, sha256_hex(content), signed_by, signature)
        keep(session, receipt, at)
        return receipt


def head_of(session: Session) -> tuple[int, str]:
    """Return number and hash of the newest receipt of the whole bridge."""
    table = KeyDestructionRow.__table__
    head = session.execute(
        select(table.c.number, table.c.sha256).order_by(table.c.number.desc()).limit(1)
    ).one_or_none()
    return (0, GENESIS) if head is None else (head.number, head.sha256)


def keep(session: Session, receipt: Receipt, at: datetime) -> None:
    """Add a receipt's row."""
    session.execute(
        insert(KeyDestructionRow.__table__).values(  # type: ignore[arg-type]  # a mapped class has a Table
            number=receipt.body["number"],
            institution_id=receipt.body["institution"],
            key_id=receipt.body["key"],
            destroyed_at=at,
            body=canonical_json(receipt.body).decode(),
            sha256=receipt.sha256,
            signed_by=receipt.signed_by,
            signature=receipt.signature,
        )
    )


def contents_hash(contents: Sequence[tuple[str, str]]) -> str:
    """Return the hash over what a key opened: the ids of all pieces, each with the hash of its content."""
    return sha256_hex(canonical_json([list(one) for one in sorted(contents)]))


def receipts_after(session: Session, number: int) -> Iterator[KeyDestructionRow]:
    """Yield the receipts with higher numbers, in order; the caller's unit of work says whose."""
    yield from session.scalars(
        select(KeyDestructionRow)
        .where(KeyDestructionRow.number > number)
        .order_by(KeyDestructionRow.number)
        .execution_options(yield_per=500)
    )


def has_receipt(session: Session, sha256: str) -> bool:
    """Return whether the database holds the receipt with this hash."""
    return bool(session.scalar(select(func.count()).where(KeyDestructionRow.sha256 == sha256)))
