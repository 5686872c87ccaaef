"""Made-up cases of reviews."""

from datetime import UTC, datetime

from bridge.kernel.ids import CheckId, ClassRunId, LearnerRef
from bridge.presence.model import CheckState
from bridge.presence.review.model import Origin, Review, ReviewRules, open_review

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
RULES = ReviewRules(appeal_days=15, decide_days=5, expire_days=30, stuck_failures=3)
LEARNER, RUN, CHECK = LearnerRef("lrn_1"), ClassRunId("run_1"), CheckId("chk_1")


def opened(outcome: CheckState = CheckState.OTHER_PERSON, *before: Review, id: str = "rev_1") -> Review:
    return open_review(
        id, LEARNER, RUN, CHECK, outcome, origin=Origin.SYSTEM, at=NOW, rules=RULES, before=before
    )
