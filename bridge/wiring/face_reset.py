"""Staff have a learner register the face anew: identity keeps who said so and why, presence gives the face up."""

from typing import TYPE_CHECKING

from sqlalchemy import delete

from bridge.db.unit_of_work import Tx
from bridge.identity.change_model import Change, ChangeKind, ChangeState
from bridge.identity.model import FACE_RESET_REASONS
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.presence.session_ends import FACE_RESET
from bridge.presence.tables import FaceReferenceRow

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations

DESTROYED_FOR = "face_reset"


def propose_face_reset(
    stations: "Stations", learner: LearnerRef, class_run: ClassRunId, *, reason: str, by: str
) -> Change:
    """Keep that an anchored registration is to be given up; one that nobody has anchored the learner renews alone.

    Raises:
        InvalidInput: face_not_anchored; as `Changes.propose_face_reset`.
    """
    _require_anchored(stations, learner, class_run)
    return stations.changes.propose_face_reset(learner, class_run, reason=reason, by=by)


def reset_face(tx: Tx, stations: "Stations", change: Change) -> None:
    """Give the face up by the word of two people: its template's key is destroyed, and study waits for a new one.

    What counted until then stays: those checks were compared with a reference that was anchored. The next one must be
    anchored by itself.

    Raises:
        InvalidInput: face_not_anchored (it was given up meanwhile), legal_hold.
    """
    learner, class_run = change.learner, ClassRunId(change.other or "")
    _require_anchored(stations, learner, class_run)
    # Before the template's key: a burst that is recorded now holds the challenge, and adds a template.
    stations.challenges.end_open(learner, class_run)
    stations.presence.end_study(learner, FACE_RESET)
    row = FaceReferenceRow
    tx.session.execute(
        delete(row).where(
            row.institution_id == tx.institution_id, row.learner == learner, row.class_run == class_run
        )
    )
    scope = EvidenceScope(tx.institution_id, learner, EvidencePurpose.FACE_TEMPLATE, class_run)
    stations.legal_holds.take_turn(class_run)
    if stations.legal_holds.binds(class_run, learner):
        raise InvalidInput("legal_hold", "已办理档案保全,解除前不能重置人脸登记。", http_status=409)
    stations.vault.destroy(scope, reason=DESTROYED_FOR, by=change.proposed_by)
    stations.leave_face_search(learner, class_run)


def reset_told(stations: "Stations", learner: LearnerRef, class_run: ClassRunId) -> str:
    """Return why staff had the learner's face registered anew, in words for the learner; "" if they had not."""
    for one in reversed(stations.changes.of(learner)):
        if (one.kind, one.state, one.other) == (ChangeKind.FACE_RESET, ChangeState.CONFIRMED, class_run):
            return FACE_RESET_REASONS.get(one.reason, one.reason)
    return ""


def _require_anchored(stations: "Stations", learner: LearnerRef, class_run: ClassRunId) -> None:
    found = stations.presence_store.reference(learner, class_run)
    if found is None or found.anchored_ms is None:
        raise InvalidInput(
            "face_not_anchored",
            "这名学员在本班次没有已核对的人脸登记,可以自己在“我的培训”里登记,不需要工作人员重置。",
            http_status=409,
        )
