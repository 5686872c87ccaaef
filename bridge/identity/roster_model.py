"""Who is in an LMS course, as a roster or a launch says, and how readings of rosters went. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.kernel.ids import RegistrationId

READ = "read"
"""Outcome of a reading that was taken over; any other outcome is the reason why it was not."""
FULL, DIFFERENCES = "full", "differences"
_FULL_AGAIN_AFTER = timedelta(hours=24)
"""Practice: differences alone would carry an error of a platform's on for ever."""


class MembershipState(StrEnum):
    """How somebody's being in a course stands, or how it ended."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    DELETED = "deleted"
    ABSENT = "absent"
    """A whole roster was read, and the person was not on it."""
    ROLE_CHANGED = "role_changed"


class Source(StrEnum):
    """How we know."""

    LAUNCH = "launch"
    ROSTER = "roster"


@dataclass(frozen=True, slots=True)
class MemberSeen:
    """One entry of a roster: the person, the role, and whether the platform says that the person takes part."""

    sub: str = field(repr=False)
    role: str
    state: MembershipState


@dataclass(frozen=True, slots=True)
class RosterSeen:
    """A roster, or its differences, read to the end.

    Args:
        full: everybody is on it; else those alone for whom something changed.
        set_aside: entries that could not be read, or not wholly, by reason.
        lost: how many people were on it who could not be made out.
        with_contact: members of whom contact data came, which was dropped.
        differences_url: where to ask next time, on the platform's own host; None if not offered.
    """

    full: bool
    members: Sequence[MemberSeen]
    set_aside: Mapping[str, int]
    lost: int
    with_contact: int
    differences_url: str | None


@dataclass(frozen=True, slots=True)
class Roster:
    """Where the roster of an LMS course is read, and how that has gone."""

    id: str
    registration_id: RegistrationId
    context_id: str
    memberships_url: str
    differences_url: str | None
    full_read_at: datetime | None
    next_read_at: datetime | None
    failures: int

    def may_read_differences(self, now: datetime) -> bool:
        """Return whether what changed since the last reading is enough."""
        fresh = self.full_read_at is not None and now - self.full_read_at < _FULL_AGAIN_AFTER
        return fresh and self.differences_url is not None


@dataclass(frozen=True, slots=True)
class Membership:
    """Somebody's being in a course."""

    account_id: str
    role: str
    state: MembershipState
    since: datetime
    until: datetime | None
    source: Source


@dataclass(frozen=True, slots=True)
class RosterRead:
    """One reading of a roster: how it went, and how many."""

    kind: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    members: int
    joined: int
    left: int
    changed: int
    with_contact: int
    set_aside: Mapping[str, int]
