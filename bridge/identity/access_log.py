"""The log of who learnt whose name, number or face: one chain for each institution, marked under a key of ours.

Each row carries the mark of the row before, so a row that was changed, removed or put in shows. Rows are put into the
chain when their unit of work commits: the head of the chain is locked for that moment alone, whatever else is done.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx
from bridge.identity.tables import AccessLogHeadRow, DisclosureRow
from bridge.kernel.canonical import canonical_json
from bridge.kernel.ids import LearnerRef, new_id
from bridge.kernel.time import require_utc

_WAITING = "identity.accesses"
_DOMAIN = "access log"
WHAT = {
    "identity": "姓名、证件号码(页面上遮盖)",
    "identity_full": "完整的姓名和证件号码",
    "face": "人脸照片",
    "identity_evidence": "身份变更的证明材料",
}
"""What of a person was shown. `identity` of rows that no page masks (papers, batches) is the whole of it."""


@dataclass(frozen=True, slots=True)
class AccessFault:
    """One place where the log is not as it was written."""

    institution: str
    seq: int
    row: str | None
    reason: str

    def to_json(self) -> dict[str, object]:
        return {"institution": self.institution, "seq": self.seq, "row": self.row, "reason": self.reason}


def note(
    tx: Tx,
    cipher: FieldCipher,
    learner: LearnerRef,
    *,
    what: str,
    purpose: str,
    recipient: str,
    by: str,
    at: datetime,
) -> None:
    """Log one access, durably with the unit of work in which it happens."""
    row = DisclosureRow(
        id=new_id("dis"),
        institution_id=tx.institution_id,
        learner=learner,
        what=what,
        purpose=purpose,
        recipient=recipient,
        by=by,
        at=at,
    )
    tx.session.info.setdefault(_WAITING, []).append((cipher, row))
    if isinstance(tx.session.get_bind(), Connection):
        # Several units of work share this commit, which is not the session's own.
        _chain(tx.session)


def hand_notes_over(reading: Tx, writing: Tx) -> None:
    """Have what was noted in a unit of work that cannot write be logged by another of the same institution."""
    waiting = reading.session.info.pop(_WAITING, [])
    writing.session.info.setdefault(_WAITING, []).extend(waiting)


@event.listens_for(Session, "before_commit")
def _chain_at_commit(session: Session) -> None:
    if not session.in_nested_transaction():
        _chain(session)


def _chain(session: Session) -> None:
    waiting = session.info.pop(_WAITING, [])
    if not waiting:
        return
    institution, cipher = waiting[0][1].institution_id, waiting[0][0]
    head = _head(session, cipher, institution)
    for _, row in waiting:
        row.seq, row.previous = head.seq + 1, head.mark
        row.mark = _mark(cipher, row)
        head.seq, head.mark = row.seq, row.mark
        session.add(row)
    session.flush()


def _head(session: Session, cipher: FieldCipher, institution: str) -> AccessLogHeadRow:
    asked = (
        select(AccessLogHeadRow)
        .where(AccessLogHeadRow.institution_id == institution)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = session.scalar(asked)
    if found is not None:
        return found
    # The first row carries the mark of all rows from before there was a chain.
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    table: Any = AccessLogHeadRow.__table__
    begun = {"institution_id": institution, "seq": 0, "mark": _founding(session, cipher, institution)}
    session.execute(insert(table).values(begun).on_conflict_do_nothing())
    return session.scalars(asked).one()


def _founding(session: Session, cipher: FieldCipher, institution: str) -> str:
    """Return the mark of the rows that were written before the chain."""
    rows = session.scalars(
        select(DisclosureRow)
        .where(DisclosureRow.institution_id == institution, DisclosureRow.seq.is_(None))
        .order_by(DisclosureRow.id)
    )
    return cipher.blind_index(
        canonical_json([institution, [_said(row) for row in rows]]).decode(), domain=_DOMAIN
    )


def _mark(cipher: FieldCipher, row: DisclosureRow) -> str:
    said = [row.institution_id, row.seq, row.previous, *_said(row)]
    return cipher.blind_index(canonical_json(said).decode(), domain=_DOMAIN)


def _said(row: DisclosureRow) -> list[str | None]:
    at = require_utc(row.at).isoformat(timespec="microseconds")
    return [row.id, row.learner, row.what, row.purpose, row.recipient, row.by, at]


def heads(session: Session) -> Iterator[dict[str, object]]:
    """Yield where each chain ends now, to be kept elsewhere."""
    for row in session.scalars(select(AccessLogHeadRow).order_by(AccessLogHeadRow.institution_id)):
        yield {"institution": row.institution_id, "seq": row.seq, "mark": row.mark}


def verify(
    session: Session, cipher: FieldCipher, witnessed: Mapping[str, tuple[int, str]] | None = None
) -> tuple[int, list[AccessFault]]:
    """Return how many rows stand in chains, and each that is not as it was written.

    Args:
        witnessed: by institution, where its chain once ended (`heads`, kept elsewhere).
    """
    faults: list[AccessFault] = []
    checked = 0
    chains = {row.institution_id: row for row in session.scalars(select(AccessLogHeadRow))}
    named = set(
        session.scalars(select(DisclosureRow.institution_id).where(DisclosureRow.seq.is_not(None)).distinct())
    )
    for institution in sorted(named | set(chains) | set(witnessed or {})):
        found, number = _verify_chain(
            session, cipher, institution, chains.get(institution), (witnessed or {}).get(institution)
        )
        faults += found
        checked += number
    return checked, faults


def _verify_chain(
    session: Session,
    cipher: FieldCipher,
    institution: str,
    head: AccessLogHeadRow | None,
    witness: tuple[int, str] | None,
) -> tuple[list[AccessFault], int]:
    faults: list[AccessFault] = []

    def fault(seq: int, row: str | None, reason: str) -> None:
        faults.append(AccessFault(institution, seq, row, reason))

    expected, previous = 1, _founding(session, cipher, institution)
    rows = session.scalars(
        select(DisclosureRow)
        .where(DisclosureRow.institution_id == institution, DisclosureRow.seq.is_not(None))
        .order_by(DisclosureRow.seq)
        .execution_options(yield_per=1000)
    )
    checked = 0
    for row in rows:
        seq = row.seq or 0
        for gone in range(expected, seq):
            fault(gone, None, "row_removed")
        if seq == expected and row.previous != previous:
            fault(seq, row.id, "earlier_rows_changed" if seq == 1 else "link_broken")
        if row.mark != _mark(cipher, row):
            fault(seq, row.id, "row_changed")
        if witness is not None and witness[0] == seq and witness[1] != row.mark:
            fault(seq, row.id, "not_as_witnessed")
        expected, previous = seq + 1, row.mark or ""
        checked += 1
    ends_at = max(0 if head is None else head.seq, 0 if witness is None else witness[0])
    for gone in range(expected, ends_at + 1):
        fault(gone, None, "row_removed")
    if head is None or (head.seq == expected - 1 and head.mark != previous) or head.seq < expected - 1:
        fault(expected - 1, None, "head_changed")
    return faults, checked


@dataclass(frozen=True, slots=True)
class Access:
    """One access as people read it."""

    seq: int | None
    learner: LearnerRef
    what: str | None
    purpose: str
    recipient: str
    by: str
    at: datetime


def newest(tx: Tx, *, learner: str | None, before: int | None, limit: int) -> list[Access]:
    """Return the institution's accesses, newest first."""
    asked = select(DisclosureRow).where(DisclosureRow.seq.is_not(None))
    if learner:
        asked = asked.where(DisclosureRow.learner == learner)
    if before is not None:
        asked = asked.where(DisclosureRow.seq < before)
    rows = tx.session.scalars(asked.order_by(DisclosureRow.seq.desc()).limit(limit))
    return [
        Access(row.seq, LearnerRef(row.learner), row.what, row.purpose, row.recipient, row.by, row.at)
        for row in rows
    ]


def count(tx: Tx) -> int:
    """Return how many accesses the institution's log holds."""
    return tx.session.scalar(select(func.count(DisclosureRow.id))) or 0
