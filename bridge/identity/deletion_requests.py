"""What learners asked to have deleted, and what staff made of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, select
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Id, Instant, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.identity.ports import Now
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import LearnerRef, new_id

OUTCOMES = {
    "kept_by_law": "人脸特征已销毁;培训档案在法定保存期内,期满后销毁",
    "deleted": "已删除没有保存要求的内容",
    "not_enrolled": "核对后没有此人的培训记录",
}
"""How staff answer. A text of their own would hold names."""


class DeletionRequestRow(Base, TenantRow):
    """One request. What can be deleted at once is; the rest waits for staff."""

    __tablename__ = "deletion_request"
    __table_args__ = (Index("ix_deletion_request_learner", "learner"),)

    id: Mapped[Id]
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("lms_account.id"))
    learner: Mapped[str] = mapped_column(String(40))
    asked_at: Mapped[Instant]
    handled_at: Mapped[Instant | None]
    handled_by: Mapped[str | None] = mapped_column(String(40))
    outcome: Mapped[str | None] = mapped_column(String(64))


@dataclass(frozen=True, slots=True)
class DeletionRequest:
    """One request; `outcome` is a code of `OUTCOMES` once staff have answered."""

    id: str
    learner: LearnerRef
    asked_at: datetime
    handled_at: datetime | None
    handled_by: str | None
    outcome: str | None


class DeletionRequests:
    """Requests of one institution's learners, within one unit of work."""

    def __init__(self, tx: Tx, clock: Now) -> None:
        self._tx = tx
        self._clock = clock

    def ask(self, account_id: str, learner: LearnerRef) -> DeletionRequest:
        """Record a request; while one waits it stands for a second one."""
        for one in self.of(learner):
            if one.handled_at is None:
                return one
        row = DeletionRequestRow(
            id=new_id("del"),
            institution_id=self._tx.institution_id,
            account_id=account_id,
            learner=learner,
            asked_at=self._clock.now(),
            handled_at=None,
            handled_by=None,
            outcome=None,
        )
        self._tx.session.add(row)
        self._tx.session.flush()
        return _request(row)

    def of(self, learner: LearnerRef) -> Sequence[DeletionRequest]:
        """Return the learner's requests, oldest first."""
        rows = self._tx.session.scalars(
            select(DeletionRequestRow)
            .where(DeletionRequestRow.learner == learner)
            .order_by(DeletionRequestRow.asked_at, DeletionRequestRow.id)
        )
        return [_request(row) for row in rows]

    def waiting(self) -> Sequence[DeletionRequest]:
        """Return what staff have not answered yet, oldest first."""
        rows = self._tx.session.scalars(
            select(DeletionRequestRow)
            .where(DeletionRequestRow.handled_at.is_(None))
            .order_by(DeletionRequestRow.asked_at, DeletionRequestRow.id)
            .limit(200)
        )
        return [_request(row) for row in rows]

    def handle(self, request_id: str, outcome: str, by: str) -> DeletionRequest:
        """Record how staff answered; once.

        Raises:
            InvalidInput: deletion_outcome_unknown, deletion_request_unknown, deletion_request_handled.
        """
        if outcome not in OUTCOMES:
            raise InvalidInput("deletion_outcome_unknown", "请选择处理结果。")
        row = self._tx.session.scalars(
            select(DeletionRequestRow).where(DeletionRequestRow.id == request_id).with_for_update()
        ).one_or_none()
        if row is None:
            raise InvalidInput("deletion_request_unknown", "没有这条请求,请刷新页面。", http_status=404)
        if row.handled_at is not None:
            raise InvalidInput("deletion_request_handled", "这条请求已经处理。", http_status=409)
        row.handled_at, row.handled_by, row.outcome = self._clock.now(), by, outcome
        self._tx.session.flush()
        return _request(row)


def _request(row: DeletionRequestRow) -> DeletionRequest:
    return DeletionRequest(
        row.id, LearnerRef(row.learner), row.asked_at, row.handled_at, row.handled_by, row.outcome
    )
