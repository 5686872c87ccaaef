"""A class run's LMS courses: rosters, hours in gradebooks, results of tests; for the institution's staff."""

from typing import Any

from flask import Blueprint, Flask, abort, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, RegistrationId
from bridge.web.pages.lms_courses_view import (
    ENTRY_REASONS,
    HANDLER_STATE,
    NOTICE_TYPE,
    RESULT_STATE,
    SCORE_STATE,
    courses_page,
    reason_zh,
)
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House, Stations


def lms_courses_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/lms…`."""
    pages = Blueprint("lms_courses", __name__, url_prefix="/institution/class-runs/<class_run>/lms")

    @pages.get("")
    @require_role("institution")
    def show(class_run: str) -> AnyResponse:
        return _page(class_run)

    def _page(class_run: str, status: int = 200, **more: Any) -> AnyResponse:
        visit = staff_visit()
        view = courses_page(house, visit.own_institution(), ClassRunId(class_run), visit)
        return make_response(render_template("institution/lms_courses.html", page=view, **more), status)

    @pages.post("/roster")
    @require_role("institution")
    @rate_limited("10 per minute")
    def read_roster(class_run: str) -> AnyResponse:
        with house.uow.for_institution(staff_visit().own_institution()) as tx:
            stations = house.at(tx)
            course = _course_asked(stations, class_run)
            if not stations.rosters.read_now(*course):
                raise InvalidInput(
                    "roster_not_offered", "学习平台没有开放这门课程的成员名单。", http_status=409
                )
        flash(_("正在同步名单，请稍候刷新本页。"))
        return _back(class_run)

    @pages.post("/hours-column")
    @require_role("institution")
    def switch_column(class_run: str) -> AnyResponse:
        visit = staff_visit()
        wanted = request.form.get("wanted") == "on"
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                stations = house.at(tx)
                course = _course_asked(stations, class_run)
                switch = stations.gradebook.switch_on if wanted else stations.gradebook.switch_off
                switch(*course, by=visit.staff_id)
        except InvalidInput as refused:
            if refused.reason != "gradebook_not_offered":
                raise
            return _page(class_run, refused.http_status, wrong=refused.message)
        flash(_("正在学习平台建立学时列。") if wanted else _("已停止回传，学习平台上原有的列和成绩不变。"))
        return _back(class_run)

    @pages.post("/scores/<score_id>/again")
    @require_role("institution")
    def send_again(class_run: str, score_id: str) -> AnyResponse:
        with house.uow.for_institution(staff_visit().own_institution()) as tx:
            house.at(tx).hour_scores.send_again(score_id, ClassRunId(class_run))
        flash(_("已重新排队发送。"))
        return _back(class_run, anchor="scores")

    @pages.post("/test-links/<binding_id>/<change>")
    @require_role("institution")
    @rate_limited("30 per minute")
    def change_test_link(class_run: str, binding_id: str, change: str) -> AnyResponse:
        visit = staff_visit()
        if change not in ("undo", "restore"):
            abort(404)
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                links = house.at(tx).links
                do = links.undo_test if change == "undo" else links.restore_test
                do(ClassRunId(class_run), binding_id, by=visit.staff_id)
        except InvalidInput as refused:
            if refused.http_status != 409:
                raise
            return _page(class_run, refused.http_status, wrong=refused.message)
        flash(_("已撤销关联，并记入异常信号。") if change == "undo" else _("已恢复关联，并记入异常信号。"))
        return _back(class_run, anchor="test-links")

    @pages.post("/copies/<copy_id>/set-aside")
    @require_role("institution")
    @rate_limited("60 per minute")
    def set_copy_aside(class_run: str, copy_id: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            house.at(tx).course_copies.set_aside(copy_id, ClassRunId(class_run), by=visit.staff_id)
        flash(_("已记下，不再提示。"))
        return _back(class_run)

    return pages


def register_lms_courses_wording(app: Flask) -> None:
    """Give the templates the words for states and reasons."""
    app.add_template_filter(lambda code: SCORE_STATE.get(code, str(code)), "score_state")
    app.add_template_filter(lambda code: RESULT_STATE.get(code, str(code)), "result_state")
    app.add_template_filter(lambda code: HANDLER_STATE.get(code, str(code)), "handler_state")
    app.add_template_filter(lambda code: NOTICE_TYPE.get(code, str(code)), "notice_type")
    app.add_template_filter(lambda code: ENTRY_REASONS.get(code, str(code)), "entry_reason")
    app.add_template_filter(reason_zh, "platform_reason")


def _course_asked(stations: Stations, class_run: str) -> tuple[RegistrationId, str]:
    """Return the LMS course that the form names; InvalidInput for one that the class run is not taught in."""
    run = stations.registry.class_run(ClassRunId(class_run))
    asked = (RegistrationId(request.form.get("registration", "")), request.form.get("context", ""))
    if asked not in stations.lms_courses.courses_of(run.id):
        raise InvalidInput("lms_course_unknown", "本班次没有关联这门课程，请刷新页面。", http_status=404)
    return asked


def _back(class_run: str, anchor: str | None = None) -> AnyResponse:
    return redirect(url_for("lms_courses.show", class_run=class_run, _anchor=anchor), code=303)
