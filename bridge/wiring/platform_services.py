"""What a launch says of the platform's services, noted once: the one call of the launch door for all of them."""

import threading
import time
from collections.abc import Hashable
from typing import TYPE_CHECKING

from bridge.kernel.ids import RegistrationId
from bridge.registry.link_model import hours_chosen
from lti.ags import LINE_ITEM_SCOPE
from lti.launch import Launch
from lti.notices import NOTICE_HANDLERS_SCOPE
from lti.registration import Registration

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations

_LATELY_SECONDS = 600.0
_MOST_KEPT = 20_000


class SeenLately:
    """What this process has noted within the last ten minutes: a class that enters writes it once, not thirty times."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, float] = {}
        self._lock = threading.Lock()

    def has(self, noted: Hashable) -> bool:
        """Return whether `noted` was added lately."""
        with self._lock:
            at = self._seen.get(noted)
        return at is not None and time.monotonic() - at < _LATELY_SECONDS

    def add(self, noted: Hashable) -> None:
        """Remember `noted` from now on."""
        with self._lock:
            if len(self._seen) >= _MOST_KEPT:
                self._seen.clear()
            self._seen[noted] = time.monotonic()


def note_services(stations: "Stations", launch: Launch, account_id: str | None) -> None:
    """Note which services of the platform a right launch names, and who was in which course.

    An address that is not on the platform's own hosts is not kept, so nothing is ever sent there.

    Args:
        stations: of the launch's own unit of work; what is rolled back was not noted.
        account_id: of the person; None for who has no account here (a teacher's launch).
    """
    claims, registration = launch.claims, launch.registration
    if claims.context is None:
        return
    context = claims.context.id
    noted = (registration.id, context, account_id, claims.role, claims.resource_link, claims.ags, claims.nrps,
             claims.notification_service, hours_chosen(claims.custom))  # fmt: skip
    seen = stations.house.services_seen
    if seen.has(noted):
        return
    own = RegistrationId(registration.id)
    if account_id is not None:
        stations.rosters.see_launch(own, context, account_id, claims.role.value)
        _tell_of_arrival(stations, own, context, account_id)
    roster = _own(registration, claims.nrps.context_memberships_url if claims.nrps else None)
    if roster is not None:
        stations.rosters.offer(own, context, roster)
    if claims.ags is not None:
        stations.gradebook.offer(
            own,
            context,
            line_items_url=_own(registration, claims.ags.lineitems),
            line_item_url=_own(registration, claims.ags.lineitem),
            resource_link_id=claims.resource_link.id if claims.resource_link else None,
            scopes=claims.ags.scopes,
            hours_chosen=hours_chosen(claims.custom),
            may_make=LINE_ITEM_SCOPE in claims.ags.scopes,
        )
    told = claims.notification_service
    if told is not None and NOTICE_HANDLERS_SCOPE in told.scopes and _own(registration, told.url):
        stations.notices.offer(own, told.url, told.notice_types)
    stations.tx.after_commit.append(lambda: seen.add(noted))


def _tell_of_arrival(
    stations: "Stations", registration: RegistrationId, context: str, account_id: str
) -> None:
    """Have the platform told of somebody who proved a real name before they came to this course of it."""
    if not stations.exam_services.is_set_up(registration):
        return
    learner = stations.identity.owner_of_account(account_id)
    run = None if learner is None else stations.registry.class_run_for(registration, context)
    if learner is not None and run is not None and run in stations.registry.class_runs_of(learner):
        stations.learner_states.ask(learner, run)


def _own(registration: Registration, url: str | None) -> str | None:
    return url if url and registration.owns(url) else None
