"""What platforms are told of their learners: what is wanted, what they have, and what became of the telling.

Before something leaves, what the platform had is forgotten: a worker that dies in between leaves a state of which
nobody knows whether it arrived, and that is told again.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from bridge.completion.gradebook_model import CoursePlace, CoursePlaces
from bridge.completion.learner_state_model import (
    NOBODY,
    LearnerState,
    RealNames,
    StateToTell,
    Telling,
    state_of,
)
from bridge.completion.learner_state_tables import LmsLearnerStateRow
from bridge.completion.ports import EarnedHours
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, RegistrationId, new_id

STATE_ASKED = "learner_state.asked"
"""Kind of the job that looks what is to be told of a learner; its key is learner|class run."""
STATE_WANTED = "learner_state.wanted"
"""Kind of the job that tells one state; its key is the state's id."""


class LearnerStates:
    """States of one institution in one unit of work.

    Args:
        offered: whether a registration's platform takes states; of one that does not, nothing is kept or queued.
    """

    def __init__(
        self,
        tx: Tx,
        places: CoursePlaces,
        names: RealNames,
        hours: EarnedHours,
        offered: Callable[[RegistrationId], bool],
    ) -> None:
        self._tx = tx
        self._session = tx.session
        self._places = places
        self._names = names
        self._hours = hours
        self._offered = offered

    def ask(self, learner: LearnerRef, class_run: ClassRunId) -> None:
        """Have somebody look what is to be told of the learner, if there is anywhere to tell it."""
        if self._offering(learner, class_run):
            self._tx.want(STATE_ASKED, f"{learner}|{class_run}")

    def note(self, learner: LearnerRef, class_run: ClassRunId) -> None:
        """Put the learner's state on its way to each course that takes it; what has not changed stays."""
        places = self._offering(learner, class_run)
        if not places:
            return
        earned = self._hours.earned(learner, class_run)
        for place in places:
            proved = self._names.real_name_stands(place.account_id)
            self._want(learner, class_run, place, state_of(earned, real_name=proved))

    def note_release(self, learner: LearnerRef, account_id: str) -> None:
        """Take back what was said of an account that the learner no longer owns."""
        if self._names.owner_of_account(account_id) == learner:
            return
        rows = self._session.scalars(
            select(LmsLearnerStateRow)
            # Whoever owns the account now has a state of their own in the same place, which stays.
            .where(LmsLearnerStateRow.account_id == account_id, LmsLearnerStateRow.learner_ref == learner)
            .order_by(LmsLearnerStateRow.id)
            .with_for_update(),
            execution_options={"populate_existing": True},
        )
        for row in rows:
            if _wanted_of(row) != NOBODY:
                self._change(row, NOBODY)

    def tell_again(self, registration: RegistrationId) -> None:
        """Have everything told anew that a platform was to know, whatever became of it."""
        now = self._tx.clock.now()
        rows = self._session.scalars(
            select(LmsLearnerStateRow)
            .where(LmsLearnerStateRow.registration_id == registration)
            .order_by(LmsLearnerStateRow.id)
            .with_for_update(),
            execution_options={"populate_existing": True},
        ).all()
        for row in rows:
            row.told_real_name = row.told_class_hours = None
            self._again(row, now)

    def get(self, state_id: str) -> StateToTell | None:
        """Return a state, locked until the unit of work ends."""
        row = self._locked(state_id)
        return None if row is None else _state(row)

    def counts(self, registration: RegistrationId) -> Mapping[tuple[Telling, str], int]:
        """Return how many states of a platform stand where, and why: (telling, reason) → number."""
        rows = self._session.execute(
            select(LmsLearnerStateRow.state, LmsLearnerStateRow.reason, func.count())
            .where(LmsLearnerStateRow.registration_id == registration)
            .group_by(LmsLearnerStateRow.state, LmsLearnerStateRow.reason)
        )
        return {(Telling(state), reason): number for state, reason, number in rows}

    def leave(self, state_id: str) -> None:
        """Write down, before something leaves, that nobody knows what the platform has; KeyError if it is gone."""
        row = self._known(state_id)
        row.told_real_name = row.told_class_hours = None
        self._session.flush()

    def note_told(self, state_id: str, what: LearnerState) -> None:
        """Keep that the platform has `what`; what was wanted since then follows."""
        row = self._known(state_id)
        row.told_real_name, row.told_class_hours = what.real_name, what.class_hours
        row.failures, row.reason = 0, ""
        if _wanted_of(row) == what:
            row.state, row.since, row.next_at = Telling.TOLD.value, self._tx.clock.now(), None
            self._session.flush()
        else:
            self._again(row, self._tx.clock.now())

    def note_failure(
        self, state_id: str, what: LearnerState, reason: str, *, pause: timedelta | None
    ) -> None:
        """Keep that a try came to nothing.

        Args:
            what: was tried; what was wanted since then is tried all the same.
            pause: until the next try; None where trying again cannot help.
        """
        row = self._known(state_id)
        now = self._tx.clock.now()
        row.reason = reason
        row.failures += 1
        if pause is not None:
            row.next_at = now + pause
        elif _wanted_of(row) != what:
            self._again(row, now)
        else:
            row.state, row.since, row.next_at = Telling.REFUSED.value, now, None
        self._session.flush()

    def _offering(self, learner: LearnerRef, class_run: ClassRunId) -> list[CoursePlace]:
        return [
            place for place in self._places.places_of(learner, class_run) if self._offered(place.registration)
        ]

    def _want(
        self, learner: LearnerRef, class_run: ClassRunId, place: CoursePlace, state: LearnerState
    ) -> None:
        row = self._session.scalar(
            select(LmsLearnerStateRow)
            .where(
                LmsLearnerStateRow.registration_id == place.registration,
                LmsLearnerStateRow.context_id == place.context_id,
                LmsLearnerStateRow.account_id == place.account_id,
            )
            .with_for_update(),
            execution_options={"populate_existing": True},
        )
        if row is None:
            if not self._added(learner, place, state):
                # Another job was first, perhaps with older hours: they are looked at once more after it.
                self.ask(learner, class_run)
            return
        row.learner_ref = learner
        if _wanted_of(row) != state:
            self._change(row, state)

    def _added(self, learner: LearnerRef, place: CoursePlace, state: LearnerState) -> bool:
        now = self._tx.clock.now()
        row = LmsLearnerStateRow(
            id=new_id("lst"),
            institution_id=self._tx.institution_id,
            registration_id=place.registration,
            context_id=place.context_id,
            account_id=place.account_id,
            learner_ref=learner,
            real_name=state.real_name,
            class_hours=state.class_hours,
            told_real_name=None,
            told_class_hours=None,
            state=Telling.WAITING.value,
            reason="",
            since=now,
            failures=0,
            next_at=now,
        )
        try:
            with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return False
        self._tx.want(STATE_WANTED, row.id)
        return True

    def _change(self, row: LmsLearnerStateRow, state: LearnerState) -> None:
        now = self._tx.clock.now()
        row.real_name, row.class_hours = state.real_name, state.class_hours
        if _told_of(row) == state:
            # It changed and changed back before anything left.
            row.state, row.since, row.next_at = Telling.TOLD.value, now, None
            self._session.flush()
        else:
            self._again(row, now)

    def _again(self, row: LmsLearnerStateRow, now: datetime) -> None:
        if row.state != Telling.WAITING:
            row.since = now
        row.state, row.next_at = Telling.WAITING.value, now
        self._session.flush()
        self._tx.want(STATE_WANTED, row.id)

    def _known(self, state_id: str) -> LmsLearnerStateRow:
        row = self._locked(state_id)
        if row is None:
            raise KeyError(state_id)
        return row

    def _locked(self, state_id: str) -> LmsLearnerStateRow | None:
        return self._session.scalar(
            select(LmsLearnerStateRow).where(LmsLearnerStateRow.id == state_id).with_for_update(),
            execution_options={"populate_existing": True},
        )


