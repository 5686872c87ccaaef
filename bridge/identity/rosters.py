"""Who is in an LMS course: noted at launches, read from rosters, kept as history. It enrols and credits nobody.

A member of a roster becomes an account and no more: a learner is who proved a real name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bridge.db.unit_of_work import Tx
from bridge.identity.ports import IdentityStore
from bridge.identity.roster_model import (
    DIFFERENCES,
    FULL,
    READ,
    MemberSeen,
    Membership,
    MembershipState,
    Roster,
    RosterRead,
    RosterSeen,
    Source,
)
from bridge.identity.roster_tables import LmsMembershipRow, LmsRosterReadRow, LmsRosterRow
from bridge.identity.tables import AccountBindingRow
from bridge.kernel.ids import InstitutionId, RegistrationId, new_id

ROSTER_WANTED = "identity.roster"
"""Kind of the job that reads one roster; its key is the roster's id."""
_LEARNER = "learner"
_LONGEST_PAUSE = timedelta(hours=24)
_LAUNCH_NOTED_EVERY = timedelta(hours=1)
_IN_USE = timedelta(days=90)
"""Practice: a course that nobody has entered for so long is read no more until somebody does."""


@dataclass(slots=True)
class _Counts:
    joined: int = 0
    left: int = 0
    changed: int = 0


