"""Spot checks (抽查): what an officer found, until when it is to be put right, and what became of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, InstitutionId


class FindingState(StrEnum):
    """Where a finding stands; the last three are final."""

    OPEN = "open"
    ANSWERED = "answered"
    RETURNED = "returned"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"
    REFERRED = "referred"


class Step(StrEnum):
    """What somebody did about a finding."""

    ANSWER = "answer"
    RETURN = "return"
    ACCEPT = "accept"
    WITHDRAW = "withdraw"
    REFER = "refer"
    EXTEND = "extend"


FINAL = frozenset({FindingState.ACCEPTED, FindingState.WITHDRAWN, FindingState.REFERRED})
STATES_ZH: Mapping[FindingState, str] = {
    FindingState.OPEN: "待整改",
    FindingState.ANSWERED: "已整改待复查",
    FindingState.RETURNED: "退回继续整改",
    FindingState.ACCEPTED: "整改合格",
    FindingState.WITHDRAWN: "已撤销",
    FindingState.REFERRED: "已移送查处",
}
STEPS_ZH: Mapping[Step, str] = {
    Step.ANSWER: "机构报告整改情况",
    Step.RETURN: "退回继续整改",
    Step.ACCEPT: "复查合格",
    Step.WITHDRAW: "撤销这一问题",
    Step.REFER: "按规定移送查处并上报",
    Step.EXTEND: "延长整改期限",
}
_WAITING = frozenset({FindingState.OPEN, FindingState.RETURNED})
_NEXT: Mapping[Step, tuple[frozenset[FindingState], FindingState | None]] = {
    Step.ANSWER: (_WAITING, FindingState.ANSWERED),
    Step.RETURN: (frozenset({FindingState.ANSWERED}), FindingState.RETURNED),
    Step.ACCEPT: (frozenset({FindingState.ANSWERED}), FindingState.ACCEPTED),
    Step.WITHDRAW: (_WAITING | {FindingState.ANSWERED}, FindingState.WITHDRAWN),
    Step.REFER: (_WAITING | {FindingState.ANSWERED}, FindingState.REFERRED),
    Step.EXTEND: (_WAITING, None),
}
"""Step → from which states, to which; None: the state stays."""
OF_INSTITUTION = frozenset({Step.ANSWER})
"""All other steps are the authority's."""

SUBJECTS_ZH: Mapping[str, str] = {
    "real_name": "实名与身份核验",
    "presence": "人脸核验与防代学防挂机",
    "hours": "学时记录与折算",
    "content": "课程内容与时长",
    "test": "测试",
    "papers": "学时证明的真实性",
    "archive": "培训档案",
    "contact_data": "联系方式与个人信息",
    "other": "其他",
}


@dataclass(frozen=True, slots=True)
class StepTaken:
    """One step, as it was written down.

    Args:
        until: the new deadline of an extension; None for every other step.
    """

    step: Step
    note: str
    by: str
    at: datetime
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found wrong, with all that was done about it, oldest first."""

    id: str
    subject: str
    text: str
    deadline: date
    steps: tuple[StepTaken, ...]

    @property
    def state(self) -> FindingState:
        """Where it stands, by its steps alone."""
        state = FindingState.OPEN
        for taken in self.steps:
            state = _NEXT[taken.step][1] or state
        return state

    @property
    def due(self) -> date:
        """The last day for putting it right, after any extension."""
        return next((one.until for one in reversed(self.steps) if one.until is not None), self.deadline)

    def is_overdue(self, today: date) -> bool:
        """Return whether the institution has not answered in time."""
        return self.state in _WAITING and today > self.due

    def allows(self, step: Step) -> bool:
        """Return whether `step` may follow."""
        return self.state in _NEXT[step][0]


@dataclass(frozen=True, slots=True)
class SpotCheck:
    """One spot check of an institution, or of one of its class runs.

    Args:
        division_code: of the area in which it lies.
        office: the division code of the authority that made it.
        authority: its name.
        closed_at: when its office closed it, which is final; None while it is open.
    """

    id: str
    institution_id: InstitutionId
    institution_name: str
    class_run: ClassRunId | None
    class_run_title: str | None
    division_code: str
    office: str
    authority: str
    reason: str
    checked_on: date
    opened_by: str
    opened_at: datetime
    findings: tuple[Finding, ...]
    closed_at: datetime | None
    conclusion: str | None

    @property
    def is_settled(self) -> bool:
        """Whether every finding has come to its end."""
        return all(one.state in FINAL for one in self.findings)

    def finding(self, finding_id: str) -> Finding:
        """Return one of its findings; InvalidInput("finding_unknown")."""
        found = next((one for one in self.findings if one.id == finding_id), None)
        if found is None:
            raise InvalidInput("finding_unknown", "没有这个问题,请刷新。", http_status=404)
        return found


def require_step(check: SpotCheck, finding: Finding, step: Step, *, by_institution: bool) -> None:
    """Return if `step` may be taken now by that side.

    Raises:
        NotPermitted("not_your_step"): it is the other side's.
        InvalidInput: spot_check_closed, finding_final, step_not_now.
    """
    if (step in OF_INSTITUTION) is not by_institution:
        raise NotPermitted("not_your_step", "这一步由另一方办理。")
    if check.closed_at is not None:
        raise InvalidInput("spot_check_closed", "这次抽查已经办结,不能再改。", http_status=409)
    if finding.state in FINAL:
        raise InvalidInput("finding_final", "这个问题已经办结,不能再改。", http_status=409)
    if not finding.allows(step):
        raise InvalidInput("step_not_now", "现在不能办理这一步,请刷新后查看进展。", http_status=409)


def require_closable(check: SpotCheck) -> None:
    """Return if the check may be closed; InvalidInput: spot_check_closed, findings_open."""
    if check.closed_at is not None:
        raise InvalidInput("spot_check_closed", "这次抽查已经办结。", http_status=409)
    if not check.is_settled:
        raise InvalidInput("findings_open", "还有问题没有办结,不能办结这次抽查。", http_status=409)
