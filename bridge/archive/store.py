"""Rows of the archive: which files were sealed, with which hash, and where the bytes lie."""

from sqlalchemy import UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from bridge.archive.model import SealedFile
from bridge.db.base import Base, Id, Instant, JsonList, Ref, Sha256, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, EvidenceId, LearnerRef, new_id


class LearnerFileRow(Base, TenantRow):
    """One sealed revision of a learner's file; never changed."""

    __tablename__ = "learner_file"
    __table_args__ = (UniqueConstraint("institution_id", "learner_ref", "class_run_id", "revision"),)

    id: Mapped[Id]
    learner_ref: Mapped[Ref] = mapped_column(index=True)
    class_run_id: Mapped[Ref]
    revision: Mapped[int]
    bag_sha256: Mapped[Sha256]
    ledger_head: Mapped[Sha256]
    papers: Mapped[JsonList]
    evidence_id: Mapped[Ref]
    sealed_at: Mapped[Instant]


class SqlArchiveStore:
    """`ArchiveStore` on SQLAlchemy, for one unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def latest(self, learner: LearnerRef, class_run: ClassRunId) -> SealedFile | None:
        row = self._tx.session.scalar(
            select(LearnerFileRow)
            .where(LearnerFileRow.learner_ref == learner, LearnerFileRow.class_run_id == class_run)
            .order_by(LearnerFileRow.revision.desc())
            .limit(1)
        )
        if row is None:
            return None
        return SealedFile(
            learner=learner,
            class_run=class_run,
            revision=row.revision,
            bag_sha256=row.bag_sha256,
            ledger_head=row.ledger_head,
            papers=tuple(row.papers),
            evidence_id=EvidenceId(row.evidence_id),
            sealed_at=row.sealed_at,
        )

    def add(self, sealed: SealedFile) -> None:
        self._tx.session.add(
            LearnerFileRow(
                id=new_id("lf"),
                institution_id=self._tx.institution_id,
                learner_ref=sealed.learner,
                class_run_id=sealed.class_run,
                revision=sealed.revision,
                bag_sha256=sealed.bag_sha256,
                ledger_head=sealed.ledger_head,
                papers=list(sealed.papers),
                evidence_id=sealed.evidence_id,
                sealed_at=sealed.sealed_at,
            )
        )
        self._tx.session.flush()
