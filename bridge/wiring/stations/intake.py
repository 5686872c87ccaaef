"""The intake: what platforms tell, and what waits until somebody knows who is meant."""

from typing import TYPE_CHECKING

from bridge.intake.notices import Notices
from bridge.intake.quarantine import Quarantine
from bridge.intake.results import TestResults
from bridge.intake.service import IntakeService
from bridge.intake.store import SqlInbox
from bridge.kernel.ids import LearnerRef
from bridge.wiring.adapters import LearnersOfPlatforms
from bridge.wiring.lms_references import LmsReferences

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations


def inbox(stations: "Stations") -> SqlInbox:
    return SqlInbox(stations.tx)


def quarantine(stations: "Stations") -> Quarantine:
    return Quarantine(stations.tx, stations.house.cipher)


def lms_references(stations: "Stations") -> LmsReferences:
    tx, cipher = stations.tx, stations.house.cipher
    return LmsReferences(stations.identity, stations.registry_store, cipher, tx.institution_id)


def intake(stations: "Stations") -> IntakeService:
    learners = LearnersOfPlatforms(stations.identity, stations.registry)
    tx = stations.tx
    return IntakeService(
        stations.inbox, tx, learners, stations.lms_references, stations.house.clock, tx.institution_id
    )


def notices(stations: "Stations") -> Notices:
    return Notices(stations.tx, stations.inbox, stations.lms_references)


def test_results(stations: "Stations") -> TestResults:
    return TestResults(stations.tx, stations.inbox)


def wake_held(stations: "Stations", learner: LearnerRef) -> None:
    """Have tried again at once what a platform told of the learner before anybody knew who that is."""
    identity = stations.identity_store
    owner = identity.owner(learner)
    account = None if owner is None else identity.account(owner)
    if account is not None:
        actor = stations.lms_references.actor(account.registration_id, account.sub)
        stations.quarantine.wake([actor])
