"""The institution's papers: issued for a whole class run, and what becomes of one afterwards, by two people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.completion.batch_tables import PaperBatch, SqlPaperBatches
from bridge.completion.life_model import (
    CHANGES_ZH,
    REASONS_OF,
    REASONS_ZH,
    PaperChange,
    PaperChangeKind,
    may_become,
)
from bridge.completion.model import IssuedPaper, PaperKind
from bridge.identity.model import MaskedIdentity
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.registry.model import ClassRun
from bridge.web.pages.paper_file import paper_picture
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.paper_batches import begin_batch
from bridge.wiring.paper_names import unprintable
from bridge.wiring.paper_specimen import next_number, specimen


@dataclass(frozen=True, slots=True)
class ClassPapersRow:
    """One learner's line.

    Args:
        unprintable: code points of name and employer that no font has: no paper can be issued before one has.
    """

    learner: LearnerRef
    person: MaskedIdentity
    papers: Sequence[IssuedPaper]
    unprintable: Sequence[str]


@dataclass(frozen=True, slots=True)
class ClassPapersPage:
    """The page of a class run's papers: for each learner what was issued, and the newest batch.

    Args:
        next_number: the next paper's under the institution's own scheme; None where it has none.
    """

    run: ClassRun
    rows: Sequence[ClassPapersRow]
    batch: PaperBatch | None
    next_number: str | None


@dataclass(frozen=True, slots=True)
class PapersPage:
    """The page of a learner's papers.

    Args:
        logins: of staff by id.
    """

    run: ClassRun
    learner: LearnerRef
    person: MaskedIdentity
    papers: Sequence[IssuedPaper]
    changes: Sequence[PaperChange]
    logins: Mapping[str, str]

    def possible(self, paper: IssuedPaper) -> list[PaperChangeKind]:
        """Return what may be proposed for a paper now."""
        if any(one.number == paper.number and one.state == "proposed" for one in self.changes):
            return []
        return [kind for kind in PaperChangeKind if may_become(paper, kind)]


def paper_pages(house: House) -> Blueprint:
    """Return the blueprint of the institution's papers."""
    pages = Blueprint("papers", __name__, url_prefix="/institution")
    of_learner = "/class-runs/<class_run>/learners/<learner>/papers"

    def page(class_run: str, learner: str, status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        view = _of_learner(house, visit, ClassRunId(class_run), LearnerRef(learner))
        shown = render_template(
            "institution/papers.html",
            page=view,
            visit=visit,
            changes_zh=CHANGES_ZH,
            reasons_zh=REASONS_ZH,
            reasons_of=REASONS_OF,
            **form,
        )
        return make_response(shown, status)

    @pages.get("/class-runs/<class_run>/papers")
    @require_role("institution")
    def of_class_run(class_run: str) -> AnyResponse:
        view = _of_class_run(house, staff_visit(), ClassRunId(class_run))
        return make_response(render_template("institution/class_papers.html", page=view))

    @pages.post("/class-runs/<class_run>/papers")
    @require_role("institution")
    @rate_limited("10 per minute")
    def issue_all(class_run: str) -> AnyResponse:
        visit = staff_visit()
        begin_batch(house, visit.own_institution(), ClassRunId(class_run), visit.staff_id)
        return redirect(url_for("papers.of_class_run", class_run=class_run), code=303)

    @pages.get("/class-runs/<class_run>/papers/progress")
    @require_role("institution")
    def progress(class_run: str) -> AnyResponse:
        institution = staff_visit().own_institution()
        with house.uow.for_institution(institution, read_only=True) as tx:
            batch = SqlPaperBatches(tx).latest(ClassRunId(class_run))
        answer = make_response(render_template("institution/batch_progress.html", batch=batch, polled=True))
        if batch is not None and batch.done == batch.total:
            answer.headers["HX-Refresh"] = "true"
        return answer

    @pages.get(of_learner)
    @require_role("institution")
    def show(class_run: str, learner: str) -> AnyResponse:
        return page(class_run, learner)

    @pages.post(of_learner)
    @require_role("institution")
    @rate_limited("30 per minute")
    def propose(class_run: str, learner: str) -> AnyResponse:
        visit = staff_visit()
        try:
            what, expires_on = _form()
            with house.uow.for_institution(visit.own_institution()) as tx:
                stations = house.at(tx)
                number = request.form.get("number", "")
                _require_own(stations.completion.papers(LearnerRef(learner), ClassRunId(class_run)), number)
                stations.paper_life.propose(
                    number,
                    what,
                    reason=request.form.get("reason", ""),
                    by=visit.staff_id,
                    expires_on=expires_on,
                )
        except InvalidInput as refused:
            return page(class_run, learner, refused.http_status, wrong=refused.message)
        flash(_("已提出，等待另一名工作人员确认。"))
        return _back(class_run, learner)

    @pages.post(f"{of_learner}/<change>/confirm")
    @require_role("institution")
    @rate_limited("30 per minute")
    def confirm(class_run: str, learner: str, change: str) -> AnyResponse:
        visit = staff_visit()
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                life = house.at(tx).paper_life
                _require_change(life.of(LearnerRef(learner), ClassRunId(class_run)), change)
                life.confirm(change, visit.staff_id)
        except InvalidInput as refused:
            return page(class_run, learner, refused.http_status, wrong=refused.message)
        flash(_("已确认，查验页立即按新的状态显示。"))
        return _back(class_run, learner)

    @pages.post(f"{of_learner}/<change>/refuse")
    @require_role("institution")
    @rate_limited("30 per minute")
    def refuse(class_run: str, learner: str, change: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            life = house.at(tx).paper_life
            _require_change(life.of(LearnerRef(learner), ClassRunId(class_run)), change)
            life.refuse(change, visit.staff_id)
        flash(_("已撤下，证明没有变化。"))
        return _back(class_run, learner)

    @pages.get("/certificates/<number>/page.png")
    @require_role("institution")
    @rate_limited("60 per minute", methods=("GET",))
    def picture(number: str) -> AnyResponse:
        return paper_picture(house, staff_visit().own_institution(), number)

    @pages.get("/papers/specimen-<kind>.pdf")
    @require_role("institution")
    @rate_limited("20 per minute", methods=("GET",))
    def preview(kind: str) -> AnyResponse:
        if kind not in {one.value for one in PaperKind}:
            raise InvalidInput("certificate_unknown", "没有这种证明。", http_status=404)
        answer = make_response(specimen(house, staff_visit().own_institution(), PaperKind(kind)))
        answer.mimetype = "application/pdf"
        answer.headers["Content-Disposition"] = f'inline; filename="specimen-{kind}.pdf"'
        return answer

    return pages


def _of_class_run(house: House, visit: StaffVisit, class_run: ClassRunId) -> ClassPapersPage:
    """Return the page; each masked name on it is a logged disclosure. InvalidInput("class_run_unknown")."""
    with house.uow.for_institution(visit.own_institution()) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(class_run)
        rows = []
        for learner in stations.registry.enrolled(class_run):
            person = stations.identity.disclose(
                learner, purpose="institution.papers_page", recipient="培训机构", by=visit.staff_id
            )
            papers = stations.completion.papers(learner, class_run)
            lacking = unprintable(house, person.name, person.employer)
            rows.append(ClassPapersRow(learner, person.masked(), papers, lacking))
        return ClassPapersPage(run, rows, SqlPaperBatches(tx).latest(class_run), next_number(house, tx))


def _of_learner(house: House, visit: StaffVisit, class_run: ClassRunId, learner: LearnerRef) -> PapersPage:
    """Return the page; the masked name on it is a logged disclosure.

    Raises:
        InvalidInput: class_run_unknown, learner_unknown; also for another institution's.
    """
    with house.uow.for_institution(visit.own_institution()) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(class_run)
        stations.registry.require_enrolled(class_run, learner)
        person = stations.identity.disclose(
            learner, purpose="institution.papers_page", recipient="培训机构", by=visit.staff_id
        ).masked()
        changes = stations.paper_life.of(learner, class_run)
        staff = [
            stations.staff.by_id(by)
            for one in changes
            for by in (one.proposed_by, one.decided_by)
            if by is not None
        ]
        return PapersPage(
            run=run,
            learner=learner,
            person=person,
            papers=stations.completion.papers(learner, class_run),
            changes=changes,
            logins={one.id: one.login for one in staff if one is not None},
        )


def _form() -> tuple[PaperChangeKind, date | None]:
    """Return what is proposed, and from which day; InvalidInput for what cannot be read."""
    try:
        what = PaperChangeKind(request.form.get("what", ""))
    except ValueError as error:
        raise InvalidInput("paper_change_kind", "请选择要做的变更。") from error
    if what is not PaperChangeKind.EXPIRE:
        return what, None
    try:
        return what, date.fromisoformat(request.form.get("expires_on", ""))
    except ValueError as error:
        raise InvalidInput("paper_expiry_date", "请填写失效日期，不能早于今天。") from error


def _back(class_run: str, learner: str) -> AnyResponse:
    return redirect(url_for("papers.show", class_run=class_run, learner=learner), code=303)


def _require_own(papers: Sequence[IssuedPaper], number: str) -> None:
    if number not in {one.number for one in papers}:
        raise InvalidInput("certificate_unknown", "没有这份证明,请检查编号。", http_status=404)


def _require_change(changes: Sequence[PaperChange], change: str) -> None:
    if change not in {one.id for one in changes}:
        raise InvalidInput("paper_change_unknown", "没有这项变更,请刷新后重试。", http_status=404)
