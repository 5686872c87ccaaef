"""Where a learner's newest figures are noted, for the institution of the unit of work."""

from sqlalchemy import UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from bridge.completion.model import Earned
from bridge.db.base import Base, Count, Id, Instant, Ref, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, LearnerRef, new_id


class SupervisedProgressRow(Base, TenantRow):
    """A learner's newest figures in a class run, so that no page settles a whole city's ledgers."""

    __tablename__ = "supervised_progress"
    __table_args__ = (UniqueConstraint("institution_id", "learner_ref", "class_run_id"),)

    id: Mapped[Id]
    learner_ref: Mapped[Ref] = mapped_column(index=True)
    class_run_id: Mapped[Ref] = mapped_column(index=True)
    credited_seconds: Mapped[Count]
    provisional_seconds: Mapped[Count]
    refused_seconds: Mapped[Count]
    online_class_hours: Mapped[int]
    offline_class_hours: Mapped[int]
    noted_at: Mapped[Instant]


class SqlProgressStore:
    """`ProgressStore` in a unit of work of one institution."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def class_hours(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[int, int]:
        row = self._tx.session.execute(
            select(SupervisedProgressRow.online_class_hours, SupervisedProgressRow.offline_class_hours).where(
                SupervisedProgressRow.learner_ref == learner,
                SupervisedProgressRow.class_run_id == class_run,
            )
        ).one_or_none()
        return (0, 0) if row is None else (row[0], row[1])

    def note(self, learner: LearnerRef, class_run: ClassRunId, earned: Earned) -> None:
        row = self._tx.session.scalar(
            select(SupervisedProgressRow).where(
                SupervisedProgressRow.learner_ref == learner,
                SupervisedProgressRow.class_run_id == class_run,
            )
        )
        if row is None:
            row = SupervisedProgressRow(
                id=new_id("sp"),
                institution_id=self._tx.institution_id,
                learner_ref=learner,
                class_run_id=class_run,
            )
            self._tx.session.add(row)
        row.credited_seconds = earned.credited_seconds
        row.provisional_seconds = earned.provisional_seconds
        row.refused_seconds = sum(earned.refused_seconds.values())
        row.online_class_hours = earned.online_class_hours
        row.offline_class_hours = earned.offline_class_hours
        row.noted_at = self._tx.clock.now()
        self._tx.session.flush()
