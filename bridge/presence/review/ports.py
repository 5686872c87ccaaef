"""What reviews need from outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bridge.kernel.ids import CheckId, ClassRunId, LearnerRef
from bridge.presence.model import PresenceCheck
from bridge.presence.review.model import Review, ReviewRules


@dataclass(frozen=True, slots=True)
class ReviewStep:
    """One step of a case: opened, appealed, decided, undone, sent_back, confirmed, expired.

    Args:
        by: a staff id; None for the system and for the learner.
    """

    what: str
    reason: str | None
    by: str | None
    at: datetime


class ReviewRulesInForce(Protocol):
    """The values that apply to a class run on the study day."""

    def reviews(self, class_run: ClassRunId) -> ReviewRules: ...


class ReviewStore(Protocol):
    """The cases of one institution."""

    def add(self, review: Review, step: ReviewStep) -> bool:
        """Add a case; False if another opened the same round at the same time."""
        ...

    def get(self, review_id: str) -> Review | None:
        """Return the case, locked until commit; None for another institution's."""
        ...

    def save(self, review: Review, step: ReviewStep) -> None: ...

    def of_check(self, check: CheckId) -> Sequence[Review]:
        """Return the check's cases, oldest first; the last one locked until commit."""
        ...

    def of_learner(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[Review]:
        """Return the learner's cases, oldest first; nothing is locked."""
        ...

    def open_cases(self, class_run: ClassRunId | None) -> Sequence[Review]:
        """Return all cases that are not final, oldest first; nothing is locked."""
        ...

    def steps(self, review_id: str) -> Sequence[ReviewStep]: ...

    def ended_check(self, check: CheckId) -> tuple[PresenceCheck, datetime] | None:
        """Return a check and when it ended (study clock); None for an open, unknown or another's check."""
        ...
