"""Use cases of spot checks: open one, write findings, put them right, close. Nothing here touches a ledger."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.exc import IntegrityError

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, InstitutionId, new_id
from bridge.kernel.time import legal_date
from bridge.supervision.scope import Scope, table
from bridge.supervision.spot_check_model import (
    SUBJECTS_ZH,
    Finding,
    SpotCheck,
    Step,
    StepTaken,
    require_closable,
    require_step,
)
from bridge.supervision.spot_check_tables import (
    SpotCheckClosingRow,
    SpotCheckFindingRow,
    SpotCheckRow,
    SpotCheckStepRow,
)

_SHORTEST, _LONGEST, _LONGEST_REASON = 4, 500, 300
_MOST = 200


class SpotCheckDesk:
    """Spot checks of one institution, in its unit of work: what its pages read, and what both sides write."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

        def begin(name: str, *columns: Any) -> Select[Any]:
            rows, institution = table(name), table("institution")
            statement = select(*columns).select_from(rows)
            statement = statement.join(institution, institution.c.id == rows.c.institution_id)
            return statement.where(rows.c.institution_id == tx.institution_id)

        self._begin = begin
        self._rows: Callable[[Any], Sequence[Row[Any]]] = lambda one: tx.session.execute(one).all()

    def all(self) -> tuple[SpotCheck, ...]:
        """Return the institution's spot checks, the newest first."""
        return _checks(self._begin, self._rows, None)

    def one(self, spot_check: str) -> SpotCheck:
        """Return one of them; InvalidInput("spot_check_unknown")."""
        found = _checks(self._begin, self._rows, spot_check)
        if not found:
            raise _unknown()
        return found[0]

    def open(
        self,
        *,
        class_run: ClassRunId | None,
        division_code: str,
        office: str,
        authority: str,
        reason: str,
        checked_on: date,
        by: str,
    ) -> str:
        """Begin a spot check; return its id. What is checked lies in the officer's area: the caller has looked.

        Raises:
            InvalidInput: text_malformed, checked_on_in_future.
        """
        if checked_on > self._today():
            raise InvalidInput("checked_on_in_future", "抽查日期不能晚于今天。", http_status=422)
        row = SpotCheckRow(
            id=new_id("spot"),
            institution_id=self._tx.institution_id,
            class_run_id=class_run,
            division_code=division_code,
            office=office,
            authority=authority,
            reason=_stated(reason, "抽查事由", _LONGEST_REASON),
            checked_on=checked_on,
            opened_by=by,
            opened_at=self._tx.clock.now(),
        )
        self._tx.session.add(row)
        self._tx.session.flush()
        return row.id

    def find(self, spot_check: str, *, subject: str, text: str, deadline: date, office: str, by: str) -> str:
        """Write down a finding with its deadline; return its id.

        Raises:
            InvalidInput: spot_check_unknown, spot_check_closed, subject_unknown, text_malformed, deadline_past.
            NotPermitted("not_your_check"): another office made the check.
        """
        self._take_turn(spot_check)
        check = self._own(spot_check, office)
        if check.closed_at is not None:
            raise InvalidInput("spot_check_closed", "这次抽查已经办结,不能再改。", http_status=409)
        if subject not in SUBJECTS_ZH:
            raise InvalidInput("subject_unknown", "请选择问题类别。", http_status=422)
        if deadline < self._today():
            raise InvalidInput("deadline_past", "整改期限不能早于今天。", http_status=422)
        row = SpotCheckFindingRow(
            id=new_id("find"),
            institution_id=self._tx.institution_id,
            spot_check_id=spot_check,
            subject=subject,
            text=_stated(text, "发现的问题"),
            deadline=deadline,
            written_by=by,
            written_at=self._tx.clock.now(),
        )
        self._tx.session.add(row)
        self._tx.session.flush()
        return row.id

    def step(
        self,
        spot_check: str,
        finding_id: str,
        step: Step,
        *,
        note: str,
        by: str,
        office: str | None,
        until: date | None = None,
    ) -> None:
        """Take a step about a finding.

        Args:
            office: the authority's division code; None for the institution's staff.
            until: the new deadline, for an extension alone.

        Raises:
            InvalidInput: spot_check_unknown, finding_unknown, spot_check_closed, finding_final, step_not_now,
                step_taken (somebody else was first), text_malformed, deadline_past.
            NotPermitted: not_your_check, not_your_step.
        """
        self._take_turn(spot_check)
        check = self.one(spot_check) if office is None else self._own(spot_check, office)
        finding = check.finding(finding_id)
        require_step(check, finding, step, by_institution=office is None)
        if step is Step.EXTEND and (until is None or until <= finding.due or until < self._today()):
            raise InvalidInput("deadline_past", "新的期限应晚于原来的期限。", http_status=422)
        row = SpotCheckStepRow(
            id=new_id("fstep"),
            institution_id=self._tx.institution_id,
            finding_id=finding_id,
            number=len(finding.steps) + 1,
            step=step.value,
            note=_stated(note, "情况说明"),
            until=until if step is Step.EXTEND else None,
            by=by,
            at=self._tx.clock.now(),
        )
        self._add_once(row, "step_taken", "其他人刚刚办理了这个问题,请刷新后再办。")

    def close(self, spot_check: str, *, conclusion: str, office: str, by: str) -> None:
        """Close a spot check whose findings have all come to their end; that is final.

        Raises:
            InvalidInput: spot_check_unknown, spot_check_closed, findings_open, text_malformed.
            NotPermitted("not_your_check")
        """
        self._take_turn(spot_check)
        require_closable(self._own(spot_check, office))
        row = SpotCheckClosingRow(
            spot_check_id=spot_check,
            institution_id=self._tx.institution_id,
            conclusion=_stated(conclusion, "抽查结论"),
            closed_by=by,
            closed_at=self._tx.clock.now(),
        )
        self._add_once(row, "spot_check_closed", "这次抽查已经办结。")

    def _take_turn(self, spot_check: str) -> None:
        """Wait until nobody else adds to the check or closes it; the turn lasts until commit."""
        found = select(SpotCheckRow.id).where(SpotCheckRow.id == spot_check)
        self._tx.session.execute(found.with_for_update(key_share=True))

    def _own(self, spot_check: str, office: str) -> SpotCheck:
        check = self.one(spot_check)
        if check.office != office:
            raise NotPermitted("not_your_check", "这次抽查由其他部门发起,只能查看。")
        return check

    def _add_once(self, row: Any, reason: str, sentence: str) -> None:
        try:
            with self._tx.session.begin_nested():
                self._tx.session.add(row)
                self._tx.session.flush()
        except IntegrityError as error:
            raise InvalidInput(reason, sentence, http_status=409) from error

    def _today(self) -> date:
        return legal_date(self._tx.clock.now())


