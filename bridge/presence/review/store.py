"""Reviews in the unit of work's database, and the lists of checks that pages need beside them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import CheckId, ClassRunId, InstitutionId, LearnerRef, new_id
from bridge.kernel.time import from_epoch_ms
from bridge.presence.model import CheckKind, CheckState, PresenceCheck
from bridge.presence.movement import Asked
from bridge.presence.review.model import FINAL, UNDECIDED, Origin, Review, ReviewState, Verdict
from bridge.presence.review.ports import ReviewStep
from bridge.presence.review.tables import PresenceReviewRow, PresenceReviewStepRow
from bridge.presence.tables import PresenceCheckRow

_FINAL = sorted(state.value for state in FINAL)
_UNDECIDED = sorted(state.value for state in UNDECIDED)


class SqlReviewStore:
    """`ReviewStore` on the unit of work's database."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._db = tx.session

    def add(self, review: Review, step: ReviewStep) -> bool:
        try:
            with self._db.begin_nested():
                self._db.add(PresenceReviewRow(institution_id=self._tx.institution_id, **_columns(review)))
        except IntegrityError:
            return False
        self._note(review.id, step)
        return True

    def get(self, review_id: str) -> Review | None:
        row = self._db.scalars(
            select(PresenceReviewRow)
            .where(PresenceReviewRow.id == review_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one_or_none()
        return None if row is None else _review(row)

    def save(self, review: Review, step: ReviewStep) -> None:
        row = self._db.get_one(PresenceReviewRow, review.id)
        for name, value in _columns(review).items():
            setattr(row, name, value)
        self._note(review.id, step)

    def look(self, review_id: str) -> Review | None:
        """Return the case as it stands; nothing is locked, so that pictures of one page do not queue up."""
        row = self._db.scalars(
            select(PresenceReviewRow).where(PresenceReviewRow.id == review_id)
        ).one_or_none()
        return None if row is None else _review(row)

    def of_check(self, check: CheckId) -> Sequence[Review]:
        rows = self._db.scalars(
            select(PresenceReviewRow)
            .where(PresenceReviewRow.check_id == check)
            .order_by(PresenceReviewRow.round)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return [_review(row) for row in rows]

    def of_learner(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[Review]:
        rows = self._db.scalars(
            select(PresenceReviewRow)
            .where(PresenceReviewRow.learner == learner, PresenceReviewRow.class_run == class_run)
            .order_by(PresenceReviewRow.opened_at, PresenceReviewRow.id)
        )
        return [_review(row) for row in rows]

    def open_cases(self, class_run: ClassRunId | None) -> Sequence[Review]:
        asked = select(PresenceReviewRow).where(PresenceReviewRow.state.not_in(_FINAL))
        if class_run is not None:
            asked = asked.where(PresenceReviewRow.class_run == class_run)
        return [
            _review(row)
            for row in self._db.scalars(asked.order_by(PresenceReviewRow.opened_at, PresenceReviewRow.id))
        ]

    def steps(self, review_id: str) -> Sequence[ReviewStep]:
        rows = self._db.scalars(
            select(PresenceReviewStepRow)
            .where(PresenceReviewStepRow.review_id == review_id)
            .order_by(PresenceReviewStepRow.seq)
        )
        return [ReviewStep(row.what, row.reason, row.by, row.at) for row in rows]

    def ended_check(self, check: CheckId) -> tuple[PresenceCheck, datetime] | None:
        row = self._db.scalars(
            select(PresenceCheckRow).where(
                PresenceCheckRow.id == check, PresenceCheckRow.decided_ms.is_not(None)
            )
        ).one_or_none()
        if row is None or row.decided_ms is None:
            return None
        return _check(row), from_epoch_ms(row.decided_ms)

    def ended_checks(
        self, learner: LearnerRef, class_run: ClassRunId
    ) -> Sequence[tuple[PresenceCheck, datetime]]:
        """Return the learner's checks that ended, oldest first, each with when."""
        rows = self._db.scalars(
            select(PresenceCheckRow)
            .where(
                PresenceCheckRow.learner == learner,
                PresenceCheckRow.class_run == class_run,
                PresenceCheckRow.decided_ms.is_not(None),
            )
            .order_by(PresenceCheckRow.decided_ms, PresenceCheckRow.id)
        )
        return [(_check(row), from_epoch_ms(row.decided_ms or 0)) for row in rows]

    def failures_by_learner(self, class_run: ClassRunId) -> Mapping[LearnerRef, int]:
        """Return how many checks in a row each learner of the class run has not passed, those with none left out."""
        checks = PresenceCheckRow
        passed = (
            select(checks.learner, func.max(checks.decided_ms).label("at"))
            .where(checks.class_run == class_run, checks.state == CheckState.PASSED.value)
            .group_by(checks.learner)
            .subquery()
        )
        rows = self._db.execute(
            select(checks.learner, func.count())
            .outerjoin(passed, passed.c.learner == checks.learner)
            .where(
                checks.class_run == class_run,
                checks.decided_ms.is_not(None),
                checks.state != CheckState.PASSED.value,
                checks.decided_ms > func.coalesce(passed.c.at, -1),
            )
            .group_by(checks.learner)
        )
        return {LearnerRef(learner): count for learner, count in rows}

    def _note(self, review_id: str, step: ReviewStep) -> None:
        self._db.flush()
        last = self._db.scalar(
            select(func.max(PresenceReviewStepRow.seq)).where(PresenceReviewStepRow.review_id == review_id)
        )
        self._db.add(
            PresenceReviewStepRow(
                id=new_id("rvs"),
                institution_id=self._tx.institution_id,
                review_id=review_id,
                seq=(last or 0) + 1,
                what=step.what,
                reason=step.reason,
                by=step.by,
                at=step.at,
            )
        )
        self._db.flush()


def expiring(tx: Tx, today: date, limit: int = 500) -> Sequence[tuple[InstitutionId, str]]:
    """Return the cases, of all institutions, that end undecided today."""
    rows = tx.session.execute(
        select(PresenceReviewRow.institution_id, PresenceReviewRow.id)
        .where(
            PresenceReviewRow.state.in_(_UNDECIDED),
            PresenceReviewRow.appealed_at.is_(None),
            PresenceReviewRow.expires_after < today,
        )
        .limit(limit)
    )
    return [(InstitutionId(institution), review) for institution, review in rows]


def _check(row: PresenceCheckRow) -> PresenceCheck:
    values: dict[str, Any] = {name: getattr(row, name) for name in PresenceCheck.__slots__}
    read = {
        "kind": CheckKind(row.kind),
        "state": CheckState(row.state),
        "verdicts": tuple(row.verdicts),
        "asked": None if row.asked is None else Asked.from_json(row.asked),
    }
    return PresenceCheck(**{**values, **read})


def _review(row: PresenceReviewRow) -> Review:
    names = [name for name in Review.__slots__ if name != "check"]
    values: dict[str, Any] = {name: getattr(row, name) for name in names}
    return Review(
        **{
            **values,
            "check": CheckId(row.check_id),
            "outcome": CheckState(row.outcome),
            "origin": Origin(row.origin),
            "state": ReviewState(row.state),
            "verdict": None if row.verdict is None else Verdict(row.verdict),
        }
    )


def _columns(review: Review) -> dict[str, Any]:
    values = {name: getattr(review, name) for name in Review.__slots__ if name != "nor_by"}
    values["check_id"] = values.pop("check")
    return {
        name: value.value if isinstance(value, CheckState | Origin | ReviewState | Verdict) else value
        for name, value in values.items()
    }
