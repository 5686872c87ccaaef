"""What may become of an issued paper: superseded, revoked, expired; by two people, for a reason. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bridge.completion.model import IssuedPaper
from bridge.kernel.ids import ClassRunId, LearnerRef

VALID, SUPERSEDED, REVOKED, EXPIRED = "valid", "superseded", "revoked", "expired"
PROPOSED, CONFIRMED, REFUSED = "proposed", "confirmed", "refused"


class PaperChangeKind(StrEnum):
    """What two people do to a paper."""

    SUPERSEDE = "supersede"
    """A new paper of the same kind is issued on hours that are recomputed then; this one is superseded by it."""
    REVOKE = "revoke"
    """It proves nothing any more. A later SUPERSEDE issues a new one; this one stays revoked."""
    EXPIRE = "expire"
    """It ends on a day, without having been wrong."""


CHANGES_ZH = {
    PaperChangeKind.SUPERSEDE: "换发新证明",
    PaperChangeKind.REVOKE: "撤销",
    PaperChangeKind.EXPIRE: "到期失效",
}

REASONS_ZH = {
    "person_corrected": "姓名、证件或单位已更正",
    "hours_corrected": "学时已更正",
    "printing_fault": "版式或印制有误",
    "seal_renewed": "重新签章",
    "false_proof": "证明内容不实",
    "impersonation_found": "查实代学、代考",
    "issued_in_error": "误出具",
    "ordered_by_authority": "主管部门要求",
    "outline_replaced": "培训大纲已更新",
    "term_over": "机构公布的有效期届满",
}
"""Codes of reasons → words. Practice: the law's known text lists none."""

REASONS_OF = {
    PaperChangeKind.SUPERSEDE: (
        "person_corrected",
        "hours_corrected",
        "printing_fault",
        "seal_renewed",
        "ordered_by_authority",
    ),
    PaperChangeKind.REVOKE: ("false_proof", "impersonation_found", "issued_in_error", "ordered_by_authority"),
    PaperChangeKind.EXPIRE: ("outline_replaced", "term_over", "ordered_by_authority"),
}


@dataclass(frozen=True, slots=True)
class PaperChange:
    """A change as somebody proposed it.

    Args:
        expires_on: EXPIRE: the first legal day on which the paper proves nothing; else None.
        replaced_by: SUPERSEDE, once confirmed: the new paper's number.
    """

    id: str
    number: str
    learner: LearnerRef
    class_run: ClassRunId
    what: PaperChangeKind
    reason: str
    expires_on: date | None
    proposed_by: str
    proposed_at: datetime
    state: str = PROPOSED
    decided_by: str | None = None
    decided_at: datetime | None = None
    replaced_by: str | None = None


def status_on(status: str, expires_on: date | None, today: date) -> str:
    """Return what a paper is on the legal day `today`, whatever a sweep has noted yet."""
    return EXPIRED if status == VALID and expires_on is not None and today >= expires_on else status


def may_become(paper: IssuedPaper, what: PaperChangeKind) -> bool:
    """Return whether such a change makes sense of the paper as it stands."""
    if what is PaperChangeKind.EXPIRE:
        return paper.status == VALID
    if what is PaperChangeKind.REVOKE:
        return paper.status in (VALID, EXPIRED)
    return paper.status in (VALID, EXPIRED, REVOKED) and paper.replaced_by is None
