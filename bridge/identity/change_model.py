"""What of a person may change, by which evidence, and which version is in force on which day. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from bridge.kernel.ids import EvidenceId, LearnerRef


class ChangeKind(StrEnum):
    """What two people change of a person's record."""

    NAME = "name"
    EMPLOYER = "employer"
    DOCUMENT = "document"
    MERGE = "merge"
    """Another record is of the same human; this one goes on."""
    UNMERGE = "unmerge"
    """A merge was wrong: the record that was given up goes on by itself again."""
    RELEASE = "release"
    """The binding of an account is ended."""
    FACE_RESET = "face_reset"
    """An anchored registration of the face is given up, and the person registers anew."""


VERSIONS = frozenset({ChangeKind.NAME, ChangeKind.EMPLOYER, ChangeKind.DOCUMENT})
"""Kinds that are in force from a day on."""


class ChangeState(StrEnum):
    """Where a change stands. Every state but `PROPOSED` is final; but two people may undo a confirmed merge."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    """By who proposed it."""
    REFUSED = "refused"
    """By the second person."""
    UNDONE = "undone"
    """A merge that two people confirmed and two people found to be wrong."""


KINDS_ZH: Mapping[ChangeKind, str] = {
    ChangeKind.NAME: "姓名",
    ChangeKind.EMPLOYER: "工作单位",
    ChangeKind.DOCUMENT: "证件",
    ChangeKind.MERGE: "合并学员记录",
    ChangeKind.UNMERGE: "撤销合并",
    ChangeKind.RELEASE: "解除账号绑定",
    ChangeKind.FACE_RESET: "重新登记人脸",
}
STATES_ZH: Mapping[ChangeState, str] = {
    ChangeState.PROPOSED: "待另一名工作人员确认",
    ChangeState.CONFIRMED: "已确认",
    ChangeState.WITHDRAWN: "已撤回",
    ChangeState.REFUSED: "未予确认",
    ChangeState.UNDONE: "已撤销",
}
EVIDENCE_ZH: Mapping[str, str] = {
    "new_card": "新证件复印件或照片",
    "household_register": "户口簿变更页",
    "public_security": "公安机关证明",
    "immigration": "出入境管理机构证明",
    "employer_letter": "用人单位证明",
    "labour_contract": "劳动合同",
    "roster_error": "报名材料原件(名单录入有误)",
    "both_documents": "两种证件的复印件或照片",
}
"""Kinds of evidence. A text of staff's own would hold names."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change as it was proposed, and what became of it.

    Args:
        other: of a merge, and of its undoing, the record that is given up; of a release the account; of a face the
            class run in which it is registered anew; else None.
        value: the new name, employer or number; "" for kinds without one.
        from_date: legal day from which it is in force; None for kinds without versions.
        reason: a code of `model.RELEASE_REASONS` for a release, of `model.UNMERGE_REASONS` for an undone merge,
            of `model.FACE_RESET_REASONS` for a face; "" else.
        evidence_kind: of `EVIDENCE_ZH`; evidence_sha256: of the file's plain bytes.
    """

    id: str
    kind: ChangeKind
    learner: LearnerRef
    other: str | None
    value: str = field(repr=False)
    from_date: date | None
    reason: str
    evidence_kind: str
    evidence: EvidenceId | None
    evidence_sha256: str
    evidence_type: str
    proposed_by: str
    proposed_at: datetime
    state: ChangeState
    decided_by: str | None
    decided_at: datetime | None


def in_force(
    changes: Iterable[Change], kind: ChangeKind, on: date, known_at: datetime | None = None
) -> Change | None:
    """Return the version of `kind` that is in force on a legal day; None where the record's first one is.

    Args:
        changes: of one person, in any order.
        known_at: as the house knew it then: what was confirmed later is left out, whatever day it counts from.
    """
    standing = [
        one
        for one in changes
        if one.kind is kind
        and one.state is ChangeState.CONFIRMED
        and one.from_date is not None
        and one.from_date <= on
        and one.decided_at is not None
        and (known_at is None or one.decided_at <= known_at)
    ]
    # No two confirmed versions of a kind begin on one day (`Changes.confirm`), so there is one latest.
    return max(standing, key=lambda one: one.from_date or on, default=None)
