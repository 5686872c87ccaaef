"""Reading rosters: the platform is asked with no unit of work open, what it said is written in one."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.identity.roster_model import DIFFERENCES, FULL, MemberSeen, MembershipState, Roster, RosterSeen
from bridge.identity.rosters import ROSTER_WANTED, due_rosters
from bridge.wiring.platform_calls import CallFailed, call_platform, hold_job, want_due
from lti.nrps import Member, MembershipStatus, RosterPage, RosterService, whole
from lti.nrps import Roster as SentRoster
from lti.registration import Registration
from lti.services import PageLimits

if TYPE_CHECKING:
    from bridge.wiring.house import House

LIMITS = PageLimits(pages=200, entries=10_000)
"""Practice: no class is larger, and nobody may make us read for ever."""
OTHER_CONTEXT = "roster_of_other_context"
_STATES = {
    MembershipStatus.ACTIVE: MembershipState.ACTIVE,
    MembershipStatus.INACTIVE: MembershipState.INACTIVE,
    MembershipStatus.DELETED: MembershipState.DELETED,
}
_STILL_MADE_OUT = "role_malformed"
"""An entry set aside for this alone lost a role, not the person."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of asking a platform for a roster.

    Args:
        kind: "full" or "differences".
    """

    kind: str
    started_at: datetime
    found: RosterSeen | CallFailed


def read_roster(house: "House", job: Job) -> Reading | None:
    """Ask the platform for the job's roster, with no unit of work open; None when it is not due."""
    with house.uow.for_institution(job.institution_id, read_only=True) as tx:
        roster = house.at(tx).rosters.get(job.key)
    now = house.clock.now()
    if roster is None or roster.next_read_at is None or roster.next_read_at > now:
        return None
    if roster.may_read_differences(now):
        found = _ask(house, job, roster, DIFFERENCES)
        if not (isinstance(found, CallFailed) and found.permanent):
            return Reading(DIFFERENCES, now, found)
        # The platform has forgotten what it told last: from the beginning, then.
        hold_job(house, job)
    return Reading(FULL, now, _ask(house, job, roster, FULL))


def note_roster(house: "House", tx: Tx, job: Job, reading: Reading | None) -> None:
    """Write what a reading found, or that it found nothing."""
    if reading is None:
        return
    rosters = house.at(tx).rosters
    every = timedelta(minutes=house.settings.roster_minutes)
    if isinstance(reading.found, CallFailed):
        rosters.note_failure(
            job.key,
            reading.found.reason,
            reading.started_at,
            every,
            kind=reading.kind,
            retry_after=reading.found.retry_after,
        )
    else:
        rosters.take_over(job.key, reading.found, reading.started_at, every)


def sweep_rosters(house: "House") -> None:
    """Have the rosters read that are due."""
    with house.uow.across_institutions("find rosters to read again", read_only=True) as tx:
        due = [(institution, ROSTER_WANTED, key) for institution, key in due_rosters(tx)]
    want_due(house, due)


def _ask(house: "House", job: Job, roster: Roster, kind: str) -> RosterSeen | CallFailed:
    service = RosterService(house.service_calls)

    def call(registration: Registration) -> RosterSeen | CallFailed:
        if kind == DIFFERENCES and roster.differences_url is not None:
            pages = service.differences(registration, roster.differences_url, limits=LIMITS)
        else:
            pages = service.pages(registration, roster.memberships_url, limits=LIMITS)
        sent = whole(_kept_in_hand(house, job, pages))
        if sent.context_id not in (None, roster.context_id):
            return CallFailed(OTHER_CONTEXT, permanent=False)
        return _seen(sent, full=kind == FULL)

    return call_platform(house, roster.registration_id, call)


def _kept_in_hand(house: "House", job: Job, pages: Iterator[RosterPage]) -> Iterator[RosterPage]:
    for page in pages:
        yield page
        # A slow platform's many pages outlast the lease, and a second worker would begin them anew.
        hold_job(house, job)


def _seen(sent: SentRoster, *, full: bool) -> RosterSeen:
    set_aside = Counter(entry.reason for entry in sent.set_aside)
    return RosterSeen(
        full=full,
        members=[_member(member) for member in sent.members],
        set_aside=set_aside,
        lost=sum(count for reason, count in set_aside.items() if reason != _STILL_MADE_OUT),
        with_contact=sum(1 for member in sent.members if member.contact_removed),
        differences_url=sent.differences_url,
    )


def _member(member: Member) -> MemberSeen:
    return MemberSeen(member.user_id, member.role.value, _STATES[member.status])
