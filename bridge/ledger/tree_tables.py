"""Tables of the institution's tree: leaves, kept subtree roots, signed heads, and the keys that sign or signed them."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Code, Count, Instant, LongText, Ref, Sha256, TenantRow, UtcDateTime


class LedgerLeafRow(TenantRow, Base):
    """One leaf: a stretch of one chain. `body` is its content, from which `hash` and the columns follow."""

    __tablename__ = "ledger_leaf"
    __table_args__ = (
        Index("ix_ledger_leaf_chain", "institution_id", "learner_ref", "class_run_id", "first_seq"),
    )

    institution_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    learner_ref: Mapped[Ref]
    class_run_id: Mapped[Ref]
    first_seq: Mapped[Count]
    last_seq: Mapped[Count]
    hash: Mapped[Sha256]
    body: Mapped[LongText]


class LedgerSubtreeRow(TenantRow, Base):
    """The root of a complete subtree of 2**level leaves, so that a path needs no reading of all leaves."""

    __tablename__ = "ledger_subtree"

    institution_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[Sha256]


class LedgerTreeHeadRow(TenantRow, Base):
    """One signed head."""

    __tablename__ = "ledger_tree_head"

    institution_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tree_size: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[Sha256]
    at_ms: Mapped[Count]
    key_id: Mapped[Code]
    signature: Mapped[str] = mapped_column(String(100))


class LedgerKeyRow(Base):
    """One key of the bridge that signs heads; after a rotation only its public half is left."""

    __tablename__ = "ledger_key"

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    public_x: Mapped[str] = mapped_column(String(64))
    seed_enc: Mapped[LongText]
    made_at: Mapped[Instant]
    signed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mark: Mapped[Sha256]


class TakenKeyRow(TenantRow, Base):
    """A public key of a bridge that the institution came from. It proves that institution's past and signs nothing."""

    __tablename__ = "taken_ledger_key"

    institution_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    public_x: Mapped[str] = mapped_column(String(64))
    taken_at: Mapped[Instant]
    mark: Mapped[Sha256]


for _row in (LedgerLeafRow, LedgerSubtreeRow, LedgerTreeHeadRow, TakenKeyRow):
    guard(_row)