def due_states(tx: Tx, limit: int = 200) -> Sequence[tuple[InstitutionId, str]]:
    """Return which states are to be told now, in a unit of work over all institutions."""
    rows = tx.session.execute(
        select(LmsLearnerStateRow.institution_id, LmsLearnerStateRow.id)
        .where(LmsLearnerStateRow.next_at <= tx.clock.now())
        .order_by(LmsLearnerStateRow.next_at)
        .limit(limit)
    )
    return [(InstitutionId(institution), state_id) for institution, state_id in rows]


def _wanted_of(row: LmsLearnerStateRow) -> LearnerState:
    return LearnerState(row.real_name, row.class_hours)


def _told_of(row: LmsLearnerStateRow) -> LearnerState | None:
    if row.told_real_name is None or row.told_class_hours is None:
        return None
    return LearnerState(row.told_real_name, row.told_class_hours)


def _state(row: LmsLearnerStateRow) -> StateToTell:
    return StateToTell(
        id=row.id,
        registration=RegistrationId(row.registration_id),
        context_id=row.context_id,
        account_id=row.account_id,
        wanted=_wanted_of(row),
        told=_told_of(row),
        telling=Telling(row.state),
        reason=row.reason,
        since=row.since,
        failures=row.failures,
        next_at=row.next_at,
    )
