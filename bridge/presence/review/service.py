"""Use cases of reviews: cases are opened, appealed, decided by one and confirmed by another, or they expire."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.events import Events
from bridge.kernel.ids import CheckId, ClassRunId, LearnerRef, new_id
from bridge.kernel.time import StudyClock, legal_date, rfc3339
from bridge.presence.model import CheckState, PresenceCheck
from bridge.presence.review.model import (
    APPEAL_REASONS,
    APPEAL_REFUSALS_ZH,
    DECISIONS,
    OPENED_BY_SYSTEM,
    Origin,
    Review,
    against_appeal,
    open_review,
)
from bridge.presence.review.ports import ReviewRulesInForce, ReviewStep, ReviewStore

REVIEW_CLOSED = "presence.review_closed"


class Reviews:
    """Reviews of one institution, in one unit of work."""

    def __init__(
        self, store: ReviewStore, events: Events, rules: ReviewRulesInForce, study_clock: StudyClock
    ) -> None:
        self._store = store
        self._events = events
        self._rules = rules
        self._study_clock = study_clock

    def note_check(self, data: Mapping[str, Any]) -> None:
        """Open a case for a check that ended in doubt about the person; told twice, it is one."""
        outcome = CheckState(data["outcome"])
        if outcome not in OPENED_BY_SYSTEM or self._store.of_check(CheckId(data["check"])):
            return
        now = self._study_clock.now()
        class_run = ClassRunId(data["class_run"])
        self._open(
            LearnerRef(data["learner"]), class_run, CheckId(data["check"]), outcome, Origin.SYSTEM, now
        )

    def appeal(self, learner: LearnerRef, class_run: ClassRunId, check: CheckId, reason: str) -> Review:
        """Put the learner's word in the check's case, or open one for it; return the case.

        Raises:
            InvalidInput: check_unknown (also for another learner's), appeal_reason_unknown, appeal_made_before, and
                `CheckState.OPEN` checks' check_unknown.
            NotPermitted: review_check_not_failed, appeal_granted_before, appeal_too_late.
        """
        if reason not in APPEAL_REASONS:
            raise InvalidInput("appeal_reason_unknown", "请选择申诉理由。", http_status=422)
        found, ended_at = self._ended(check, learner, class_run)
        before = self._store.of_check(check)
        now, rules = self._study_clock.now(), self._rules.reviews(class_run)
        against = against_appeal(found.state, legal_date(ended_at), before, legal_date(now), rules)
        if against is not None:
            raise NotPermitted(against, APPEAL_REFUSALS_ZH[against], http_status=409)
        if before and not before[-1].is_final:
            review = before[-1].appeal(reason, now, rules)
            self._store.save(review, ReviewStep("appealed", reason, None, now))
            return review
        opened = self._open(learner, class_run, check, found.state, Origin.APPEAL, now, before=before)
        review = opened.appeal(reason, now, rules)
        self._store.save(review, ReviewStep("appealed", reason, None, now))
        return review

    def open_by_staff(self, learner: LearnerRef, class_run: ClassRunId, check: CheckId, by: str) -> Review:
        """Open a case for a check that a member of staff wants looked at.

        Raises:
            InvalidInput: check_unknown, review_check_not_failed, review_open_already, review_final.
        """
        found, _ended_at = self._ended(check, learner, class_run)
        now = self._study_clock.now()
        before = self._store.of_check(check)
        return self._open(learner, class_run, check, found.state, Origin.STAFF, now, by=by, before=before)

    def decide(self, review_id: str, reason: str, by: str) -> Review:
        """Decide as the first person; see `Review.decide`, and InvalidInput("review_unknown")."""
        now = self._study_clock.now()
        review = self._known(review_id).decide(reason, by, now)
        self._store.save(review, ReviewStep("decided", reason, by, now))
        return review

    def undo(self, review_id: str, by: str) -> Review:
        """Take one's own decision back; see `Review.undo`, and InvalidInput("review_unknown")."""
        now = self._study_clock.now()
        review = self._known(review_id).undo(by)
        self._store.save(review, ReviewStep("undone", None, by, now))
        return review

    def send_back(self, review_id: str, reason: str, by: str) -> Review:
        """Disagree as the second person; see `Review.send_back`, and InvalidInput("review_unknown")."""
        now = self._study_clock.now()
        review = self._known(review_id).send_back(reason, by)
        self._store.save(review, ReviewStep("sent_back", reason, by, now))
        return review

    def confirm(self, review_id: str, by: str) -> Review:
        """Confirm as the second person, and tell; see `Review.confirm`, and InvalidInput("review_unknown")."""
        now = self._study_clock.now()
        review = self._known(review_id).confirm(by, now)
        self._store.save(review, ReviewStep("confirmed", review.reason, by, now))
        self._tell(review, now)
        return review

    def expire(self, review_id: str) -> None:
        """End a case that nobody decided in time and no learner waits for; nothing happens to any other."""
        now = self._study_clock.now()
        review = self._known(review_id)
        if review.may_expire(legal_date(now)):
            self._store.save(review.expire(now), ReviewStep("expired", None, None, now))

    def get(self, review_id: str) -> Review:
        """Return the case; InvalidInput("review_unknown"), also for another institution's."""
        return self._known(review_id)

    def _open(
        self,
        learner: LearnerRef,
        class_run: ClassRunId,
        check: CheckId,
        outcome: CheckState,
        origin: Origin,
        now: datetime,
        *,
        by: str | None = None,
        before: Sequence[Review] = (),
    ) -> Review:
        review = open_review(
            new_id("rev"),
            learner,
            class_run,
            check,
            outcome,
            origin=origin,
            at=now,
            rules=self._rules.reviews(class_run),
            by=by,
            before=before,
        )
        if not self._store.add(review, ReviewStep("opened", origin.value, by, now)):
            raise InvalidInput("review_open_already", "这次核验已在复核中,请刷新。", http_status=409)
        return review

    def _ended(
        self, check: CheckId, learner: LearnerRef, class_run: ClassRunId
    ) -> tuple[PresenceCheck, datetime]:
        found = self._store.ended_check(check)
        if found is None or (found[0].learner, found[0].class_run) != (learner, class_run):
            raise InvalidInput("check_unknown", "没有这次核验,请刷新后重新选择。", http_status=404)
        return found

    def _known(self, review_id: str) -> Review:
        review = self._store.get(review_id)
        if review is None:
            raise InvalidInput("review_unknown", "没有这件复核,请刷新。", http_status=404)
        return review

    def _tell(self, review: Review, now: datetime) -> None:
        reason = DECISIONS[review.reason or ""]
        self._events.emit(
            REVIEW_CLOSED,
            review.learner,
            occurred_at=now,
            idempotency_key=review.id,
            data={
                "review": review.id,
                "learner": review.learner,
                "class_run": review.class_run,
                "check": review.check,
                "verdict": reason.verdict.value,
                "correction": reason.correction,
                "decided_by": review.decided_by,
                "confirmed_by": review.closed_by,
                "at": rfc3339(now),
            },
        )
