"""Fixity: all that is stored is read, decrypted and hashed again in rounds, lot by lot, and a difference is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from bridge.archive.tables import FixityFaultRow, FixityRoundRow
from bridge.db.data_keys import DataKeyRow
from bridge.db.unit_of_work import Tx
from bridge.db.vault import EvidenceRow
from bridge.kernel.ids import ClassRunId, EvidenceId, new_id
from bridge.kernel.time import Clock, rfc3339

FIXITY_LOT = "archive.fixity_lot"
"""Kind of the job that looks at one lot; its key is the round's id."""
BROKEN = "archive.fixity_broken"
REASONS = ("evidence_damaged", "evidence_missing")
"""What the vault says of bytes that are not as they were stored; any other trouble is none of the bytes'."""


@dataclass(frozen=True, slots=True)
class Round:
    """One walk over everything."""

    id: str
    started_at: datetime
    finished_at: datetime | None
    after: str
    pieces: int
    octets: int
    faults: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of looking at one piece; `fault` is one of `REASONS`, or None for whole.

    Args:
        subject: whose key it is; class_run: "" where it belongs to none.
    """

    evidence: EvidenceId
    size: int
    subject: str
    purpose: str
    class_run: str
    fault: str | None


class Fixity:
    """Rounds of one institution, within one unit of work."""

    def __init__(self, tx: Tx, clock: Clock) -> None:
        self._tx = tx
        self._clock = clock

    def newest(self) -> Round | None:
        """Return the round that runs, else the last one."""
        row = self._tx.session.scalar(
            select(FixityRoundRow)
            .order_by(FixityRoundRow.started_at.desc(), FixityRoundRow.id.desc())
            .limit(1)
        )
        return None if row is None else _round(row)

    def begin_if_due(self, every: timedelta) -> Round | None:
        """Begin a round if none runs and the last began `every` ago or longer; return it, and ask for its first lot."""
        last = self.newest()
        now = self._clock.now()
        if last is not None and (last.finished_at is None or now - last.started_at < every):
            return None
        row = FixityRoundRow(
            id=new_id("fix"),
            institution_id=self._tx.institution_id,
            started_at=now,
            finished_at=None,
            after="",
            pieces=0,
            octets=0,
            faults=0,
        )
        self._tx.session.add(row)
        self._tx.session.flush()
        self._tx.want(FIXITY_LOT, row.id)
        return _round(row)

    def lot(self, round_id: str, limit: int) -> Sequence[tuple[EvidenceRow, DataKeyRow]]:
        """Return the next evidence of the round, in the order of ids; what was destroyed is left out."""
        row = self._tx.session.get(FixityRoundRow, round_id)
        if row is None or row.finished_at is not None:
            return []
        found = self._tx.session.execute(
            select(EvidenceRow, DataKeyRow)
            .join(DataKeyRow, DataKeyRow.id == EvidenceRow.key_id)
            .where(EvidenceRow.id > row.after, DataKeyRow.destroyed_at.is_(None))
            .order_by(EvidenceRow.id)
            .limit(limit)
        )
        return [(one, key) for one, key in found]

    def note(self, round_id: str, looked: Sequence[Looked], *, last: bool) -> None:
        """Keep what a lot showed, tell of what is broken, and ask for the next lot or end the round.

        A lot that was noted before changes nothing.
        """
        row = self._tx.session.scalar(
            select(FixityRoundRow)
            .where(FixityRoundRow.id == round_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if row is None or row.finished_at is not None:
            return
        fresh = [one for one in looked if one.evidence > row.after]
        row.pieces += len(fresh)
        row.octets += sum(one.size for one in fresh)
        for one in fresh:
            row.after = one.evidence
            if one.fault is not None and self._known(one.evidence) is None:
                self._tell(one)
            if one.fault is not None:
                row.faults += 1
            else:
                self._mended(one.evidence)
        if last:
            row.finished_at = self._clock.now()
        self._tx.session.flush()
        if not last:
            self._tx.want(FIXITY_LOT, round_id)

    def open_faults(self, class_run: ClassRunId | None = None) -> Sequence[tuple[str, str, datetime]]:
        """Return evidence id, reason and time of each fault that no later round found mended."""
        wanted = select(FixityFaultRow).where(FixityFaultRow.mended_at.is_(None))
        if class_run is not None:
            of_run = (
                select(EvidenceRow.id)
                .join(DataKeyRow, DataKeyRow.id == EvidenceRow.key_id)
                .where(DataKeyRow.class_run_id == class_run)
            )
            wanted = wanted.where(FixityFaultRow.evidence_id.in_(of_run))
        rows = self._tx.session.scalars(wanted.order_by(FixityFaultRow.found_at, FixityFaultRow.id))
        return [(row.evidence_id, row.reason, row.found_at) for row in rows]

    def _known(self, evidence: str) -> str | None:
        return self._tx.session.scalar(
            select(FixityFaultRow.id).where(
                FixityFaultRow.evidence_id == evidence, FixityFaultRow.mended_at.is_(None)
            )
        )

    def _mended(self, evidence: str) -> None:
        self._tx.session.execute(
            update(FixityFaultRow)
            .where(
                FixityFaultRow.institution_id == self._tx.institution_id,
                FixityFaultRow.evidence_id == evidence,
                FixityFaultRow.mended_at.is_(None),
            )
            .values(mended_at=self._clock.now())
        )

    def _tell(self, one: Looked) -> None:
        now = self._clock.now()
        fault = FixityFaultRow(
            id=new_id("ff"),
            institution_id=self._tx.institution_id,
            evidence_id=one.evidence,
            reason=one.fault or "",
            found_at=now,
            mended_at=None,
        )
        self._tx.session.add(fault)
        self._tx.emit(
            BROKEN,
            one.evidence,
            occurred_at=now,
            idempotency_key=fault.id,
            data={
                "fault": fault.id,
                "evidence": one.evidence,
                "reason": one.fault,
                "purpose": one.purpose,
                "subject": one.subject,
                "class_run": one.class_run or None,
                "at": rfc3339(now),
            },
        )


def _round(row: FixityRoundRow) -> Round:
    return Round(row.id, row.started_at, row.finished_at, row.after, row.pieces, row.octets, row.faults)
