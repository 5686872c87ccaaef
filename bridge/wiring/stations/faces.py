"""The search for one face under two names, and what ends with the consent to faces."""

from typing import TYPE_CHECKING

from bridge.identity.consent import FACE, SUPERVISED, SUPERVISED_TEXT
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.presence.search.service import FaceSearch
from bridge.presence.search.store import SqlSearchStore
from bridge.wiring.face_search import leave_search
from bridge.wiring.face_search_jobs import PermissionInForce

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations


def face_search(stations: "Stations") -> FaceSearch:
    house = stations.house
    permission = PermissionInForce(
        stations.identity.consent_in_force,
        lambda purpose, class_run: stations.assessments.in_force(purpose, class_run).value,
    )
    return FaceSearch(
        SqlSearchStore(stations.tx),
        stations.presence_store,
        stations.vault,
        permission,
        stations.tx,
        house.clock,
        stations.tx.institution_id,
        house.face_pack,
    )


def leave_face_search(stations: "Stations", learner: LearnerRef, class_run: ClassRunId | None = None) -> None:
    """Take a learner's faces out of the search, and out of memory once that is durable."""
    leave_search(
        stations.house.face_indexes,
        stations.tx.institution_id,
        stations.tx.after_commit,
        stations.face_search,
        learner,
        class_run,
    )


def stop_faces(stations: "Stations", learner: LearnerRef) -> None:
    """Stop what rests on the consent to faces, unless it was given again meanwhile."""
    if not stations.identity.may_process_face(learner):
        for record in stations.changes.records_of(learner):
            stations.presence.withdraw(record)
            stations.challenges.forget(record)


def withdraw_faces(stations: "Stations", account_id: str) -> None:
    """Withdraw the consent to faces and let all that rests on it end within this unit of work.

    The learner goes on by the other way, which asks for nothing but staff.
    """
    learner = stations.identity.owner_of_account(account_id)
    records = () if learner is None else stations.changes.records_of(learner)
    for record in records:
        # Before the templates' keys: a burst that is recorded now holds the challenge, and adds a template.
        stations.challenges.forget(record)
    stations.identity.revoke_consent(account_id, FACE)
    stations.identity.give_consent(account_id, SUPERVISED, SUPERVISED_TEXT.version)
    for record in records:
        stations.presence.withdraw(record)
