"""Corrections on their way: what somebody proposed, and what another decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, select, update
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, JsonDict, Ref, TenantRow, UtcDateTime
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.ledger.model.corrections import CorrectionKind

PROPOSED, CONFIRMED, REFUSED = "proposed", "confirmed", "refused"


class LedgerCorrectionRow(TenantRow, Base):
    """One correction. The database itself refuses one that was confirmed by who proposed it."""

    __tablename__ = "ledger_correction"
    __table_args__ = (
        CheckConstraint("state <> 'confirmed' OR decided_by <> proposed_by", name="two_people"),
        Index("ix_ledger_correction_learner", "learner_ref", "class_run_id"),
    )

    id: Mapped[Id]
    learner_ref: Mapped[Ref]
    class_run_id: Mapped[Ref]
    what: Mapped[Code]
    details: Mapped[JsonDict]
    reason: Mapped[Code]
    document_sha256: Mapped[str | None] = mapped_column(String(64))
    proposed_by: Mapped[Ref]
    proposed_at: Mapped[Instant]
    state: Mapped[Code]
    decided_by: Mapped[str | None] = mapped_column(String(40))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction as somebody proposed it.

    Args:
        details: what the kind needs: start_ms, end_ms; check; outline_unit; to (a class run).
        reason: one of `corrections.REASONS_ZH`.
        state: proposed, confirmed or refused.
    """

    id: str
    learner: LearnerRef
    class_run: ClassRunId
    what: CorrectionKind
    details: Mapping[str, Any]
    reason: str
    document_sha256: str | None
    proposed_by: str
    proposed_at: datetime
    state: str = PROPOSED
    decided_by: str | None = None
    decided_at: datetime | None = None


class SqlCorrectionStore:
    """Corrections of one institution, in one unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._session = tx.session

    def add(self, one: Correction) -> None:
        """Keep a proposal."""
        self._session.add(
            LedgerCorrectionRow(
                id=one.id,
                institution_id=self._tx.institution_id,
                learner_ref=one.learner,
                class_run_id=one.class_run,
                what=one.what.value,
                details=dict(one.details),
                reason=one.reason,
                document_sha256=one.document_sha256,
                proposed_by=one.proposed_by,
                proposed_at=one.proposed_at,
                state=one.state,
                decided_by=None,
                decided_at=None,
            )
        )
        self._session.flush()

    def get(self, correction: str) -> Correction | None:
        """Return it as it stands now; None for another institution's."""
        row = self._session.scalars(
            select(LedgerCorrectionRow)
            .where(LedgerCorrectionRow.id == correction)
            .execution_options(populate_existing=True)
        ).one_or_none()
        return None if row is None else _correction(row)

    def decide(self, correction: str, state: str, by: str, at: datetime) -> bool:
        """Note the decision; False if it was decided before: of two who decide at once, the first stands."""
        decided = self._session.execute(
            update(LedgerCorrectionRow)
            .where(LedgerCorrectionRow.id == correction, LedgerCorrectionRow.state == PROPOSED)
            .values(state=state, decided_by=by, decided_at=at)
            .returning(LedgerCorrectionRow.id)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        return decided is not None

    def of(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[Correction]:
        """Return the learner's corrections in the class run, newest first."""
        rows = self._session.scalars(
            select(LedgerCorrectionRow)
            .where(LedgerCorrectionRow.learner_ref == learner, LedgerCorrectionRow.class_run_id == class_run)
            .order_by(LedgerCorrectionRow.proposed_at.desc(), LedgerCorrectionRow.id.desc())
        )
        return [_correction(row) for row in rows]


def _correction(row: LedgerCorrectionRow) -> Correction:
    return Correction(
        id=row.id,
        learner=LearnerRef(row.learner_ref),
        class_run=ClassRunId(row.class_run_id),
        what=CorrectionKind(row.what),
        details=row.details,
        reason=row.reason,
        document_sha256=row.document_sha256,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        state=row.state,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )
