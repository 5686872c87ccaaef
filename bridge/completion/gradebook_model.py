"""What of a learner's hours goes into an LMS's gradebook, and how it gets there. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

from bridge.completion.model import Earned
from bridge.kernel.ids import ClassRunId, LearnerRef, RegistrationId

IN_PROGRESS, COMPLETED = "InProgress", "Completed"
"""Words of AGS 2.0 §3.4.7."""
LAST_TRY_AFTER = timedelta(days=3)
"""Practice: some platforms answer "try again" for ever where they mean "no" (measured: Open edX, unknown user)."""


class ItemState(StrEnum):
    """What is known of a column."""

    UNREAD = "unread"
    WANTED = "wanted"
    """The institution, or a teacher by the link, has us make it."""
    HOURS = "hours"
    """It is for class hours: the only kind that anything is sent to."""
    OTHER = "other"
    REFUSED = "refused"
    OFF = "off"
    """The institution has us send nothing more."""


class ScoreState(StrEnum):
    """Where a score stands."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class CoursePlace:
    """An LMS course in which a learner takes part, and the account with which."""

    registration: RegistrationId
    context_id: str
    account_id: str


class CoursePlaces(Protocol):
    """Where a learner is a learner now (the registry knows the courses, identity who is in them)."""

    def places_of(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[CoursePlace]: ...


@dataclass(frozen=True, slots=True)
class LineItemFacts:
    """One column of an LMS course's gradebook.

    Args:
        url: while it is to be made: "", or where the columns of its link are.
        maximum: None until it was read.
    """

    id: str
    registration: RegistrationId
    context_id: str
    resource_link_id: str | None
    url: str
    state: ItemState
    maximum: Fraction | None
    reason: str
    next_at: datetime | None
    asked_by: str | None


@dataclass(frozen=True, slots=True)
class Grade:
    """A number for a gradebook: 0 ≤ given ≤ maximum, and how far the learner is."""

    given: Fraction
    maximum: Fraction
    progress: str


@dataclass(frozen=True, slots=True)
class DatedGrade:
    """A grade and when it was earned; real clock."""

    grade: Grade
    earned_at: datetime


@dataclass(frozen=True, slots=True)
class LeftGrade:
    """The last grade that left, how it was dated, and whether the platform said that it has it."""

    what: DatedGrade
    dated: datetime
    arrived: bool


@dataclass(frozen=True, slots=True)
class PendingScore:
    """What one account's column is to hold, and how that stands.

    Args:
        since: since when it has stood so; for what waits, since when it has waited.
        failing_since: of the first of the tries in a row that came to nothing.
    """

    id: str
    line_item_id: str
    account_id: str
    learner: LearnerRef
    class_run: ClassRunId
    wanted: DatedGrade
    left: LeftGrade | None
    state: ScoreState
    reason: str
    since: datetime
    failing_since: datetime | None
    failures: int
    next_at: datetime | None


def required_online_hours(earned: Earned) -> int:
    """Return how many online class hours the outline demands."""
    return sum(unit.required_class_hours for unit in earned.units if unit.mode == "online")


def hours_grade(earned: Earned, theory_class_hours: int, column_maximum: Fraction | None) -> Grade | None:
    """Return the counted online class hours as a grade; None where the outline demands none.

    A platform shows given ÷ maximum × its column's maximum. In a column that goes up to the online hours, or to all
    theory hours of the outline, the number shown is that of the hours; in any other it is their share.
    """
    required = required_online_hours(earned)
    if required == 0:
        return None
    maximum = theory_class_hours if column_maximum == theory_class_hours >= required else required
    given = min(max(earned.counted_online_class_hours, 0), maximum)
    return Grade(Fraction(given), Fraction(maximum), COMPLETED if earned.online_done else IN_PROGRESS)
