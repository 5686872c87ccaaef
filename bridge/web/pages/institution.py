"""The institution's pages: class runs, learners, offline sessions by two people, certificates."""

from datetime import UTC, date, datetime, time
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import LEGAL_ZONE
from bridge.web.pages.institution_view import class_run_page, class_runs
from bridge.web.pages.paper_file import paper_file
from bridge.web.pages.signals_view import count_of_institution
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import require_role, takes_scan
from bridge.wiring import House

_MAX_TYPED = 200
_MAX_LEARNERS = 500


def institution_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution…`."""
    pages = Blueprint("institution", __name__, url_prefix="/institution")

    def page(class_run: str, status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        view = class_run_page(house, visit.own_institution(), ClassRunId(class_run), visit)
        return make_response(
            render_template("institution/class_run.html", page=view, visit=visit, **form), status
        )

    @pages.get("")
    @require_role("institution", "administrator")
    def home() -> AnyResponse:
        visit = staff_visit()
        if visit.institution is None:
            return make_response(render_template("institution/administrator.html"))
        name, rows = class_runs(house, visit.institution)
        signals = count_of_institution(house, visit.institution)
        with house.uow.for_institution(visit.institution, read_only=True) as tx:
            set_aside = house.at(tx).quarantine.counts().get("waiting", 0)
        return make_response(
            render_template(
                "institution/home.html", name=name, rows=rows, signals=signals, set_aside=set_aside
            )
        )

    @pages.get("/class-runs/<class_run>")
    @require_role("institution", "administrator")
    def show_class_run(class_run: str) -> AnyResponse:
        return page(class_run)

    @pages.post("/class-runs/<class_run>/offline-sessions")
    @require_role("institution", "administrator")
    @takes_scan
    def enter_offline_session(class_run: str) -> AnyResponse:
        visit = staff_visit()
        try:
            typed = _offline_form(visit)
            with house.uow.for_institution(visit.own_institution()) as tx:
                house.at(tx).registry.enter_offline_session(
                    class_run_id=ClassRunId(class_run), by=visit.staff_id, **typed
                )
        except InvalidInput as refused:
            return page(class_run, 422, wrong=refused.message, typed=request.form)
        flash(_("已登记，等待另一名工作人员确认。"))
        return _back(class_run)

    @pages.post("/class-runs/<class_run>/offline-sessions/<session_id>/confirm")
    @require_role("institution", "administrator")
    def confirm_offline_session(class_run: str, session_id: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            house.at(tx).registry.confirm_offline_session(session_id, visit.staff_id)
        flash(_("已确认，学时稍后计入学员台账。"))
        return _back(class_run)

    @pages.get("/certificates/<number>.pdf")
    @require_role("institution", "administrator")
    def certificate(number: str) -> AnyResponse:
        return paper_file(house, staff_visit().own_institution(), number)

    return pages


def _back(class_run: str) -> AnyResponse:
    return redirect(url_for("institution.show_class_run", class_run=class_run, _anchor="offline"), code=303)


def _offline_form(visit: StaffVisit) -> dict[str, Any]:
    """Return the form as `enter_offline_session` takes it; InvalidInput for what cannot be read."""
    form = {name: request.form.get(name, "").strip()[:_MAX_TYPED] for name in request.form}
    sheet = request.files.get("sheet")
    content = b""
    if sheet is not None:
        content = sheet.read()
        sheet.close()
    if not content:
        raise InvalidInput("sheet_missing", "请上传签到表的扫描件或照片。")
    try:
        day = date.fromisoformat(form.get("day", ""))
        starts, ends = (
            datetime.combine(day, time.fromisoformat(form.get(name, "")), LEGAL_ZONE).astimezone(UTC)
            for name in ("starts", "ends")
        )
    except ValueError as error:
        raise InvalidInput("session_times_malformed", "请填写上课日期、开始时间和结束时间。") from error
    hours = form.get("class_hours", "")
    if not (hours.isascii() and hours.isdigit() and len(hours) <= 3):
        raise InvalidInput("class_hours_malformed", "学时请填写整数。")
    return {
        "outline_unit_id": form.get("outline_unit", ""),
        "class_hours": int(hours),
        "starts_at": starts,
        "ends_at": ends,
        "teacher": form.get("teacher", "") or visit.staff_id,
        "place": form.get("place", ""),
        "sheet_sha256": sha256_hex(content),
        "learners": [LearnerRef(ref) for ref in request.form.getlist("learner")[:_MAX_LEARNERS]],
    }
