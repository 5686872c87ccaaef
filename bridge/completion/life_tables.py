"""Changes of papers on their way: what somebody proposed, and what another decided."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, String, select, update
from sqlalchemy.orm import Mapped, mapped_column

from bridge.completion.life_model import PROPOSED, PaperChange, PaperChangeKind
from bridge.db.base import Base, Code, Id, Instant, Ref, TenantRow, UtcDateTime
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, LearnerRef


class CertificateChangeRow(TenantRow, Base):
    """One change. The database itself refuses one that was confirmed by who proposed it."""

    __tablename__ = "certificate_change"
    __table_args__ = (
        CheckConstraint("state <> 'confirmed' OR decided_by <> proposed_by", name="two_people"),
    )

    id: Mapped[Id]
    number: Mapped[Ref] = mapped_column(index=True)
    learner_ref: Mapped[Ref]
    class_run_id: Mapped[Ref]
    what: Mapped[Code]
    reason: Mapped[Code]
    expires_on: Mapped[date | None] = mapped_column(Date)
    proposed_by: Mapped[Ref]
    proposed_at: Mapped[Instant]
    state: Mapped[Code]
    decided_by: Mapped[str | None] = mapped_column(String(40))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    replaced_by: Mapped[str | None] = mapped_column(String(40))


class SqlPaperChanges:
    """Changes of one institution's papers, in one unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._session = tx.session

    def add(self, one: PaperChange) -> None:
        """Keep a proposal."""
        self._session.add(
            CertificateChangeRow(
                id=one.id,
                institution_id=self._tx.institution_id,
                number=one.number,
                learner_ref=one.learner,
                class_run_id=one.class_run,
                what=one.what.value,
                reason=one.reason,
                expires_on=one.expires_on,
                proposed_by=one.proposed_by,
                proposed_at=one.proposed_at,
                state=one.state,
            )
        )
        self._session.flush()

    def get(self, change: str) -> PaperChange | None:
        """Return it as it stands now; None for another institution's."""
        row = self._session.scalars(
            select(CertificateChangeRow)
            .where(CertificateChangeRow.id == change)
            .execution_options(populate_existing=True)
        ).one_or_none()
        return None if row is None else _change(row)

    def decide(
        self, change: str, state: str, by: str, at: datetime, *, replaced_by: str | None = None
    ) -> bool:
        """Note the decision; False if it was decided before: of two who decide at once, the first stands."""
        decided = self._session.execute(
            update(CertificateChangeRow)
            .where(CertificateChangeRow.id == change, CertificateChangeRow.state == PROPOSED)
            .values(state=state, decided_by=by, decided_at=at, replaced_by=replaced_by)
            .returning(CertificateChangeRow.id)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        return decided is not None

    def note_replacement(self, change: str, number: str) -> None:
        """Note which paper a confirmed change brought about."""
        self._session.execute(
            update(CertificateChangeRow)
            .where(CertificateChangeRow.id == change)
            .values(replaced_by=number)
            .execution_options(synchronize_session=False)
        )

    def of(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[PaperChange]:
        """Return the changes of the learner's papers in the class run, newest first."""
        rows = self._session.scalars(
            select(CertificateChangeRow)
            .where(
                CertificateChangeRow.learner_ref == learner, CertificateChangeRow.class_run_id == class_run
            )
            .order_by(CertificateChangeRow.proposed_at.desc(), CertificateChangeRow.id.desc())
        )
        return [_change(row) for row in rows]

    def last_of(self, number: str) -> PaperChange | None:
        """Return the last confirmed change of a paper: why it is what it is."""
        row = self._session.scalars(
            select(CertificateChangeRow)
            .where(CertificateChangeRow.number == number, CertificateChangeRow.state == "confirmed")
            .order_by(CertificateChangeRow.decided_at.desc(), CertificateChangeRow.id.desc())
            .limit(1)
        ).one_or_none()
        return None if row is None else _change(row)


def _change(row: CertificateChangeRow) -> PaperChange:
    return PaperChange(
        id=row.id,
        number=row.number,
        learner=LearnerRef(row.learner_ref),
        class_run=ClassRunId(row.class_run_id),
        what=PaperChangeKind(row.what),
        reason=row.reason,
        expires_on=row.expires_on,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        state=row.state,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        replaced_by=row.replaced_by,
    )
