"""Compares the bridge's books with the simulator's own after a rehearsal: what is lost, what is there twice."""

import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from bridge.reporting.model import RecordState
from bridge.reporting.tables import ReportAttemptRow, ReportBatchRow, ReportRecordRow
from plugins.reporting.rehearsal.stand import INSTITUTION, Stand

Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rehearsal left in both books.

    Args:
        records: different records, each in its newest revision.
        revisions: all revisions, those that were returned for correction included.
        lost: newest revisions that are not accepted here, or accepted here and not there with the same hash.
        doubled: revisions that the simulator's journal has more than once.
        stray: revisions in the simulator's books that this bridge does not have as accepted.
        states: how many newest revisions stand in each state.
    """

    records: int
    revisions: int
    batches: int
    attempts: int
    lost: int
    doubled: int
    stray: int
    states: dict[str, int]

    @property
    def sound(self) -> bool:
        """Whether every record is accounted for, and none twice."""
        return not (self.lost or self.doubled or self.stray)


def outcome(stand: Stand, state: Path) -> Outcome:
    """Return the comparison; it reads the simulator's file, not its answers."""
    with stand.house.uow.for_institution(INSTITUTION, read_only=True) as tx:
        rows = tx.session.scalars(select(ReportRecordRow).order_by(ReportRecordRow.revision)).all()
        batches = tx.session.scalar(select(func.count()).select_from(ReportBatchRow)) or 0
        attempts = tx.session.scalar(select(func.count()).select_from(ReportAttemptRow)) or 0
    newest = {(row.kind, row.number): row for row in rows}
    of_newest = {(row.kind, row.number, row.revision) for row in newest.values()}
    accepted = {
        (row.kind, row.number, row.revision): row.sha256
        for row in rows
        if row.state == RecordState.ACCEPTED.value
    }
    there, journal = _books(state)
    lost = sum(
        row.state != RecordState.ACCEPTED.value
        or there.get((row.kind, row.number, row.revision)) != row.sha256
        for row in newest.values()
    )
    return Outcome(
        records=len(newest),
        revisions=len(rows),
        batches=batches,
        attempts=attempts,
        lost=lost + sum(there.get(key) != sha256 for key, sha256 in accepted.items() if key not in of_newest),
        doubled=sum(count - 1 for count in journal.values()),
        stray=sum(accepted.get(key) != sha256 for key, sha256 in there.items()),
        states=dict(Counter(row.state for row in newest.values())),
    )


def _books(state: Path) -> tuple[dict[Key, str], Counter[Key]]:
    connection = sqlite3.connect(state / "province.sqlite3", timeout=30)
    try:
        there = {
            (kind, number, revision): sha256
            for kind, number, revision, sha256 in connection.execute(
                "SELECT kind, number, revision, sha256 FROM record"
            )
        }
        journal: Counter[Key] = Counter(
            (kind, number, revision)
            for kind, number, revision in connection.execute("SELECT kind, number, revision FROM journal")
        )
    finally:
        connection.close()
    return there, journal
