"""Telling platforms where notices go: asked with no unit of work open, kept in one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.db.outbox import Job
from bridge.db.unit_of_work import Tx
from bridge.intake.notices import HANDLER_WANTED, Handler, HandlerState, due_handlers
from bridge.wiring.platform_calls import CallFailed, call_platform, pause_after, want_due
from lti.claims import NotificationService
from lti.notices import NoticeHandler, NoticeHandlers
from lti.registration import Registration

if TYPE_CHECKING:
    from bridge.wiring.house import House

DOOR = "/lti/notices"


@dataclass(frozen=True, slots=True)
class Told:
    """A handler of which the platform was told, and what went wrong if something did."""

    handler: Handler
    failed: CallFailed | None


def tell_platform(house: "House", job: Job) -> Told | None:
    """Register the job's handler with the platform; None when there is nothing to do."""
    with house.uow.for_institution(job.institution_id, read_only=True) as tx:
        handler = house.at(tx).notices.get(job.key)
    if handler is None or handler.state is not HandlerState.WAITING:
        return None
    if handler.next_at is None or handler.next_at > house.clock.now():
        return None
    address = f"{house.settings.public_url}{DOOR}/{handler.registration}"
    service = NotificationService(handler.service_url, (), (handler.notice_type,), ())

    def call(registration: Registration) -> None:
        wanted = NoticeHandler(handler.notice_type, address)
        NoticeHandlers(house.service_calls).put(registration, service, wanted)

    return Told(handler, call_platform(house, handler.registration, call))


def note_told(house: "House", tx: Tx, job: Job, told: Told | None) -> None:
    """Keep whether the platform knows where notices go."""
    if told is None:
        return
    notices = house.at(tx).notices
    if told.failed is None:
        notices.note_registered(job.key, told.handler.service_url)
        return
    failures = told.handler.failures + 1
    pause = None if told.failed.permanent else pause_after(failures, told.failed)
    notices.note_failure(job.key, told.failed.reason, pause=pause)


def sweep_handlers(house: "House") -> None:
    """Have handlers registered whose time has come."""
    with house.uow.across_institutions("find notice handlers to register", read_only=True) as tx:
        due = [(institution, HANDLER_WANTED, key) for institution, key in due_handlers(tx)]
    want_due(house, due)
