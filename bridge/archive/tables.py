"""Tables of what keeps an archive: legal holds, disposals, rounds of fixity checks, hand-overs."""

from datetime import date

from sqlalchemy import Date, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import (
    Base,
    Code,
    Count,
    Id,
    Instant,
    JsonDict,
    JsonList,
    LongText,
    Ref,
    Sha256,
    TenantRow,
)


class LegalHoldRow(Base, TenantRow):
    """A hold on a class run or on one learner of it. It binds from `asked_at` until `released_at`."""

    __tablename__ = "legal_hold"

    id: Mapped[Id]
    class_run_id: Mapped[Ref] = mapped_column(index=True)
    learner: Mapped[str | None] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(300))
    asked_by: Mapped[Ref]
    asked_at: Mapped[Instant]
    confirmed_by: Mapped[str | None] = mapped_column(String(40))
    confirmed_at: Mapped[Instant | None]
    release_reason: Mapped[str | None] = mapped_column(String(300))
    release_asked_by: Mapped[str | None] = mapped_column(String(40))
    release_asked_at: Mapped[Instant | None]
    released_by: Mapped[str | None] = mapped_column(String(40))
    released_at: Mapped[Instant | None]


class ArchiveDisposalRow(Base, TenantRow):
    """The end of a class run's archive: proposed by one, carried out by another, with a signed receipt."""

    __tablename__ = "archive_disposal"

    id: Mapped[Id]
    class_run_id: Mapped[Ref] = mapped_column(unique=True)
    due_on: Mapped[date] = mapped_column(Date)
    rule: Mapped[JsonDict]
    proposed_by: Mapped[Ref]
    proposed_at: Mapped[Instant]
    confirmed_by: Mapped[str | None] = mapped_column(String(40))
    confirmed_at: Mapped[Instant | None]
    receipt: Mapped[str | None] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(String(64))
    signed_by: Mapped[str | None] = mapped_column(String(64))
    signature: Mapped[str | None] = mapped_column(String(100))


class FixityRoundRow(Base, TenantRow):
    """One walk over all that is stored; `after` is the last evidence that was looked at."""

    __tablename__ = "fixity_round"

    id: Mapped[Id]
    started_at: Mapped[Instant]
    finished_at: Mapped[Instant | None]
    after: Mapped[Ref]
    pieces: Mapped[Count]
    octets: Mapped[Count]
    faults: Mapped[Count]


class FixityFaultRow(Base, TenantRow):
    """Evidence that was not as it was stored; `mended_at` once a later round found it whole."""

    __tablename__ = "fixity_fault"
    __table_args__ = (UniqueConstraint("evidence_id", "reason", "found_at"),)

    id: Mapped[Id]
    evidence_id: Mapped[Ref]
    reason: Mapped[Code]
    found_at: Mapped[Instant]
    mended_at: Mapped[Instant | None]


class ArchiveHandoverRow(Base, TenantRow):
    """A hand-over that was packed here; `receipt` is the receiver's signed word that it took everything in."""

    __tablename__ = "archive_handover"

    id: Mapped[Id]
    receiver_kind: Mapped[Code]
    receiver: Mapped[str] = mapped_column(String(120))
    receiver_key: Mapped[Code]
    purpose: Mapped[str] = mapped_column(String(300))
    made_by: Mapped[Ref]
    approved_by: Mapped[Ref]
    made_at: Mapped[Instant]
    class_runs: Mapped[JsonList]
    manifest: Mapped[LongText]
    manifest_sha256: Mapped[Sha256]
    receipt: Mapped[str | None] = mapped_column(Text)
    receipt_at: Mapped[Instant | None]


class ArchiveTakeoverRow(Base, TenantRow):
    """A hand-over of another bridge that was taken in here, and the receipt that was given for it."""

    __tablename__ = "archive_takeover"

    id: Mapped[Id]
    manifest: Mapped[LongText]
    manifest_sha256: Mapped[Sha256] = mapped_column(unique=True)
    taken_by: Mapped[Ref]
    taken_at: Mapped[Instant]
    receipt: Mapped[LongText]
