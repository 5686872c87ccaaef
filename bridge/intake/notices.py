"""Notices that a platform sends by itself (Platform Notification Service 1.0): chained once, and told on."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bridge.db.unit_of_work import Tx
from bridge.intake.normalisers import EventClaim, normalise, tell
from bridge.intake.notice_tables import LmsNoticeHandlerRow
from bridge.intake.ports import Inbox, Lms, Place
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.ids import InstitutionId, RegistrationId, new_id
from bridge.kernel.time import rfc3339
from lti.notices import KNOWN_NOTICES, Notice

HANDLER_WANTED = "intake.notice_handler"
"""Kind of the job that registers where notices go; its key is the handler's id."""


class HandlerState(StrEnum):
    """Whether a platform knows where to send notices."""

    WAITING = "waiting"
    REGISTERED = "registered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Handler:
    """One type of notice at one platform.

    Args:
        heard_at: when the last right notice came; the only proof that it works.
    """

    id: str
    registration: RegistrationId
    notice_type: str
    service_url: str
    state: HandlerState
    reason: str
    failures: int
    next_at: datetime | None
    heard_at: datetime | None


class Notices:
    """Notices and their handlers of one institution, in one unit of work."""

    def __init__(self, tx: Tx, inbox: Inbox, lms: Lms) -> None:
        self._tx = tx
        self._session = tx.session
        self._inbox = inbox
        self._lms = lms

    def receive(self, notice: Notice) -> bool:
        """Chain a verified notice and tell it on; False, with nothing changed, if it came before.

        A type that nobody here knows is chained as well and told to nobody.
        """
        registration = RegistrationId(notice.registration.id)
        place = None if notice.context is None else self._place(registration, notice.context.id)
        origins = [self._place(registration, context) for context in notice.origin_contexts]
        kept: dict[str, Any] = {
            "type": notice.type,
            "happened_at": rfc3339(notice.happened_at),
            "deployment_id": notice.deployment_id,
            "context": _shown(place),
            "origin_contexts": [_shown(one) for one in origins],
        }
        record = self._inbox.append(
            chain=f"{self._tx.institution_id}:lti_notice",
            source=f"notice:{registration}",
            received_at=self._tx.clock.now(),
            original_sha256=notice.sha256,
            verification="notice JWT signature",
            # An id may have 255 characters, more than the inbox keeps of a key.
            idempotency_key=sha256_hex(notice.id.encode()),
            payload=canonical_json(kept).decode(),
        )
        if record is None:
            return False
        self._note_heard(registration, notice.type)
        for claim in normalise(record):
            if isinstance(claim, EventClaim):
                tell(self._tx, claim, record.id)
        return True

    def offer(self, registration: RegistrationId, service_url: str, offered: Collection[str]) -> None:
        """Note where a launch says that notices may be asked for; what is known here is asked for at once.

        Args:
            service_url: on the platform's own host; the caller has looked.
            offered: the types of notice that the platform has.
        """
        now = self._tx.clock.now()
        for notice_type in sorted(KNOWN_NOTICES & set(offered)):
            row = self._row(registration, notice_type)
            if row is None:
                self._add(registration, notice_type, service_url, now)
            elif row.service_url != service_url:
                row.service_url = service_url
                row.state, row.reason, row.failures, row.next_at = HandlerState.WAITING.value, "", 0, now
                self._tx.want(HANDLER_WANTED, row.id)
        self._session.flush()

    def get(self, handler_id: str) -> Handler | None:
        """Return a handler by its id."""
        row = self._session.scalar(select(LmsNoticeHandlerRow).where(LmsNoticeHandlerRow.id == handler_id))
        return None if row is None else _handler(row)

    def handlers(self, registration: RegistrationId) -> Sequence[Handler]:
        """Return the handlers of a platform by type."""
        rows = self._session.scalars(
            select(LmsNoticeHandlerRow)
            .where(LmsNoticeHandlerRow.registration_id == registration)
            .order_by(LmsNoticeHandlerRow.notice_type)
        )
        return [_handler(row) for row in rows]

    def note_registered(self, handler_id: str, service_url: str) -> None:
        """Keep that the platform took the address; not if another service was named meanwhile."""
        row = self._locked(handler_id)
        if row is not None and row.service_url == service_url:
            row.state, row.registered_at = HandlerState.REGISTERED.value, self._tx.clock.now()
            row.reason, row.failures, row.next_at = "", 0, None
            self._session.flush()

    def note_failure(self, handler_id: str, reason: str, *, pause: timedelta | None) -> None:
        """Keep that the platform did not take it; `pause` is None where trying again cannot help."""
        row = self._locked(handler_id)
        if row is None:
            return
        row.reason = reason
        row.failures += 1
        if pause is None:
            row.state, row.next_at = HandlerState.REFUSED.value, None
        else:
            row.next_at = self._tx.clock.now() + pause
        self._session.flush()

    def _add(self, registration: RegistrationId, notice_type: str, service_url: str, now: datetime) -> None:
        row = LmsNoticeHandlerRow(
            id=new_id("nhd"),
            institution_id=self._tx.institution_id,
            registration_id=registration,
            notice_type=notice_type,
            service_url=service_url,
            state=HandlerState.WAITING.value,
            reason="",
            failures=0,
            next_at=now,
            noted_at=now,
            registered_at=None,
            heard_at=None,
        )
        try:
            with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return  # another launch of the class was first
        self._tx.want(HANDLER_WANTED, row.id)

    def _note_heard(self, registration: RegistrationId, notice_type: str) -> None:
        row = self._row(registration, notice_type)
        if row is not None:
            row.heard_at = self._tx.clock.now()
            self._session.flush()

    def _place(self, registration: RegistrationId, context_id: str) -> Place:
        return self._lms.place(registration, context_id, None)

    def _row(self, registration: RegistrationId, notice_type: str) -> LmsNoticeHandlerRow | None:
        return self._session.scalar(
            select(LmsNoticeHandlerRow).where(
                LmsNoticeHandlerRow.registration_id == registration,
                LmsNoticeHandlerRow.notice_type == notice_type,
            )
        )

    def _locked(self, handler_id: str) -> LmsNoticeHandlerRow | None:
        return self._session.scalar(
            select(LmsNoticeHandlerRow).where(LmsNoticeHandlerRow.id == handler_id).with_for_update(),
            execution_options={"populate_existing": True},
        )


def due_handlers(tx: Tx, limit: int = 100) -> Sequence[tuple[InstitutionId, str]]:
    """Return which handlers are to be registered now, in a unit of work over all institutions."""
    rows = tx.session.execute(
        select(LmsNoticeHandlerRow.institution_id, LmsNoticeHandlerRow.id)
        .where(LmsNoticeHandlerRow.next_at <= tx.clock.now())
        .order_by(LmsNoticeHandlerRow.next_at)
        .limit(limit)
    )
    return [(InstitutionId(institution), handler_id) for institution, handler_id in rows]


def _shown(place: Place | None) -> dict[str, str | None] | None:
    return None if place is None else {"context": place.context, "class_run": place.class_run}


def _handler(row: LmsNoticeHandlerRow) -> Handler:
    return Handler(
        row.id,
        RegistrationId(row.registration_id),
        row.notice_type,
        row.service_url,
        HandlerState(row.state),
        row.reason,
        row.failures,
        row.next_at,
        row.heard_at,
    )