class Rosters:
    """Rosters of one institution in one unit of work."""

    def __init__(self, tx: Tx, accounts: IdentityStore) -> None:
        self._tx = tx
        self._session = tx.session
        self._accounts = accounts

    def offer(self, registration: RegistrationId, context_id: str, memberships_url: str) -> None:
        """Note where a launch says that a roster is; the first time, it is read at once.

        Args:
            memberships_url: on the platform's own host; the caller has looked.
        """
        now = self._tx.clock.now()
        row = self._row(registration, context_id)
        if row is None:
            row = LmsRosterRow(
                id=new_id("ros"),
                institution_id=self._tx.institution_id,
                registration_id=registration,
                context_id=context_id,
                memberships_url=memberships_url,
                differences_url=None,
                full_read_at=None,
                next_read_at=now,
                failures=0,
                launched_at=now,
            )
            if not self._inserted(row):
                return
            self._tx.want(ROSTER_WANTED, row.id)
            return
        # A class enters within a minute, and whoever writes the same row waits for the one before.
        if now - row.launched_at > _LAUNCH_NOTED_EVERY:
            row.launched_at = now
        if row.memberships_url != memberships_url:
            row.memberships_url, row.differences_url = memberships_url, None
            row.failures, row.next_read_at = 0, now
            self._tx.want(ROSTER_WANTED, row.id)
        self._session.flush()

    def read_now(self, registration: RegistrationId, context_id: str) -> bool:
        """Have the roster read at once; False if no launch has named one."""
        row = self._row(registration, context_id)
        if row is None:
            return False
        row.next_read_at = self._tx.clock.now()
        self._session.flush()
        self._tx.want(ROSTER_WANTED, row.id)
        return True

    def get(self, roster_id: str) -> Roster | None:
        """Return a roster by its id."""
        row = self._session.scalar(select(LmsRosterRow).where(LmsRosterRow.id == roster_id))
        return None if row is None else _roster(row)

    def of_context(self, registration: RegistrationId, context_id: str) -> Roster | None:
        """Return the roster of an LMS course; None if no launch has named one."""
        row = self._row(registration, context_id)
        return None if row is None else _roster(row)

    def see_launch(self, registration: RegistrationId, context_id: str, account_id: str, role: str) -> None:
        """Note that a launch showed somebody in a course, in a role; nothing new changes nothing."""
        now = self._tx.clock.now()
        live = self._live(registration, context_id, account_id)
        if live is not None and live.role == role:
            return
        if live is not None:
            self._end(live, MembershipState.ROLE_CHANGED, now)
        self._begin(registration, context_id, account_id, role, now, Source.LAUNCH)

    def take_over(
        self, roster_id: str, seen: RosterSeen, started_at: datetime, every: timedelta
    ) -> RosterRead:
        """Write what a reading found into the history, and return it counted.

        Args:
            started_at: when the reading began; who came after that cannot be missing from it.
            every: when to read again.

        Raises:
            KeyError: no such roster.
        """
        row = self._locked(roster_id)
        now = self._tx.clock.now()
        registration = RegistrationId(row.registration_id)
        counts = _Counts()
        live = self._all_live(registration, row.context_id)
        here: set[str] = set()
        for member in seen.members:
            account = self._accounts.account_for(registration, member.sub)
            if account is None:
                if member.state is not MembershipState.ACTIVE:
                    continue
                account = self._accounts.add_account(registration, member.sub, now)
            here.add(account.account_id)
            self._settle(row, live.get(account.account_id), account.account_id, member, counts)
        # Who is not on a roster with entries that nobody can read may well be one of those.
        if seen.full and not seen.lost:
            for account_id, membership in live.items():
                if account_id not in here and membership.since <= started_at:
                    self._end(membership, MembershipState.ABSENT, now)
                    counts.left += 1
        if seen.full:
            row.full_read_at = now
        row.differences_url = seen.differences_url
        row.failures = 0
        row.next_read_at = now + every
        kind = FULL if seen.full else DIFFERENCES
        read = RosterRead(
            kind, started_at, now, READ, len(seen.members), counts.joined, counts.left, counts.changed,
            seen.with_contact, dict(seen.set_aside),
        )  # fmt: skip
        self._keep(row.id, read)
        return read

    def note_failure(
        self,
        roster_id: str,
        reason: str,
        started_at: datetime,
        every: timedelta,
        *,
        kind: str,
        retry_after: timedelta | None = None,
    ) -> None:
        """Keep that a reading came to nothing: nobody leaves by it, and the next one waits longer each time.

        Args:
            retry_after: how long the platform asks to be left alone.

        Raises:
            KeyError: no such roster.
        """
        row = self._locked(roster_id)
        now = self._tx.clock.now()
        row.failures += 1
        pause = max(min(every * (1 << min(row.failures - 1, 10)), _LONGEST_PAUSE), every)
        row.next_read_at = now + max(pause, retry_after or timedelta(0))
        self._keep(row.id, RosterRead(kind, started_at, now, reason, 0, 0, 0, 0, 0, {}))

    def reads(self, roster_id: str, limit: int = 10) -> Sequence[RosterRead]:
        """Return the last readings, newest first."""
        rows = self._session.scalars(
            select(LmsRosterReadRow)
            .where(LmsRosterReadRow.roster_id == roster_id)
            .order_by(LmsRosterReadRow.ended_at.desc(), LmsRosterReadRow.id.desc())
            .limit(limit)
        )
        return [RosterRead(**{name: getattr(row, name) for name in RosterRead.__slots__}) for row in rows]

    def history(self, registration: RegistrationId, context_id: str) -> Sequence[Membership]:
        """Return everybody's being in a course, oldest first."""
        rows = self._session.scalars(
            select(LmsMembershipRow)
            .where(
                LmsMembershipRow.registration_id == registration, LmsMembershipRow.context_id == context_id
            )
            .order_by(LmsMembershipRow.since, LmsMembershipRow.id)
        )
        return [_membership(row) for row in rows]

    def role_now(self, registration: RegistrationId, context_id: str, account_id: str) -> str | None:
        """Return the role of an account in a course; None for who is not known to be there now."""
        live = self._live(registration, context_id, account_id)
        return None if live is None else live.role

    def not_real_named(self, registration: RegistrationId, context_id: str) -> Sequence[str]:
        """Return the accounts that are learners of the course now and belong to nobody who proved a real name."""
        owned = select(AccountBindingRow.account_id).where(AccountBindingRow.ended_at.is_(None))
        found = self._session.scalars(
            select(LmsMembershipRow.account_id)
            .where(
                LmsMembershipRow.registration_id == registration,
                LmsMembershipRow.context_id == context_id,
                LmsMembershipRow.until.is_(None),
                LmsMembershipRow.role == _LEARNER,
                LmsMembershipRow.account_id.not_in(owned),
            )
            .order_by(LmsMembershipRow.since, LmsMembershipRow.id)
        )
        return list(found)

    def _settle(
        self,
        roster: LmsRosterRow,
        live: LmsMembershipRow | None,
        account_id: str,
        member: MemberSeen,
        counts: _Counts,
    ) -> None:
        now = self._tx.clock.now()
        if member.state is not MembershipState.ACTIVE:
            if live is not None and live.until is None:
                self._end(live, member.state, now)
                counts.left += 1
            return
        if live is not None and live.until is None:
            if live.role == member.role:
                return
            self._end(live, MembershipState.ROLE_CHANGED, now)
            counts.changed += 1
        else:
            counts.joined += 1
        registration = RegistrationId(roster.registration_id)
        self._begin(registration, roster.context_id, account_id, member.role, now, Source.ROSTER)

    def _begin(
        self,
        registration: RegistrationId,
        context_id: str,
        account_id: str,
        role: str,
        now: datetime,
        source: Source,
    ) -> None:
        # Somebody who launches while the roster is being written is there already; either row will do.
        self._inserted(
            LmsMembershipRow(
                id=new_id("mem"),
                institution_id=self._tx.institution_id,
                account_id=account_id,
                registration_id=registration,
                context_id=context_id,
                role=role,
                status=MembershipState.ACTIVE.value,
                since=now,
                until=None,
                source=source.value,
            )
        )

    def _end(self, row: LmsMembershipRow, state: MembershipState, now: datetime) -> None:
        row.status, row.until = state.value, now
        # Before a further row: only one of an account may be live.
        self._session.flush()

    def _keep(self, roster_id: str, read: RosterRead) -> None:
        columns = {name: getattr(read, name) for name in RosterRead.__slots__}
        self._session.add(
            LmsRosterReadRow(
                id=new_id("rrd"), institution_id=self._tx.institution_id, roster_id=roster_id, **columns
            )
        )
        self._session.flush()

    def _row(self, registration: RegistrationId, context_id: str) -> LmsRosterRow | None:
        return self._session.scalar(
            select(LmsRosterRow).where(
                LmsRosterRow.registration_id == registration, LmsRosterRow.context_id == context_id
            )
        )

    def _locked(self, roster_id: str) -> LmsRosterRow:
        row = self._session.scalar(
            select(LmsRosterRow).where(LmsRosterRow.id == roster_id).with_for_update(),
            execution_options={"populate_existing": True},
        )
        if row is None:
            raise KeyError(roster_id)
        return row

    def _live(
        self, registration: RegistrationId, context_id: str, account_id: str
    ) -> LmsMembershipRow | None:
        return self._session.scalar(
            select(LmsMembershipRow).where(
                LmsMembershipRow.registration_id == registration,
                LmsMembershipRow.context_id == context_id,
                LmsMembershipRow.account_id == account_id,
                LmsMembershipRow.until.is_(None),
            )
        )

    def _all_live(self, registration: RegistrationId, context_id: str) -> dict[str, LmsMembershipRow]:
        rows = self._session.scalars(
            select(LmsMembershipRow).where(
                LmsMembershipRow.registration_id == registration,
                LmsMembershipRow.context_id == context_id,
                LmsMembershipRow.until.is_(None),
            )
        )
        return {row.account_id: row for row in rows}

    def _inserted(self, row: LmsRosterRow | LmsMembershipRow) -> bool:
        try:
            with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return False
        return True


def due_rosters(tx: Tx, limit: int = 50) -> Sequence[tuple[InstitutionId, str]]:
    """Return whose rosters are to be read now: (institution, roster id), in a unit of work over all of them."""
    now = tx.clock.now()
    rows = tx.session.execute(
        select(LmsRosterRow.institution_id, LmsRosterRow.id)
        .where(LmsRosterRow.next_read_at <= now, LmsRosterRow.launched_at > now - _IN_USE)
        .order_by(LmsRosterRow.next_read_at)
        .limit(limit)
    )
    return [(InstitutionId(institution), roster_id) for institution, roster_id in rows]


def _roster(row: LmsRosterRow) -> Roster:
    return Roster(
        row.id,
        RegistrationId(row.registration_id),
        row.context_id,
        row.memberships_url,
        row.differences_url,
        row.full_read_at,
        row.next_read_at,
        row.failures,
    )


def _membership(row: LmsMembershipRow) -> Membership:
    return Membership(
        row.account_id,
        row.role,
        MembershipState(row.status),
        row.since,
        row.until,
        Source(row.source),
    )
