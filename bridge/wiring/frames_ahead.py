"""A frame's picture is sealed and stored before the unit of work that takes the frame: nobody waits there for a disk.

A class that is checked at once shares one commit; with each picture written within it, one after the other, the last
page waited for all of them (measured in `./anxue acceptance face-load`).
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from bridge.db.unit_of_work import Tx
from bridge.db.vault import StoredAhead
from bridge.kernel.errors import NotPermitted
from bridge.kernel.ids import CheckId, ClassRunId, InstitutionId, LearnerRef
from bridge.presence.frames import FRAME_MEDIA_TYPE, frame_scope, is_frame, may_be_taken
from bridge.wiring.face_gate import require_face_of

if TYPE_CHECKING:
    from bridge.db.evidence_ahead import ScopeKey
    from bridge.wiring.house import House


def frame_of_check_ahead(
    house: "House",
    institution: InstitutionId,
    check_id: CheckId,
    secret: str,
    nonce: str,
    jpeg: bytes,
    *,
    at_ms: int,
) -> AbstractContextManager[StoredAhead | None]:
    """Store the picture of a check for the unit of work in the block, as `EvidenceAhead.stored`.

    Nothing is stored of what will be refused: that is left to the unit of work, which says why.

    Raises:
        Unavailable: as `EvidenceAhead.key_of`.
    """
    with house.uow.for_institution(institution, read_only=True) as tx:
        seen = house.at(tx).presence.seen(check_id, secret)
        key = None
        if seen is not None and may_be_taken(seen, nonce, jpeg, at_ms):
            key = _key_of(house, tx, seen.check.learner, seen.check.class_run)
    return house.evidence_ahead.stored(key, jpeg, FRAME_MEDIA_TYPE)


def frame_of_learner_ahead(
    house: "House", institution: InstitutionId, learner: LearnerRef, class_run: ClassRunId, jpeg: bytes
) -> AbstractContextManager[StoredAhead | None]:
    """Store a picture of the registration so; whoever asks has made sure whose it is.

    Raises:
        Unavailable: as `EvidenceAhead.key_of`.
    """
    with house.uow.for_institution(institution, read_only=True) as tx:
        key = _key_of(house, tx, learner, class_run) if is_frame(jpeg) else None
    return house.evidence_ahead.stored(key, jpeg, FRAME_MEDIA_TYPE)


def _key_of(house: "House", tx: Tx, learner: LearnerRef, class_run: ClassRunId) -> "ScopeKey | None":
    try:
        require_face_of(house.at(tx), learner, class_run)
    except NotPermitted:
        return None
    return house.evidence_ahead.key_of(tx, frame_scope(tx.institution_id, learner, class_run))
