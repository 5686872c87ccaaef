"""A frame's picture is sealed and stored before the unit of work that takes the frame: nobody waits there for a disk.

A class that is checked at once shares one commit; with each picture written within it, one after the other, the last
page waited for all of them (measured in `./anxue acceptance face-load`).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from bridge.db.data_keys import DataKeys
from bridge.db.prepared import Question, asked_ahead
from bridge.db.unit_of_work import Tx
from bridge.db.vault import StoredAhead
from bridge.identity.consent import FACE, FACE_CONSENT
from bridge.identity.consent_look import whether_consents
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import NotPermitted
from bridge.kernel.ids import CheckId, ClassRunId, InstitutionId, LearnerRef
from bridge.presence.frames import FRAME_MEDIA_TYPE, frame_scope, is_frame, may_be_taken
from bridge.presence.session_ends import FACES_STOPPED
from bridge.presence.waiting import look_again_ms
from bridge.wiring.face_gate import require_face_of

if TYPE_CHECKING:
    from bridge.db.evidence_ahead import ScopeKey
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations


def take_frame_of_check(
    house: "House",
    institution: InstitutionId,
    check_id: CheckId,
    secret: str,
    nonce: str,
    jpeg: bytes,
    *,
    at_ms: int,
) -> tuple[str, int]:
    """Take the picture of a check; return the frame's id and after how many ms its page may ask for the verdict.

    Args:
        at_ms: when it came (study ms).

    Raises:
        InvalidInput: as `PresenceService.for_frame` and `FrameService.submit_for_check`.
        NotPermitted: as those, and as `require_face_of`: then the session is closed.
        Unavailable: as `EvidenceAhead.key_of`.
    """
    # Nothing is stored of what will be refused: that is left to the unit of work, which says why.
    key: ScopeKey | None = None
    whose: tuple[LearnerRef, ClassRunId] | None = None
    with house.uow.looking(institution) as tx:
        stations = house.at(tx)
        seen = stations.presence.seen(check_id, secret)
        if seen is not None and may_be_taken(seen, nonce, jpeg, at_ms):
            whose = seen.check.learner, seen.check.class_run
            key = _key_of(house, tx, *whose)

    def take(tx: Tx, stored: StoredAhead | None) -> tuple[str, int] | NotPermitted:
        stations = house.at(tx)
        stations.vault.take_along(stored)
        with asked_ahead(tx.session, questions(stations, tx, stored)):
            seen = stations.presence.for_frame(check_id, secret)
            try:
                require_face_of(stations, seen.check.learner, seen.check.class_run)
            except NotPermitted as refused:
                # What may not be answered is not charged: the check ends with its session.
                stations.presence.close_session(seen.check.session, FACES_STOPPED)
                return refused
            frame = stations.frames.submit_for_check(
                seen.check, nonce, jpeg, at_ms=at_ms, waiting=seen.waiting
            )
        return frame, look_again_ms(house.frames_waiting.count(tx))

    def questions(stations: "Stations", tx: Tx, stored: StoredAhead | None) -> Sequence[Question]:
        if whose is None or stored is None:
            return ()
        learner, _ = whose
        return (
            stations.presence_store.which_session_of(check_id),
            stations.presence_store.which_check(check_id),
            *_leave(stations, tx, *whose),
            stations.presence_store.which_reference(*whose),
            stations.presence_store.which_frame(learner, sha256_hex(jpeg)),
            DataKeys.whether_live(institution, stored.key_id),
        )

    with house.evidence_ahead.stored(key, jpeg, FRAME_MEDIA_TYPE) as stored:
        taken = house.uow.together(institution, lambda tx: take(tx, stored))
    if isinstance(taken, NotPermitted):
        raise taken
    return taken


def frame_of_learner_ahead(
    house: "House", institution: InstitutionId, learner: LearnerRef, class_run: ClassRunId, jpeg: bytes
) -> AbstractContextManager[StoredAhead | None]:
    """Store a picture of the registration for the unit of work in the block, as `EvidenceAhead.stored`.

    Whoever asks has made sure whose it is.

    Raises:
        Unavailable: as `EvidenceAhead.key_of`.
    """
    with house.uow.looking(institution) as tx:
        key = _key_of(house, tx, learner, class_run) if is_frame(jpeg) else None
    return house.evidence_ahead.stored(key, jpeg, FRAME_MEDIA_TYPE)


def _key_of(house: "House", tx: Tx, learner: LearnerRef, class_run: ClassRunId) -> "ScopeKey | None":
    stations, scope = house.at(tx), frame_scope(tx.institution_id, learner, class_run)
    with asked_ahead(tx.session, (*_leave(stations, tx, learner, class_run), DataKeys.which(scope))):
        try:
            require_face_of(stations, learner, class_run)
        except NotPermitted:
            return None
        return house.evidence_ahead.key_of(tx, scope)


def _leave(stations: "Stations", tx: Tx, learner: LearnerRef, class_run: ClassRunId) -> Sequence[Question]:
    """Return what `require_face_of` asks the database."""
    return (
        whether_consents(tx, learner, FACE, FACE_CONSENT.version),
        stations.assessments.which_decide(FACE, class_run),
    )
