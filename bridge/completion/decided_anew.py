"""A test is decided anew once two people have seen that a check over it was wrong. What was decided stays beside it.

A check that was passed is never reviewed, so a test can be accepted by this and never refused.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

from sqlalchemy import select

from bridge.completion.decided_anew_tables import TestDecidedAnewRow
from bridge.completion.model import TestEvidence, TestScore
from bridge.completion.ports import Sheets
from bridge.completion.score_decision import (
    TEST_DECIDED,
    WITHOUT_PRESENCE,
    decide,
    decided_data,
    legal_dates,
)
from bridge.completion.store import TestDecisionRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import CheckId, ClassRunId, LearnerRef, new_id
from bridge.kernel.time import Clock, StudyClock, parse_rfc3339, rfc3339
from bridge.rules.model import RuleBook

_OVERTURNED = "overturn"


class PresenceReviewed(Protocol):
    """What presence proves of an attempt, with what two people said of its checks."""

    def evidence(self, score: TestScore) -> TestEvidence: ...

    def watched_by(self, score: TestScore, check: CheckId) -> bool:
        """Return whether the check belongs to a session that watched the attempt."""
        ...


class TestsDecidedAnew:
    """Decisions of one institution that reviews change, within one unit of work."""

    __test__ = False

    def __init__(
        self,
        tx: Tx,
        sheets: Sheets,
        presence: PresenceReviewed,
        rules: RuleBook,
        clock: Clock,
        study_clock: StudyClock,
    ) -> None:
        self._tx = tx
        self._session = tx.session
        self._sheets = sheets
        self._presence = presence
        self._rules = rules
        self._clock = clock
        self._study_clock = study_clock

    def note_review(self, data: Mapping[str, Any]) -> None:
        """Decide anew the tests that were refused for want of presence and that the review's check watched; once.

        The rules are those of the day on which the test was decided first.

        Args:
            data: of the event `presence.review_closed`.
        """
        if data["verdict"] != _OVERTURNED:
            return
        learner, class_run = LearnerRef(data["learner"]), ClassRunId(data["class_run"])
        for row in self._refused(learner, class_run):
            score = _score(row)
            if not self._presence.watched_by(score, CheckId(data["check"])):
                continue
            seen = self._presence.evidence(score)
            sheet = self._sheets.class_run_sheet(class_run, learner)
            profile = self._rules.profile(sheet.class_run.profile)
            decision = decide(score, seen, profile, legal_dates(sheet, row.decided_at))
            self._session.add(
                TestDecidedAnewRow(
                    id=new_id("tda"),
                    institution_id=self._tx.institution_id,
                    decision=row.id,
                    review=data["review"],
                    accepted=decision.value,
                    reasons=[reason.code for reason in decision.reasons],
                    checks_passed=seen.in_test_checks_passed + int(seen.start_passed),
                    decided_at=self._clock.now(),
                )
            )
            self._session.flush()
            if decision.value:
                self._tx.emit(
                    TEST_DECIDED,
                    learner,
                    occurred_at=self._study_clock.now(),
                    idempotency_key=f"{row.id}|{data['review']}",
                    data={**decided_data(score, seen, decision), "review": data["review"]},
                )

    def _refused(self, learner: LearnerRef, class_run: ClassRunId) -> list[TestDecisionRow]:
        anew = select(TestDecidedAnewRow.decision).where(TestDecidedAnewRow.accepted.is_(True))
        rows = self._session.scalars(
            select(TestDecisionRow)
            .where(
                TestDecisionRow.learner_ref == learner,
                TestDecisionRow.class_run_id == class_run,
                TestDecisionRow.accepted.is_(False),
                TestDecisionRow.id.not_in(anew),
            )
            .order_by(TestDecisionRow.decided_at, TestDecisionRow.id)
            .with_for_update()
        )
        return [row for row in rows if WITHOUT_PRESENCE in row.reasons]


def _score(row: TestDecisionRow) -> TestScore:
    finished = parse_rfc3339(row.finished_real)
    return TestScore(
        learner=LearnerRef(row.learner_ref),
        class_run=ClassRunId(row.class_run_id),
        unit=row.unit,
        attempt=row.attempt,
        score=row.score,
        maximum=row.maximum,
        started_real=rfc3339(finished - timedelta(milliseconds=row.attempt_ms)),
        finished_real=row.finished_real,
        message=row.message,
    )