class SqlAreaSpotChecks:
    """Spot checks of an area, whichever office made them."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def all(self) -> tuple[SpotCheck, ...]:
        """Return the area's newest 200."""
        return _checks(self._scope.of_divisions, self._scope.rows, None)

    def one(self, spot_check: str) -> SpotCheck:
        """Return one of the area; InvalidInput("spot_check_unknown") for any other, known or not."""
        found = _checks(self._scope.of_divisions, self._scope.rows, spot_check)
        if not found:
            raise _unknown()
        return found[0]


def _checks(
    begin: Callable[..., Any], rows: Callable[[Any], Sequence[Row[Any]]], spot_check: str | None
) -> tuple[SpotCheck, ...]:
    check, institution = table("spot_check"), table("institution")
    run, closing = table("class_run"), table("spot_check_closing")
    finding, step = table("spot_check_finding"), table("spot_check_step")
    statement = begin(
        "spot_check",
        *check.c,
        institution.c.name.label("institution_name"),
        run.c.title.label("class_run_title"),
        closing.c.closed_at,
        closing.c.conclusion,
    )
    statement = statement.outerjoin(run, run.c.id == check.c.class_run_id)
    statement = statement.outerjoin(closing, closing.c.spot_check_id == check.c.id)
    if spot_check is not None:
        statement = statement.where(check.c.id == spot_check)
    statement = statement.order_by(check.c.opened_at.desc(), check.c.id)
    found = rows(statement.limit(_MOST))
    shown = [row.id for row in found]
    asked = begin("spot_check", *finding.c).join(finding, finding.c.spot_check_id == check.c.id)
    findings = rows(asked.where(check.c.id.in_(shown)).order_by(finding.c.written_at, finding.c.id))
    asked = begin("spot_check", *step.c).join(finding, finding.c.spot_check_id == check.c.id)
    asked = asked.join(step, step.c.finding_id == finding.c.id)
    taken: dict[str, list[StepTaken]] = {}
    for row in rows(asked.where(check.c.id.in_(shown)).order_by(step.c.finding_id, step.c.number)):
        one = StepTaken(Step(row.step), row.note, row.by, row.at, row.until)
        taken.setdefault(row.finding_id, []).append(one)
    of_check: dict[str, list[Finding]] = {}
    for row in findings:
        made = Finding(row.id, row.subject, row.text, row.deadline, tuple(taken.get(row.id, ())))
        of_check.setdefault(row.spot_check_id, []).append(made)
    return tuple(
        SpotCheck(
            id=row.id,
            institution_id=InstitutionId(row.institution_id),
            institution_name=row.institution_name,
            class_run=None if row.class_run_id is None else ClassRunId(row.class_run_id),
            class_run_title=row.class_run_title,
            division_code=row.division_code,
            office=row.office,
            authority=row.authority,
            reason=row.reason,
            checked_on=row.checked_on,
            opened_by=row.opened_by,
            opened_at=row.opened_at,
            findings=tuple(of_check.get(row.id, ())),
            closed_at=row.closed_at,
            conclusion=row.conclusion,
        )
        for row in found
    )


def _stated(text: str, what: str, longest: int = _LONGEST) -> str:
    stated = " ".join(text.split())
    if not _SHORTEST <= len(stated) <= longest or not stated.isprintable():
        raise InvalidInput("text_malformed", f"请写明{what},{_SHORTEST} 至 {longest} 字。", http_status=422)
    return stated


def _unknown() -> InvalidInput:
    return InvalidInput("spot_check_unknown", "本辖区没有这次抽查。", http_status=404)
