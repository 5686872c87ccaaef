"""What vouches for who registers anew after the model changed: identity knows the document, presence the faces."""

from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.identity.change_model import ChangeKind, ChangeState
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import CheckId, InstitutionId
from bridge.presence.card_checks import CardCheck
from bridge.presence.face import FaceVerdict
from bridge.presence.model import FaceReference
from bridge.presence.renewal import Vouched

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations

_PICTURES = 3


def vouched_by_staff(
    stations: "Stations", institution: InstitutionId, reference: FaceReference
) -> Vouched | None:
    """Return the pictures of the staff's check of the card that anchored a reference, while that is in force.

    It is in force for the document that staff saw: once another one was confirmed, somebody looks anew. Pictures whose
    key is destroyed vouch for nobody.
    """
    check = stations.card_checks.anchor_of(reference)
    if check is None or _document_changed(stations, check):
        return None
    frames = [
        one
        for one in stations.presence_store.frames_of_check(CheckId(check.id))
        if one.verdict == FaceVerdict.VERIFIED.value
    ]
    pictures = []
    for frame in sorted(frames, key=lambda one: -(one.score or 0.0))[:_PICTURES]:
        with suppress(InvalidInput):
            pictures.append(stations.vault.get(institution, frame.evidence_id))
    return Vouched(check.id, tuple(pictures)) if pictures else None


def _document_changed(stations: "Stations", check: CardCheck) -> bool:
    return any(
        one.kind is ChangeKind.DOCUMENT
        and one.state is ChangeState.CONFIRMED
        and one.learner == check.learner
        and (one.decided_at is None or check.decided_at is None or one.decided_at > check.decided_at)
        for one in stations.changes.of(check.learner)
    )
