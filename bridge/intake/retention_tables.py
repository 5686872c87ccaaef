"""What became of days of raw batches: one row for each step, never changed."""

from datetime import date

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Count, Id, Instant, Sha256


class InboxRetentionRow(Base):
    """One step over the batches of one legal day, of all institutions.

    `chains_sha256` is over the last links of all chains of the day (see `retention.digest_of`): the sessions keep
    theirs, so that what was dropped can be told from what was never there. `rule` says what bound: parameter, value
    and the packs' content.
    """

    __tablename__ = "inbox_retention"
    __table_args__ = (Index("ix_inbox_retention_day", "day", "at"),)

    id: Mapped[Id]
    day: Mapped[date]
    step: Mapped[str] = mapped_column(String(16))
    at: Mapped[Instant]
    by: Mapped[str] = mapped_column(String(80))
    first_chain: Mapped[str] = mapped_column(String(120))
    end_chain: Mapped[str] = mapped_column(String(120))
    batches: Mapped[Count]
    chains: Mapped[Count]
    chains_sha256: Mapped[Sha256]
    rule: Mapped[str] = mapped_column(String(400))
    drop_after: Mapped[Instant | None]


guard(InboxRetentionRow)
