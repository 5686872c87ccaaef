"""What becomes of old raw batches: the record of each step, and the digest that outlives what was dropped.

A day goes in two phases. It is *detached*: on PostgreSQL its table leaves the inbox, on SQLite nothing moves yet. It
is *dropped* once the days for taking that back are over. Nothing but raw batches ever goes, and only those whose
content the ledger has; claims of platforms, the ledger, papers, files and evidence are no matter of this module.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.intake.days import bounds
from bridge.intake.retention_tables import InboxRetentionRow
from bridge.kernel.ids import new_id


class Step(StrEnum):
    """What was done with a day."""

    DETACHED = "detached"
    RESTORED = "restored"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class KeepRule:
    """What binds.

    Args:
        keep_days: whole days for which a batch stays after it was received.
        undo_days: whole days between detaching and dropping.
        said: parameters, values and packs, as they stand in the record.
    """

    keep_days: int
    undo_days: int
    said: str

    def is_due(self, day: date, today: date) -> bool:
        """Return whether every chain of `day` began `keep_days` or more before the legal day `today`."""
        return day + timedelta(days=self.keep_days) < today


@dataclass(frozen=True, slots=True)
class DayContent:
    """How much a day holds, and the digest over its chains' last links."""

    batches: int
    chains: int
    chains_sha256: str


@dataclass(frozen=True, slots=True)
class StepTaken:
    """One step as it is recorded."""

    day: date
    step: Step
    at: datetime
    by: str
    content: DayContent
    rule: str
    drop_after: datetime | None


def digest_of(last_links: Iterable[tuple[str, int, str]]) -> tuple[int, int, str]:
    """Return how many batches and chains there are, and the SHA-256 over the chains' last links.

    Args:
        last_links: chain, number and hash of the last link of each, by chain. Links are numbered from 1, so that
            the numbers' sum is the count of batches if none is missing.

    One line a chain: chain, number and hash, separated by spaces, ended by a line feed.
    """
    digest, batches, chains = sha256(), 0, 0
    for chain, seq, link in last_links:
        digest.update(f"{chain} {seq} {link}\n".encode())
        batches += seq
        chains += 1
    return batches, chains, digest.hexdigest()


def record_step(session: Session, taken: StepTaken) -> None:
    """Record a step."""
    first, end = bounds(taken.day)
    session.add(
        InboxRetentionRow(
            id=new_id("ret"),
            day=taken.day,
            step=taken.step.value,
            at=taken.at,
            by=taken.by,
            first_chain=first,
            end_chain=end,
            batches=taken.content.batches,
            chains=taken.content.chains,
            chains_sha256=taken.content.chains_sha256,
            rule=taken.rule,
            drop_after=taken.drop_after,
        )
    )
    session.flush()


def steps_taken(session: Session) -> Sequence[StepTaken]:
    """Return all steps, in the order in which they were taken."""
    rows = session.scalars(select(InboxRetentionRow).order_by(InboxRetentionRow.at, InboxRetentionRow.id))
    return [
        StepTaken(
            row.day,
            Step(row.step),
            row.at,
            row.by,
            DayContent(row.batches, row.chains, row.chains_sha256),
            row.rule,
            row.drop_after,
        )
        for row in rows
    ]


def last_steps(session: Session) -> dict[date, StepTaken]:
    """Return the last step of each day that was ever touched."""
    return {taken.day: taken for taken in steps_taken(session)}
