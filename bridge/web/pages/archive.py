"""The institution's archive pages: the class run's file, a learner's file, holds, and the end of an archive."""

from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.intake.contact import without_contact_text
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.archive_desk import archive_desk
from bridge.wiring.archive_disposal import carry_out, propose
from bridge.wiring.archive_files import Disclosure, FileNow, class_file_now, learner_file_now

_MAX_TYPED = 400
_MAX_REF = 40
_OF_LEARNER = "/learners/<learner>/archive"


def archive_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/archive…` and of a learner's file below the class run."""
    pages = Blueprint("archive", __name__, url_prefix="/institution/class-runs/<class_run>")

    def page(class_run: str, status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        run = ClassRunId(class_run)
        found = class_file_now(house, visit.own_institution(), run, _why("class_file", visit, whole=False))
        desk = archive_desk(house, visit.own_institution(), run)
        shown = render_template(
            "archive/class_run.html",
            file=found,
            desk=desk,
            names={one["学员编号"]: one["姓名"] for one in found.items["1-learners.json"]["学员"]},
            visit=visit,
            **form,
        )
        return make_response(shown, status)

    @pages.get("/archive")
    @require_role("institution")
    def of_class_run(class_run: str) -> AnyResponse:
        return page(class_run)

    @pages.get("/archive/<any('tar','pdf'):kind>")
    @require_role("institution")
    @rate_limited("60 per hour", methods=("GET",))
    def class_file(class_run: str, kind: str) -> AnyResponse:
        visit = staff_visit()
        run = ClassRunId(class_run)
        found = class_file_now(house, visit.own_institution(), run, _why("class_file_export", visit))
        return _download(house, visit, found, kind, class_run, "班次培训档案")

    @pages.get(_OF_LEARNER)
    @require_role("institution")
    def of_learner(class_run: str, learner: str) -> AnyResponse:
        visit = staff_visit()
        institution, run, who = visit.own_institution(), ClassRunId(class_run), LearnerRef(learner)
        found = learner_file_now(house, institution, run, who, _why("learner_file", visit, whole=False))
        with house.uow.for_institution(institution, read_only=True) as tx:
            sealed = house.at(tx).archive.latest(who, run)
        shown = render_template(
            "archive/learner.html", file=found, class_run=class_run, learner=learner, sealed=sealed
        )
        return make_response(shown)

    @pages.get(_OF_LEARNER + "/<any('tar','pdf'):kind>")
    @require_role("institution")
    @rate_limited("120 per hour", methods=("GET",))
    def learner_file(class_run: str, learner: str, kind: str) -> AnyResponse:
        visit = staff_visit()
        run, who = ClassRunId(class_run), LearnerRef(learner)
        why = _why("learner_file_export", visit)
        found = learner_file_now(house, visit.own_institution(), run, who, why)
        return _download(house, visit, found, kind, f"{class_run}-{learner}", "学员学习电子档案")

    @pages.post("/archive/holds")
    @require_role("institution")
    @rate_limited("30 per minute")
    def ask_hold(class_run: str) -> AnyResponse:
        visit = staff_visit()
        learner = request.form.get("learner", "")[:_MAX_REF]
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                stations = house.at(tx)
                if learner:
                    stations.registry.require_enrolled(ClassRunId(class_run), LearnerRef(learner))
                stations.legal_holds.ask(
                    ClassRunId(class_run),
                    LearnerRef(learner) if learner else None,
                    _typed("reason"),
                    visit.staff_id,
                )
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(class_run, refused.http_status, wrong=refused.message, typed=_typed("reason"))
        flash(_("保全已生效，等待另一名工作人员确认。"))
        return _back(class_run, "holds")

    @pages.post("/archive/holds/<hold>/confirm")
    @require_role("institution")
    @rate_limited("30 per minute")
    def confirm_hold(class_run: str, hold: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            house.at(tx).legal_holds.confirm(hold, visit.staff_id)
        flash(_("已确认保全。"))
        return _back(class_run, "holds")

    @pages.post("/archive/holds/<hold>/release")
    @require_role("institution")
    @rate_limited("30 per minute")
    def ask_release(class_run: str, hold: str) -> AnyResponse:
        visit = staff_visit()
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                house.at(tx).legal_holds.ask_release(hold, _typed("reason"), visit.staff_id)
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(class_run, refused.http_status, wrong=refused.message)
        flash(_("已提出解除，另一名工作人员确认前保全仍然有效。"))
        return _back(class_run, "holds")

    @pages.post("/archive/holds/<hold>/release/confirm")
    @require_role("institution")
    @rate_limited("30 per minute")
    def release_hold(class_run: str, hold: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            house.at(tx).legal_holds.release(
                hold, request.form.get("reason", "")[:_MAX_TYPED], visit.staff_id
            )
        flash(_("保全已解除。"))
        return _back(class_run, "holds")

    @pages.post("/archive/disposal")
    @require_role("institution")
    @rate_limited("30 per minute")
    def propose_disposal(class_run: str) -> AnyResponse:
        visit = staff_visit()
        propose(house, visit.own_institution(), ClassRunId(class_run), visit.staff_id)
        flash(_("已提出销毁，等待另一名工作人员确认。"))
        return _back(class_run, "disposal")

    @pages.post("/archive/disposal/confirm")
    @require_role("institution")
    @rate_limited("30 per minute")
    def confirm_disposal(class_run: str) -> AnyResponse:
        visit = staff_visit()
        carry_out(house, visit.own_institution(), ClassRunId(class_run), visit.staff_id)
        flash(_("档案已销毁，回执已签名。"))
        return _back(class_run, "disposal")

    @pages.get("/archive/disposal/receipt.json")
    @require_role("institution")
    def disposal_receipt(class_run: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution(), read_only=True) as tx:
            receipt = house.at(tx).disposals.receipt(ClassRunId(class_run))
        response = make_response(receipt)
        response.mimetype = "application/json"
        response.headers["Content-Disposition"] = f'attachment; filename="disposal-{class_run}.json"'
        return response

    return pages


def _why(what: str, visit: StaffVisit, *, whole: bool = True) -> Disclosure:
    return Disclosure(f"institution.{what}", "培训机构", visit.staff_id, whole)


def _download(
    house: House, visit: StaffVisit, found: FileNow, kind: str, name: str, description: str
) -> AnyResponse:
    if kind == "pdf":
        response = make_response(house.sheet_printer.print_sheet(found.sheet))
        response.mimetype = "application/pdf"
    else:
        response = make_response(found.bag(house, name, description, visit.own_institution()))
        response.mimetype = "application/x-tar"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _typed(name: str) -> str:
    return without_contact_text(request.form.get(name, "")[:_MAX_TYPED])


def _back(class_run: str, anchor: str) -> AnyResponse:
    return redirect(url_for("archive.of_class_run", class_run=class_run, _anchor=anchor), code=303)
