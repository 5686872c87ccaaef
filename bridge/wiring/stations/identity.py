"""The identity: who the learners and the staff are, and what they agreed to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bridge.identity.changes import Changes
from bridge.identity.consent import PHOTO_TO_SOURCE
from bridge.identity.deletion_requests import DeletionRequests
from bridge.identity.enrolment import EnrolmentImports
from bridge.identity.model import Account
from bridge.identity.name_checks import NameChecks, OnTheSpot
from bridge.identity.ports import RealNameDesk
from bridge.identity.rosters import Rosters
from bridge.identity.service import IdentityService
from bridge.identity.staff import StaffService
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.errors import NotPermitted
from bridge.kernel.ids import ClassRunId, LearnerRef, RegistrationId
from bridge.plugin_loader import load
from bridge.presence.anchoring import ID_PHOTO, PROVIDER
from lti.claims import LaunchClaims

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations


def identity_store(stations: "Stations") -> SqlIdentityStore:
    return SqlIdentityStore(stations.tx, stations.house.cipher)


def identity(stations: "Stations") -> IdentityService:
    store = stations.identity_store
    desk: RealNameDesk = stations.name_checks
    if not stations.house.real_name_providers:
        desk = OnTheSpot(load("real_name.roster")(store.names_listed_for), stations.name_checks)
    return IdentityService(store, stations.tx, stations.house.clock, desk, stations.registry, stations.vault)


def recognise(stations: "Stations", registration: RegistrationId, claims: LaunchClaims) -> Account:
    """Return the account behind a launch; NotPermitted("anonymous_launch") without `sub`."""
    if claims.sub is None:
        raise NotPermitted("anonymous_launch", "学习平台没有给出账号,请登录学习平台后重新进入。")
    raw: Mapping[str, object] = claims.raw
    return stations.identity.recognise(registration, claims.sub, raw)


def deletion_requests(stations: "Stations") -> DeletionRequests:
    return DeletionRequests(stations.tx, stations.house.clock)


def name_checks(stations: "Stations") -> NameChecks:
    providers = stations.house.real_name_providers
    needs_photo = bool(providers) and providers[0].facts.needs_photo

    def photo_allowed(account_id: str) -> bool:
        return stations.identity.has_consent(account_id, PHOTO_TO_SOURCE)

    return NameChecks(stations.tx, stations.house.cipher, photo_allowed if needs_photo else None)


def photo_source(stations: "Stations", learner: LearnerRef, class_run: ClassRunId) -> str:
    row = stations.identity_store.list_row_of(class_run, learner)
    return PROVIDER if row is not None and stations.name_checks.photo_confirmed(row) else ID_PHOTO


def enrolments(stations: "Stations") -> EnrolmentImports:
    house = stations.house
    return EnrolmentImports(stations.tx, house.cipher, stations.identity_store, stations.vault, house.clock)


def changes(stations: "Stations") -> Changes:
    store = stations.identity_store
    return Changes(store.changes, store, stations.vault, stations.house.clock)


def rosters(stations: "Stations") -> Rosters:
    return Rosters(stations.tx, stations.identity_store)


def staff(stations: "Stations") -> StaffService:
    return StaffService(stations.tx.session, stations.house.clock, stations.house.settings.password_length)
