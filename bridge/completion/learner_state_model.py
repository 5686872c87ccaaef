"""What a platform is told of a learner, so that it can open an activity by it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bridge.completion.model import Earned
from bridge.kernel.ids import LearnerRef, RegistrationId


@dataclass(frozen=True, slots=True)
class LearnerState:
    """What is said of one account in one LMS course.

    Args:
        real_name: the account is owned by who proved a real name, and the consent was not withdrawn.
        class_hours: whole ones that count.
    """

    real_name: bool
    class_hours: int


NOBODY = LearnerState(real_name=False, class_hours=0)
"""The account belongs to nobody."""


class Telling(StrEnum):
    """Where a state stands."""

    WAITING = "waiting"
    TOLD = "told"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class StateToTell:
    """What a platform is to know of one account in one of its courses, and how that stands.

    Args:
        told: what the platform said that it has; None while nobody knows what it has.
        failures: tries in a row that came to nothing.
    """

    id: str
    registration: RegistrationId
    context_id: str
    account_id: str
    wanted: LearnerState
    told: LearnerState | None
    telling: Telling
    reason: str
    since: datetime
    failures: int
    next_at: datetime | None


class RealNames(Protocol):
    """What identity knows of an account."""

    def owner_of_account(self, account_id: str) -> LearnerRef | None:
        """Return who proved to own the account; None for nobody."""
        ...

    def real_name_stands(self, account_id: str) -> bool:
        """Return whether somebody owns the account and has not withdrawn the consent."""
        ...


def state_of(earned: Earned, *, real_name: bool) -> LearnerState:
    """Return what is said of who earned that: online class hours within their cap, and offline ones."""
    hours = earned.counted_online_class_hours + earned.offline_class_hours
    return LearnerState(real_name=real_name, class_hours=max(hours, 0))
