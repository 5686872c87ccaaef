"""Impact assessments of processing faces (个人信息保护影响评估): what one says, and whether one is in force. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bridge.kernel.citation import Basis, Citation
from bridge.kernel.ids import ClassRunId
from bridge.rules.model import Decision, Reason

FACE, FACE_SEARCH = "face", "face_search"
PURPOSES_ZH = {
    FACE: "人脸核验(与本人照片一对一比对)",
    FACE_SEARCH: "人脸查重(登记时与其他学员比对)",
}
"""What must be assessed on its own, under the names of the consents that go with it."""
STOPPED_ZH = {
    "impact_assessment_missing": "培训机构还没有完成个人信息保护影响评估",
    "impact_assessment_refused": "个人信息保护影响评估的结论是不得开展",
    "impact_assessment_expired": "个人信息保护影响评估不在有效期内",
}
"""Why faces are not processed, for whoever reads it."""
LAW = Citation(Basis.LAW, "个人信息保护法", "第五十五条")


class AssessmentResult(StrEnum):
    """What the assessment came to."""

    ACCEPTABLE = "acceptable"
    WITH_MEASURES = "with_measures"
    REFUSED = "refused"


RESULTS_ZH = {
    AssessmentResult.ACCEPTABLE: "可以开展",
    AssessmentResult.WITH_MEASURES: "采取所列措施后可以开展",
    AssessmentResult.REFUSED: "不得开展",
}


@dataclass(frozen=True, slots=True)
class ImpactAssessment:
    """One assessment as it was recorded; never changed, a later one takes its place.

    Args:
        class_run: None for all class runs of the institution.
        version: the institution's own number of the report.
        until: the last day on which it holds; legal days.
        assessed_by: post or department, no name.
        necessity, risks, measures: the three things that a report must hold (个人信息保护法 第五十六条).
        report_sha256: of the report itself, which the institution keeps; None where there is no file.
    """

    id: str
    purpose: str
    class_run: ClassRunId | None
    version: str
    assessed_on: date
    until: date
    assessed_by: str
    result: AssessmentResult
    necessity: str
    risks: str
    measures: str
    report_sha256: str | None
    recorded_by: str
    recorded_at: datetime


def decide(
    assessments: Sequence[ImpactAssessment], purpose: str, class_run: ClassRunId, today: date
) -> Decision[bool]:
    """Return whether `purpose` may be carried out in the class run today, and why not.

    The newest assessment of the class run decides, where it has none that of the institution. One that says no
    stops both.

    Args:
        assessments: of the institution, oldest first.

    Reasons: impact_assessment_missing, impact_assessment_expired, impact_assessment_refused.
    """
    newest: dict[ClassRunId | None, ImpactAssessment] = {}
    for one in assessments:
        if one.purpose == purpose and one.class_run in (None, class_run):
            newest[one.class_run] = one
    if not newest:
        return _no("impact_assessment_missing")
    if any(one.result is AssessmentResult.REFUSED for one in newest.values()):
        return _no("impact_assessment_refused")
    deciding = newest.get(class_run) or newest[None]
    if not deciding.assessed_on <= today <= deciding.until:
        return _no("impact_assessment_expired")
    return Decision(True)


def _no(code: str) -> Decision[bool]:
    """Return the refusal with the sentence for a learner; staff are told what to do in their own page's words."""
    sentence = (
        f"本班次现在不能刷脸:{STOPPED_ZH[code]}。您可以改用工作人员监督的方式学习,学时不受影响;"
        "请联系培训机构,由机构在“个人信息保护”页面登记评估后再启用。"
    )
    return Decision(False, (Reason(code, sentence, "bridge", "privacy.impact_assessment", LAW),))
