"""What the jobs that call a platform have in common: a registration, a failure as a value, and how long to wait."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from bridge.db.outbox import Job, hold, is_idle
from bridge.kernel.ids import InstitutionId
from lti.errors import LaunchRefused, ServiceFailed
from lti.registration import Registration

if TYPE_CHECKING:
    from bridge.wiring.house import House

Answer = TypeVar("Answer")

_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class CallFailed:
    """A platform did not do its part.

    Args:
        permanent: the same again would fail again.
        retry_after: how long the platform asks to be left alone.
        status: of its answer; None if there was none.
    """

    reason: str
    permanent: bool
    retry_after: timedelta | None = None
    status: int | None = None


def call_platform(
    house: "House", registration_id: str, call: Callable[[Registration], Answer]
) -> Answer | CallFailed:
    """Return what `call` returns for the registration as it stands now, or why it could not be done."""
    try:
        return call(house.lti_registrations.by_id(registration_id))
    except LaunchRefused as refusal:
        # Disabled, or gone: an administrator may bring it back.
        return CallFailed(refusal.reason, permanent=False)
    except ServiceFailed as failure:
        wait = failure.retry_after_seconds
        pause = None if wait is None else timedelta(seconds=wait)
        return CallFailed(failure.reason, failure.permanent, pause, failure.status)


def pause_after(failures: int, failed: CallFailed | None = None) -> timedelta:
    """Return how long to wait after so many failures in a row (1 or more): doubling, up to three hours."""
    pause = min(_FIRST_PAUSE * (1 << min(max(failures, 1) - 1, 20)), _LONGEST_PAUSE)
    asked = failed.retry_after if failed is not None else None
    return max(pause, asked or timedelta(0))


def hold_job(house: "House", job: Job) -> None:
    """Keep a job in hand for a while longer; LeaseLost if somebody else has it."""
    with house.uow.across_institutions("keep a job in hand") as tx:
        hold(tx.session, job, house.clock.now())


def want_due(house: "House", due: Iterable[tuple[InstitutionId, str, str]]) -> None:
    """Ask for the jobs whose time has come: (institution, kind, key); not for those that are asked for already."""
    now = house.clock.now()
    for institution, kind, key in due:
        with house.uow.for_institution(institution) as tx:
            if is_idle(tx.session, institution, kind, key, now):
                tx.want(kind, key)
