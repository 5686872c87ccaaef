"""Scores for a platform (AGS 2.0 §3.4): checked before they leave, and in an order that loses none.

What is known of Moodle 4.5: a score that is not FullyGraded erases the grade that is there, and timestamps
are compared in whole seconds, so the second of two scores within one second is refused as old.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from fractions import Fraction
from typing import Any

from lti.contact import strip_contact_claims

MAX_COMMENT_CHARACTERS = 1000
_ID_CHARACTERS = 255
_SECOND = timedelta(seconds=1)


class ActivityProgress(Enum):
    """How far the learner is (AGS 2.0 §3.4.7)."""

    INITIALIZED = "Initialized"
    STARTED = "Started"
    IN_PROGRESS = "InProgress"
    SUBMITTED = "Submitted"
    COMPLETED = "Completed"


class GradingProgress(Enum):
    """How far the grading is (AGS 2.0 §3.4.8); only FULLY_GRADED makes a grade at the platform."""

    FULLY_GRADED = "FullyGraded"
    PENDING = "Pending"
    PENDING_MANUAL = "PendingManual"
    FAILED = "Failed"
    NOT_READY = "NotReady"


def json_number(value: Fraction) -> int | float:
    """Return `value` as JSON can hold it."""
    # JSON has no fractions: the one rounding, at the very end.
    return value.numerator if value.denominator == 1 else float(value)


def exact_number(value: Any) -> Fraction | None:
    """Return a JSON number as the decimal that was written; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return Fraction(str(value))
    except ValueError:
        return None  # infinite, or NaN, which is no JSON


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Score:
    """One person's score (AGS 2.0 §3.4).

    Args:
        user_id: the launch's `sub`.
        score_given, score_maximum: exact; 0 ≤ given, 0 < maximum; both None while there is none.
        timestamp: when it was earned, aware; platforms keep the newest.
        comment: shown to the learner; at most `MAX_COMMENT_CHARACTERS`, no contact data.

    Raises:
        ValueError: one of these does not hold. Nothing that a platform would misread is ever sent.
    """

    user_id: str = field(repr=False)
    score_given: Fraction | None
    score_maximum: Fraction | None
    timestamp: datetime
    activity_progress: ActivityProgress = ActivityProgress.COMPLETED
    grading_progress: GradingProgress = GradingProgress.FULLY_GRADED
    comment: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not 0 < len(self.user_id) <= _ID_CHARACTERS:
            raise ValueError("user_id has 1 to 255 characters")
        if (self.score_given is None) != (self.score_maximum is None):
            raise ValueError("a given score needs its maximum, and a maximum its score")
        if self.score_maximum is not None and self.score_maximum <= 0:
            raise ValueError("the maximum is greater than 0")
        if self.score_given is not None and self.score_given < 0:
            raise ValueError("a score is not negative")
        if self.timestamp.utcoffset() is None:
            raise ValueError("the timestamp is aware")
        if not isinstance(self.activity_progress, ActivityProgress):
            raise ValueError("activity_progress is an ActivityProgress")
        if not isinstance(self.grading_progress, GradingProgress):
            raise ValueError("grading_progress is a GradingProgress")
        if self.comment is not None and len(self.comment) > MAX_COMMENT_CHARACTERS:
            raise ValueError(f"a comment has at most {MAX_COMMENT_CHARACTERS} characters")
        if self.comment is not None and strip_contact_claims({"text": self.comment}).removed:
            raise ValueError("a comment holds no contact data")

    @property
    def is_final(self) -> bool:
        """Whether the platform makes a grade of it."""
        return self.score_given is not None and self.grading_progress is GradingProgress.FULLY_GRADED

    def document(self) -> dict[str, Any]:
        """Return the JSON members to send."""
        members: dict[str, Any] = {"userId": self.user_id}
        if self.score_given is not None and self.score_maximum is not None:
            members["scoreGiven"] = json_number(self.score_given)
            members["scoreMaximum"] = json_number(self.score_maximum)
        members["activityProgress"] = self.activity_progress.value
        members["gradingProgress"] = self.grading_progress.value
        members["timestamp"] = _instant(self.timestamp)
        return members if self.comment is None else {**members, "comment": self.comment}


@dataclass(frozen=True, slots=True)
class Send:
    """`score` goes out now, dated `timestamp`: its own, or the next whole second after the last one."""

    score: Score
    timestamp: datetime

    def outgoing(self) -> Score:
        """Return what to post."""
        return replace(self.score, timestamp=self.timestamp)


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again in `seconds` (1 or more)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Never send it: `older`, `already_sent`, or `would_erase` (not final, after a final score)."""

    reason: str


def keeps_grade(previous: Score | None, new: Score) -> bool:
    """Return whether `new`, sent after `previous`, leaves a grade at the platform wherever there was one."""
    return previous is None or not previous.is_final or new.is_final


def next_step(last: Send | None, new: Score, now: datetime) -> Send | Wait | Drop:
    """Return what to do with `new` after `last`, both of one person and line item.

    One score a second leaves, each dated in a second of its own, none ahead of `now`, and the newest always
    gets through; what a later one would displace anyway is dropped.

    Args:
        last: the last step that left, whatever became of it; None if none did. Keep both its timestamps.
        now: aware.
    """
    if last is None:
        timestamp = new.timestamp
    elif not keeps_grade(last.score, new):
        return Drop("would_erase")
    elif new.timestamp < last.score.timestamp:
        return Drop("older")
    elif new == last.score:
        return Drop("already_sent")
    else:
        timestamp = max(new.timestamp, last.timestamp.replace(microsecond=0) + _SECOND)
    if timestamp > now:
        return Wait(-((now - timestamp) // _SECOND))
    return Send(new, timestamp)
