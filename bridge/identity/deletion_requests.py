"""What learners asked to have deleted, who proposed which answer, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, select
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Id, Instant, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.identity.ports import Now
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import LearnerRef, new_id

OUTCOMES = {
    "kept_by_law": "人脸特征已销毁;培训档案在法定保存期内,期满后销毁",
    "deleted": "已销毁没有保存要求的内容",
    "nothing_kept": "核对后没有保存您的内容",
    "not_enrolled": "核对后没有此人的培训记录",
}
"""What an answer says. It follows from what is kept and is typed by nobody: a text of staff's own would hold names.

`not_enrolled` stands in rows from before an answer carried itself out.
"""


class DeletionRequestRow(Base, TenantRow):
    """One request. What can be deleted at once is; the rest waits for two members of staff.

    `shown` is the digest of what the first one saw, `said` what was done, line by line.
    """

    __tablename__ = "deletion_request"
    __table_args__ = (Index("ix_deletion_request_learner", "learner"),)

    id: Mapped[Id]
    account_id: Mapped[str] = mapped_column(String(40), ForeignKey("lms_account.id"))
    learner: Mapped[str] = mapped_column(String(40))
    asked_at: Mapped[Instant]
    proposed_at: Mapped[Instant | None]
    proposed_by: Mapped[str | None] = mapped_column(String(40))
    shown: Mapped[str | None] = mapped_column(String(64))
    handled_at: Mapped[Instant | None]
    handled_by: Mapped[str | None] = mapped_column(String(40))
    outcome: Mapped[str | None] = mapped_column(String(64))
    said: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))


@dataclass(frozen=True, slots=True)
class DeletionRequest:
    """One request.

    Args:
        shown: digest of what was proposed; None while nobody has proposed an answer.
        outcome: a code of `OUTCOMES` once it was answered.
        said: what went and what stayed then, as the answer's plan named it; empty in rows from before there was one.
    """

    id: str
    learner: LearnerRef
    asked_at: datetime
    proposed_at: datetime | None
    proposed_by: str | None
    shown: str | None
    handled_at: datetime | None
    handled_by: str | None
    outcome: str | None
    said: Sequence[Mapping[str, Any]]


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
        )
        self._tx.session.add(row)
        self._tx.session.flush()
        return _request(row)

    def of(self, *records: LearnerRef) -> Sequence[DeletionRequest]:
        """Return the requests of a human's records, oldest first."""
        rows = self._tx.session.scalars(
            select(DeletionRequestRow)
            .where(DeletionRequestRow.learner.in_(records))
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

    def get(self, request_id: str) -> DeletionRequest:
        """Return a request; InvalidInput("deletion_request_unknown")."""
        row = self._tx.session.scalar(select(DeletionRequestRow).where(DeletionRequestRow.id == request_id))
        if row is None:
            raise _unknown()
        return _request(row)

    def propose(self, request_id: str, shown: str, by: str) -> DeletionRequest:
        """Record what the first person would answer. Another proposal takes its place; the same again changes nothing.

        Args:
            shown: digest of what will go and what stays.

        Raises:
            InvalidInput: deletion_request_unknown, deletion_request_handled.
        """
        row = self._waiting(request_id)
        if row.shown != shown:
            row.proposed_at, row.proposed_by, row.shown = self._clock.now(), by, shown
            self._tx.session.flush()
        return _request(row)

    def require_second(self, request_id: str, shown: str, by: str) -> DeletionRequest:
        """Return the request, locked until commit, if `by` may answer it as it was proposed, or has done so.

        Raises:
            InvalidInput: deletion_request_unknown, deletion_request_handled, deletion_not_proposed,
                deletion_plan_changed.
            NotPermitted("second_person_required"): `by` proposed it.
        """
        row = self._row(request_id)
        if row.handled_at is not None and row.handled_by == by and row.shown == shown:
            return _request(row)
        if row.handled_at is not None:
            raise _handled()
        if row.proposed_by is None:
            raise InvalidInput("deletion_not_proposed", "还没有人提出处理,请先核对并提出。", http_status=409)
        if row.proposed_by == by:
            raise NotPermitted("second_person_required", "须由另一名工作人员确认,提出人不能自己确认。")
        if row.shown != shown:
            raise InvalidInput(
                "deletion_plan_changed", "提出的内容刚刚改过,请重新核对后再确认。", http_status=409
            )
        return _request(row)

    def answer(
        self, request_id: str, outcome: str, said: Sequence[Mapping[str, Any]], by: str
    ) -> DeletionRequest:
        """Record what was done.

        Args:
            outcome: a code of `OUTCOMES`.
            said: line by line what went and what stays; without names.

        Raises:
            InvalidInput: deletion_request_unknown, deletion_request_handled.
        """
        row = self._waiting(request_id)
        row.handled_at, row.handled_by, row.outcome = self._clock.now(), by, outcome
        row.said = [dict(line) for line in said]
        self._tx.session.flush()
        return _request(row)

    def _waiting(self, request_id: str) -> DeletionRequestRow:
        row = self._row(request_id)
        if row.handled_at is not None:
            raise _handled()
        return row

    def _row(self, request_id: str) -> DeletionRequestRow:
        row = self._tx.session.scalar(
            select(DeletionRequestRow)
            .where(DeletionRequestRow.id == request_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if row is None:
            raise _unknown()
        return row


def _unknown() -> InvalidInput:
    return InvalidInput("deletion_request_unknown", "没有这条请求,请刷新页面。", http_status=404)


def _handled() -> InvalidInput:
    return InvalidInput("deletion_request_handled", "这条请求已经处理。", http_status=409)


def _request(row: DeletionRequestRow) -> DeletionRequest:
    return DeletionRequest(
        row.id,
        LearnerRef(row.learner),
        row.asked_at,
        row.proposed_at,
        row.proposed_by,
        row.shown,
        row.handled_at,
        row.handled_by,
        row.outcome,
        row.said or [],
    )
