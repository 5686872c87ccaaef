"""Impact assessments of one institution: recorded once, never changed, asked before a face is processed."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import bindparam, func, or_, select

from bridge.db.prepared import Prepared, Question
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, new_id
from bridge.kernel.time import legal_date
from bridge.registry.assessment_model import PURPOSES_ZH, AssessmentResult, ImpactAssessment, decide
from bridge.registry.assessment_tables import ImpactAssessmentRow
from bridge.registry.model import ClassRun
from bridge.registry.ports import Now
from bridge.registry.tables import InstitutionRow
from bridge.rules.model import Decision

_ASSESSMENT: Any = ImpactAssessmentRow.__table__
_WHICH_DECIDE = Prepared(
    # Prepared: it is asked for each frame that comes.
    lambda _dialect: (
        select(_ASSESSMENT)
        .where(
            _ASSESSMENT.c.institution_id == bindparam("institution"),
            _ASSESSMENT.c.purpose == bindparam("purpose"),
            or_(_ASSESSMENT.c.class_run_id == "", _ASSESSMENT.c.class_run_id == bindparam("class_run")),
        )
        .order_by(_ASSESSMENT.c.seq)
    ),
    typed=True,
)
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,39}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHORTEST, _LONGEST = 6, 2000
_LONGEST_DAYS = 3 * 366
"""Practice: an assessment that holds for longer than its report must be kept (three years) is a slip of the pen."""


@dataclass(frozen=True, slots=True)
class AssessmentForm:
    """What is written down of an assessment; see `ImpactAssessment`."""

    purpose: str
    class_run: str
    version: str
    assessed_on: date
    until: date
    assessed_by: str
    result: str
    necessity: str
    risks: str
    measures: str
    report_sha256: str = ""


class ImpactAssessments:
    """Assessments within one unit of work.

    Args:
        class_run: the registry's `class_run`.
        clock: real time.
    """

    def __init__(self, tx: Tx, class_run: Callable[[ClassRunId], ClassRun], clock: Now) -> None:
        self._tx = tx
        self._class_run = class_run
        self._clock = clock

    def add(self, form: AssessmentForm, by: str) -> ImpactAssessment:
        """Record an assessment; it holds from now on in the place of those before it.

        Args:
            by: a member of staff, by id, or the operator.

        Raises:
            InvalidInput: assessment_purpose_unknown, assessment_version_malformed, assessment_dates_malformed,
                assessment_result_unknown, assessment_text_malformed, assessment_report_malformed,
                assessment_version_stands, class_run_unknown.
        """
        _require_form(form, legal_date(self._clock.now()))
        if form.class_run:
            self._class_run(ClassRunId(form.class_run))
        # One after the other, so that the newest is the one that was recorded last.
        self._tx.session.scalar(
            select(InstitutionRow.id).where(InstitutionRow.id == self._tx.institution_id).with_for_update()
        )
        if self.has_version(form.purpose, form.class_run, form.version):
            raise InvalidInput(
                "assessment_version_stands",
                "这个版本已经登记,登记后不能更改;如有变化请用新的版本号再登记一次。",
                http_status=409,
            )
        last = self._tx.session.scalar(
            select(func.max(ImpactAssessmentRow.seq)).where(
                ImpactAssessmentRow.institution_id == self._tx.institution_id
            )
        )
        row = ImpactAssessmentRow(
            id=new_id("pia"),
            institution_id=self._tx.institution_id,
            seq=(last or 0) + 1,
            purpose=form.purpose,
            class_run_id=form.class_run,
            version=form.version,
            assessed_on=form.assessed_on,
            until=form.until,
            assessed_by=form.assessed_by.strip(),
            result=AssessmentResult(form.result).value,
            necessity=form.necessity.strip(),
            risks=form.risks.strip(),
            measures=form.measures.strip(),
            report_sha256=form.report_sha256 or None,
            recorded_by=by,
            recorded_at=self._clock.now(),
        )
        self._tx.session.add(row)
        self._tx.session.flush()
        return _assessment(row)

    def has_version(self, purpose: str, class_run: str, version: str) -> bool:
        """Return whether this version is recorded already."""
        wanted = select(ImpactAssessmentRow.id).where(
            ImpactAssessmentRow.purpose == purpose,
            ImpactAssessmentRow.class_run_id == class_run,
            ImpactAssessmentRow.version == version,
        )
        return self._tx.session.scalar(wanted) is not None

    def all(self) -> list[ImpactAssessment]:
        """Return every assessment of the institution, oldest first."""
        rows = self._tx.session.scalars(select(ImpactAssessmentRow).order_by(ImpactAssessmentRow.seq))
        return [_assessment(row) for row in rows]

    def in_force(self, purpose: str, class_run: ClassRunId) -> Decision[bool]:
        """Return whether `purpose` may be carried out in the class run today; see `assessment_model.decide`."""
        rows = self.which_decide(purpose, class_run).rows(self._tx.session)
        return decide([_assessment(row) for row in rows], purpose, class_run, legal_date(self._clock.now()))

    def which_decide(self, purpose: str, class_run: ClassRunId) -> Question:
        """Return what `in_force` asks the database."""
        values = {"institution": self._tx.institution_id, "purpose": purpose, "class_run": class_run}
        return Question(_WHICH_DECIDE, values)


def _require_form(form: AssessmentForm, today: date) -> None:
    if form.purpose not in PURPOSES_ZH:
        raise InvalidInput("assessment_purpose_unknown", "没有这种处理目的,请从列表中选择。")
    if not _VERSION.fullmatch(form.version):
        raise InvalidInput(
            "assessment_version_malformed", "版本请用字母、数字、点和横线,不超过 40 个,如 2026-1。"
        )
    if form.result not in set(AssessmentResult):
        raise InvalidInput("assessment_result_unknown", "请选择评估结论。")
    if form.assessed_on > today:
        raise InvalidInput("assessment_dates_malformed", "评估日期不能晚于今天。")
    if not 0 <= (form.until - form.assessed_on).days <= _LONGEST_DAYS:
        raise InvalidInput(
            "assessment_dates_malformed", "有效期应不早于评估日期,且不超过三年;到期前请重新评估。"
        )
    for text, what in (
        (form.necessity, "目的和必要性"),
        (form.risks, "对个人权益的影响和风险"),
        (form.measures, "保护措施"),
    ):
        if not _SHORTEST <= len(text.strip()) <= _LONGEST:
            raise InvalidInput(
                "assessment_text_malformed", f"请写明{what},{_SHORTEST} 至 {_LONGEST} 字,不写姓名和联系方式。"
            )
    if not 2 <= len(form.assessed_by.strip()) <= 120:
        raise InvalidInput("assessment_text_malformed", "请写明由哪个部门或岗位评估,2 至 120 字,不写姓名。")
    if form.report_sha256 and not _SHA256.fullmatch(form.report_sha256):
        raise InvalidInput("assessment_report_malformed", "评估报告的校验值应为 64 位十六进制 SHA-256。")


def _assessment(row: Any) -> ImpactAssessment:
    return ImpactAssessment(
        id=row.id,
        purpose=row.purpose,
        class_run=ClassRunId(row.class_run_id) if row.class_run_id else None,
        version=row.version,
        assessed_on=row.assessed_on,
        until=row.until,
        assessed_by=row.assessed_by,
        result=AssessmentResult(row.result),
        necessity=row.necessity,
        risks=row.risks,
        measures=row.measures,
        report_sha256=row.report_sha256,
        recorded_by=row.recorded_by,
        recorded_at=row.recorded_at,
    )
