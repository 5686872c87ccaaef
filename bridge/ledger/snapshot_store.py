"""The tables of snapshots: one row for each chain, marked like the chain's own, and its timeline in parts."""

from collections.abc import Sequence

from sqlalchemy import UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped

from bridge.db.base import Base, Count, Id, LongText, Ref, Sha256, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, LearnerRef, new_id
from bridge.ledger.marks import ChainOf, RowMarks, same_mark


class LedgerSnapshotRow(TenantRow, Base):
    """A chain's snapshot: a cache, which may be deleted at any time."""

    __tablename__ = "ledger_snapshot"
    __table_args__ = (UniqueConstraint("institution_id", "learner_ref", "class_run_id"),)

    id: Mapped[Id]
    learner_ref: Mapped[Ref]
    class_run_id: Mapped[Ref]
    body: Mapped[LongText]
    mark: Mapped[Sha256]


class LedgerSnapshotPartRow(TenantRow, Base):
    """A part of the timeline of a snapshot, which names the hash over all parts."""

    __tablename__ = "ledger_snapshot_part"
    __table_args__ = (
        UniqueConstraint(
            "institution_id",
            "learner_ref",
            "class_run_id",
            "number",
            name="uq_ledger_snapshot_part_number",
        ),
    )

    id: Mapped[Id]
    learner_ref: Mapped[Ref]
    class_run_id: Mapped[Ref]
    number: Mapped[Count]
    body: Mapped[LongText]


class SqlSnapshotStore:
    """`SnapshotStore` on the unit of work's database."""

    def __init__(self, tx: Tx, marks: RowMarks) -> None:
        self._tx = tx
        self._session = tx.session
        self._marks = marks

    def body(self, learner: LearnerRef, class_run: ClassRunId) -> bytes | None:
        row = self._session.execute(
            select(LedgerSnapshotRow.body, LedgerSnapshotRow.mark).where(
                LedgerSnapshotRow.institution_id == self._tx.institution_id,
                LedgerSnapshotRow.learner_ref == learner,
                LedgerSnapshotRow.class_run_id == class_run,
            )
        ).one_or_none()
        if row is None:
            return None
        body = row.body.encode()
        made = self._marks.of_snapshot(self._chain(learner, class_run), body)
        return body if same_mark(row.mark, made) else None

    def exists(self, learner: LearnerRef, class_run: ClassRunId) -> bool:
        found = self._session.scalar(
            select(LedgerSnapshotRow.id).where(
                LedgerSnapshotRow.institution_id == self._tx.institution_id,
                LedgerSnapshotRow.learner_ref == learner,
                LedgerSnapshotRow.class_run_id == class_run,
            )
        )
        return found is not None

    def parts(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[bytes]:
        part = LedgerSnapshotPartRow
        bodies = self._session.scalars(
            select(part.body)
            .where(
                part.institution_id == self._tx.institution_id,
                part.learner_ref == learner,
                part.class_run_id == class_run,
            )
            .order_by(part.number)
        )
        return [body.encode() for body in bodies]

    def keep(self, learner: LearnerRef, class_run: ClassRunId, body: bytes, part: bytes, number: int) -> None:
        row, parts = LedgerSnapshotRow, LedgerSnapshotPartRow
        self._session.execute(
            delete(row).where(
                row.institution_id == self._tx.institution_id,
                row.learner_ref == learner,
                row.class_run_id == class_run,
            )
        )
        self._session.execute(
            delete(parts).where(
                parts.institution_id == self._tx.institution_id,
                parts.learner_ref == learner,
                parts.class_run_id == class_run,
                parts.number >= number,
            )
        )
        whose = {
            "institution_id": self._tx.institution_id,
            "learner_ref": learner,
            "class_run_id": class_run,
        }
        mark = self._marks.of_snapshot(self._chain(learner, class_run), body)
        self._session.add(row(id=new_id("lsn"), body=body.decode(), mark=mark, **whose))
        self._session.add(parts(id=new_id("lsp"), number=number, body=part.decode(), **whose))
        self._session.flush()

    def _chain(self, learner: LearnerRef, class_run: ClassRunId) -> ChainOf:
        return ChainOf(self._tx.institution_id, learner, class_run)
