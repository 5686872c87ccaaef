"""Corrections of one learner's ledger: one member of staff proposes, another confirms. Also 转班."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.model import MaskedIdentity
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import LEGAL_ZONE, epoch_ms
from bridge.ledger.correction_tables import Correction
from bridge.ledger.model.corrections import KINDS_ZH, REASONS_ZH, CorrectionKind, OfflineFact
from bridge.ledger.model.facts import PASSED, CheckFact, read_facts
from bridge.registry.model import ClassRun
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.pages.wording import span
from bridge.web.security import rate_limited, require_role, takes_scan
from bridge.wiring import House


@dataclass(frozen=True, slots=True)
class CorrectionsPage:
    """What the page shows.

    Args:
        failed: checks that may be set aside; offline: sessions that may be.
        others: class runs of the learner to which credit may be moved, as far as the outline says.
        titles: of class runs and outline units by id; logins: of staff by id.
    """

    run: ClassRun
    learner: LearnerRef
    person: MaskedIdentity
    corrections: Sequence[Correction]
    failed: Sequence[CheckFact]
    offline: Sequence[OfflineFact]
    others: Sequence[ClassRun]
    titles: Mapping[str, str]
    logins: Mapping[str, str]

    def about(self, one: Correction) -> str:
        """Return what a correction is about, in words."""
        details = one.details
        if one.what is CorrectionKind.WITHDRAW:
            return span(details["start_ms"], details["end_ms"])
        if one.what is CorrectionKind.CHECK_VOID:
            found = next((check for check in self.failed if check.check == details["check"]), None)
            return details["check"] if found is None else span(found.due_ms, found.at_ms)
        if one.what is CorrectionKind.OFFLINE_VOID:
            title = self.titles.get(details["outline_unit"], details["outline_unit"])
            return f"{title} {span(details['start_ms'], details['end_ms'])}"
        return self.titles.get(details["to"], details["to"])


def correction_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/learners/<learner>/corrections`."""
    pages = Blueprint(
        "corrections",
        __name__,
        url_prefix="/institution/class-runs/<class_run>/learners/<learner>/corrections",
    )

    def page(class_run: str, learner: str, status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        view = _gather(house, visit, ClassRunId(class_run), LearnerRef(learner))
        shown = render_template(
            "institution/corrections.html",
            page=view,
            visit=visit,
            kinds=KINDS_ZH,
            reasons=REASONS_ZH,
            span=span,
            **form,
        )
        return make_response(shown, status)

    def back(class_run: str, learner: str) -> AnyResponse:
        return redirect(url_for("corrections.show", class_run=class_run, learner=learner), code=303)

    @pages.get("")
    @require_role("institution")
    def show(class_run: str, learner: str) -> AnyResponse:
        return page(class_run, learner)

    @pages.post("")
    @require_role("institution")
    @rate_limited("30 per minute")
    @takes_scan
    def propose(class_run: str, learner: str) -> AnyResponse:
        visit = staff_visit()
        try:
            what, details = _form()
            with house.uow.for_institution(visit.own_institution()) as tx:
                stations = house.at(tx)
                stations.registry.require_enrolled(ClassRunId(class_run), LearnerRef(learner))
                stations.corrections.propose(
                    what,
                    LearnerRef(learner),
                    ClassRunId(class_run),
                    details,
                    reason=request.form.get("reason", ""),
                    by=visit.staff_id,
                    document_sha256=_document(),
                )
        except InvalidInput as refused:
            return page(class_run, learner, 422, wrong=refused.message, typed=request.form)
        flash(_("已提出，等待另一名工作人员确认。"))
        return back(class_run, learner)

    @pages.post("/<correction>/confirm")
    @require_role("institution")
    @rate_limited("30 per minute")
    def confirm(class_run: str, learner: str, correction: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            corrections = house.at(tx).corrections
            _require_own(corrections.of(LearnerRef(learner), ClassRunId(class_run)), correction)
            corrections.confirm(correction, visit.staff_id)
        flash(_("已确认，更正稍后记入学员台账。"))
        return back(class_run, learner)

    @pages.post("/<correction>/refuse")
    @require_role("institution")
    @rate_limited("30 per minute")
    def refuse(class_run: str, learner: str, correction: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            corrections = house.at(tx).corrections
            _require_own(corrections.of(LearnerRef(learner), ClassRunId(class_run)), correction)
            corrections.refuse(correction, visit.staff_id)
        flash(_("已撤下，台账没有变化。"))
        return back(class_run, learner)

    return pages


def _gather(house: House, visit: StaffVisit, class_run: ClassRunId, learner: LearnerRef) -> CorrectionsPage:
    """Return the page; the masked name on it is a logged disclosure.

    Raises:
        InvalidInput: class_run_unknown, learner_unknown; also for another institution's.
    """
    with house.uow.for_institution(visit.own_institution()) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(class_run)
        stations.registry.require_enrolled(class_run, learner)
        person = stations.identity.disclose(
            learner, purpose="institution.corrections_page", recipient="培训机构", by=visit.staff_id
        ).masked()
        facts = read_facts(stations.ledger.entries(learner, class_run))
        corrections = stations.corrections.of(learner, class_run)
        runs = [stations.registry.class_run(one) for one in stations.registry.class_runs_of(learner)]
        outline = stations.registry_store.outline(run.outline_id)
        staff = [
            stations.staff.by_id(by)
            for one in corrections
            for by in (one.proposed_by, one.decided_by)
            if by is not None
        ]
    units = () if outline is None else outline.units
    return CorrectionsPage(
        run=run,
        learner=learner,
        person=person,
        corrections=corrections,
        failed=[check for check in facts.checks if check.outcome != PASSED],
        offline=facts.offline,
        others=[one for one in runs if one.id != run.id and one.outline_id == run.outline_id],
        titles={**{str(one.id): one.title for one in runs}, **{unit.id: unit.title for unit in units}},
        logins={one.id: one.login for one in staff if one is not None},
    )


def _form() -> tuple[CorrectionKind, dict[str, Any]]:
    """Return what is proposed; InvalidInput for what cannot be read."""
    form = request.form
    try:
        what = CorrectionKind(form.get("what", ""))
    except ValueError as error:
        raise InvalidInput("correction_kind", "请选择要做的更正。") from error
    if what is CorrectionKind.WITHDRAW:
        return what, {"start_ms": _moment("start"), "end_ms": _moment("end")}
    if what is CorrectionKind.CHECK_VOID:
        return what, {"check": form.get("check", "")}
    if what is CorrectionKind.OFFLINE_VOID:
        unit, _sep, times = form.get("offline", "").partition("|")
        start, _sep, end = times.partition("|")
        whole = [int(one) if one.isascii() and one.isdigit() else -1 for one in (start, end)]
        return what, {"outline_unit": unit, "start_ms": whole[0], "end_ms": whole[1]}
    return what, {"to": form.get("to", "")}


def _moment(name: str) -> int:
    try:
        typed = datetime.fromisoformat(request.form.get(name, ""))
        if typed.tzinfo is not None:
            raise ValueError("a time of day in Asia/Shanghai is asked for")
        return epoch_ms(typed.replace(tzinfo=LEGAL_ZONE).astimezone(UTC))
    except ValueError as error:
        raise InvalidInput("correction_times", "请填写开始和结束的日期与时间。") from error


def _document() -> str | None:
    file = request.files.get("document")
    content = b""
    if file is not None:
        content = file.read()
        file.close()
    return sha256_hex(content) if content else None


def _require_own(corrections: Sequence[Correction], correction: str) -> None:
    if correction not in {one.id for one in corrections}:
        raise InvalidInput("correction_unknown", "没有这项更正,请刷新后重试。", http_status=404)
