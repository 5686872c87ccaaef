"""Batches of papers on their way: for whom of a class run papers are to be issued, and what came of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Text, UniqueConstraint, select, update
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, Ref, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, LearnerRef, new_id

WAITING, ISSUED, NOTHING_NEW, REFUSED = "waiting", "issued", "nothing_new", "refused"


class CertificateBatchRow(TenantRow, Base):
    """One batch."""

    __tablename__ = "certificate_batch"

    id: Mapped[Id]
    class_run_id: Mapped[Ref] = mapped_column(index=True)
    wanted_by: Mapped[Ref]
    wanted_at: Mapped[Instant]


class CertificateBatchLineRow(TenantRow, Base):
    """One learner of a batch."""

    __tablename__ = "certificate_batch_line"
    __table_args__ = (UniqueConstraint("batch_id", "learner_ref"),)

    id: Mapped[Id]
    batch_id: Mapped[Ref] = mapped_column(index=True)
    learner_ref: Mapped[Ref]
    state: Mapped[Code]
    sentence: Mapped[str | None] = mapped_column(Text)


@dataclass(frozen=True, slots=True)
class BatchLine:
    """What came of one learner; `sentence` says why there is no paper."""

    learner: LearnerRef
    state: str
    sentence: str


@dataclass(frozen=True, slots=True)
class PaperBatch:
    """A batch as it stands."""

    id: str
    class_run: ClassRunId
    wanted_by: str
    wanted_at: datetime
    lines: tuple[BatchLine, ...]

    @property
    def total(self) -> int:
        return len(self.lines)

    @property
    def done(self) -> int:
        """How many learners have been looked at."""
        return self.total - self.counts[WAITING]

    @property
    def counts(self) -> Counter[str]:
        return Counter(one.state for one in self.lines)


class SqlPaperBatches:
    """Batches of one institution, in one unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._session = tx.session

    def add(self, class_run: ClassRunId, learners: Sequence[LearnerRef], by: str) -> str:
        """Keep a batch, every line waiting; return its id."""
        batch = new_id("pbt")
        institution = self._tx.institution_id
        self._session.add(
            CertificateBatchRow(
                id=batch,
                institution_id=institution,
                class_run_id=class_run,
                wanted_by=by,
                wanted_at=self._tx.clock.now(),
            )
        )
        self._session.add_all(
            CertificateBatchLineRow(
                id=new_id("pbl"),
                institution_id=institution,
                batch_id=batch,
                learner_ref=learner,
                state=WAITING,
            )
            for learner in learners
        )
        self._session.flush()
        return batch

    def waiting(self, batch: str, limit: int) -> Sequence[LearnerRef]:
        """Return learners whose turn has not come."""
        line = CertificateBatchLineRow
        rows = self._session.scalars(
            select(line.learner_ref)
            .where(line.batch_id == batch, line.state == WAITING)
            .order_by(line.learner_ref)
            .limit(limit)
        )
        return [LearnerRef(one) for one in rows]

    def note(self, batch: str, learner: LearnerRef, state: str, sentence: str = "") -> None:
        """Note what came of a learner."""
        line = CertificateBatchLineRow
        self._session.execute(
            update(line)
            .where(line.batch_id == batch, line.learner_ref == learner)
            .values(state=state, sentence=sentence or None)
            .execution_options(synchronize_session=False)
        )

    def class_run_of(self, batch: str) -> ClassRunId | None:
        """Return whose batch it is; None for another institution's."""
        row = self._session.get(CertificateBatchRow, batch)
        return None if row is None else ClassRunId(row.class_run_id)

    def latest(self, class_run: ClassRunId) -> PaperBatch | None:
        """Return the newest batch of a class run."""
        batch = self._session.scalars(
            select(CertificateBatchRow)
            .where(CertificateBatchRow.class_run_id == class_run)
            .order_by(CertificateBatchRow.wanted_at.desc(), CertificateBatchRow.id.desc())
            .limit(1)
        ).one_or_none()
        if batch is None:
            return None
        line = CertificateBatchLineRow
        rows = self._session.scalars(
            select(line)
            .where(line.batch_id == batch.id)
            .order_by(line.learner_ref)
            .execution_options(populate_existing=True)
        )
        return PaperBatch(
            batch.id,
            class_run,
            batch.wanted_by,
            batch.wanted_at,
            tuple(BatchLine(LearnerRef(row.learner_ref), row.state, row.sentence or "") for row in rows),
        )
