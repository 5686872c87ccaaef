"""Learners' states told to platforms: with no unit of work open while the platform thinks, kept in one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.completion.learner_state_model import LearnerState
from bridge.completion.learner_states import STATE_WANTED, due_states
from bridge.completion.ports import LearnerStateKeeper
from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.errors import Unavailable
from bridge.wiring.platform_calls import CallFailed, call_platform, pause_after, want_due
from lti.registration import Registration

if TYPE_CHECKING:
    from bridge.wiring.house import House

SERVICE_MISSING = "exam_service_missing"


@dataclass(frozen=True, slots=True)
class StateTried:
    """What came of telling a state: a failure, or None: the platform has it."""

    what: LearnerState
    failed: CallFailed | None


def tell_state(house: "House", job: Job) -> StateTried | None:
    """Tell the job's state; None when there is nothing to do.

    That it leaves is written down first, in a unit of work of its own, so that whoever tries next knows of it.
    """
    with house.uow.for_institution(job.institution_id) as tx:
        stations = house.at(tx)
        pending = stations.learner_states.get(job.key)
        if pending is None or pending.next_at is None or pending.next_at > house.clock.now():
            return None
        service = stations.exam_services.get(pending.registration)
        account = SqlIdentityStore(tx, house.cipher).account(pending.account_id)
        if service is None or account is None:
            return StateTried(pending.wanted, CallFailed(SERVICE_MISSING, permanent=True))
        stations.learner_states.leave(pending.id)
    make: Callable[..., LearnerStateKeeper] = house.learner_states_maker(service.kind)

    def call(registration: Registration) -> None:
        make(service.base_url, service.token, registration.network).set_learner_state(
            sub=account.sub,
            context_id=pending.context_id,
            real_name=pending.wanted.real_name,
            class_hours=pending.wanted.class_hours,
        )

    try:
        outcome = call_platform(house, pending.registration, call)
    except Unavailable as error:
        outcome = CallFailed(error.reason, error.permanent)
    return StateTried(pending.wanted, outcome)


def note_told(house: "House", tx: Tx, job: Job, tried: StateTried | None) -> None:
    """Keep what became of a try."""
    if tried is None:
        return
    states = house.at(tx).learner_states
    if tried.failed is None:
        states.note_told(job.key, tried.what)
        return
    pending = states.get(job.key)
    failures = 0 if pending is None else pending.failures
    pause = None if tried.failed.permanent else pause_after(failures + 1, tried.failed)
    states.note_failure(job.key, tried.what, tried.failed.reason, pause=pause)


def sweep_states(house: "House") -> None:
    """Have states told whose time has come."""
    with house.uow.across_institutions("find learners' states to tell", read_only=True) as tx:
        due = [(institution, STATE_WANTED, key) for institution, key in due_states(tx)]
    want_due(house, due)
