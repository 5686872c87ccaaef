"""Whether a face may be processed at all: an impact assessment in force, and the person's consent."""

from typing import TYPE_CHECKING

from bridge.identity.consent import FACE
from bridge.kernel.errors import NotPermitted
from bridge.kernel.ids import ClassRunId, LearnerRef

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations

CONSENT_SENTENCE = "请先选择核验方式:同意刷脸,或改由工作人员监督。"
SUPERVISION_SENTENCE = "您选择了工作人员监督的方式。请联系培训机构工作人员开始监督,然后刷新本页继续。"


def require_face_checking(stations: "Stations", class_run: ClassRunId, purpose: str = FACE) -> None:
    """Return if `purpose` is assessed for the class run.

    Raises:
        NotPermitted: impact_assessment_missing, impact_assessment_expired, impact_assessment_refused.
    """
    decision = stations.assessments.in_force(purpose, class_run)
    if not decision.value:
        raise NotPermitted(decision.reasons[0].code, decision.reasons[0].sentence_zh)


def require_face_of(stations: "Stations", learner: LearnerRef, class_run: ClassRunId) -> None:
    """Return if the learner's face may be taken in now.

    Raises:
        NotPermitted: consent_required; as `require_face_checking`.
    """
    if not stations.identity.may_process_face(learner):
        raise NotPermitted("consent_required", CONSENT_SENTENCE)
    require_face_checking(stations, class_run)
