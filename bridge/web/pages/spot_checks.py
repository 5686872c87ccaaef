"""Spot checks: an authority opens them, writes findings, looks again and closes; an institution puts things right."""

from datetime import date
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.kernel.time import legal_date
from bridge.supervision.spot_check_model import STATES_ZH, STEPS_ZH, SUBJECTS_ZH, SpotCheck, Step
from bridge.supervision.spot_checks import SqlAreaSpotChecks
from bridge.web.pages.authority_view import area_name, area_of_visit, looking, own_area
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.supervised import scope_of

_MAX_TYPED = 600
_WORDS = {"states": STATES_ZH, "steps": STEPS_ZH, "subjects": SUBJECTS_ZH, "Step": Step}


def spot_check_pages(house: House) -> Blueprint:
    """Return the blueprint of `/authority/spot-checks…` and `/institution/spot-checks…`."""
    pages = Blueprint("spot_checks", __name__)

    def today() -> date:
        return legal_date(house.clock.now())

    def of_area(check: str) -> SpotCheck:
        with looking(house) as (visit, _seen, tx):
            return SqlAreaSpotChecks(scope_of(house, tx, own_area(visit))).one(check)

    def area_page(check: str, status: int = 200, **more: Any) -> AnyResponse:
        found, code = of_area(check), own_area(staff_visit())
        shown = render_template(
            "spot_checks/authority.html",
            area=area_name(house, code),
            check=found,
            own=found.office == code,
            today=today(),
            **{"typed": {}, **_WORDS, **more},
        )
        return make_response(shown, status)

    def institution_page(status: int = 200, **more: Any) -> AnyResponse:
        with house.uow.for_institution(staff_visit().own_institution(), read_only=True) as tx:
            stations = house.at(tx)
            checks, orders = stations.spot_checks.all(), stations.suspensions.all()
        shown = render_template(
            "spot_checks/institution.html",
            checks=checks,
            orders=orders,
            today=today(),
            **{"typed": {}, **_WORDS, **more},
        )
        return make_response(shown, status)

    @pages.get("/authority/spot-checks")
    @require_role("authority")
    def list_of_area() -> AnyResponse:
        with looking(house) as (visit, _seen, tx):
            code = own_area(visit)
            checks = SqlAreaSpotChecks(scope_of(house, tx, code)).all()
        shown = render_template(
            "spot_checks/list.html", area=area_name(house, code), checks=checks, today=today(), **_WORDS
        )
        return make_response(shown)

    @pages.post("/authority/spot-checks")
    @require_role("authority")
    @rate_limited("30 per minute")
    def open_check() -> AnyResponse:
        institution, class_run = _typed("institution")[:40], _typed("class_run")[:40] or None
        with looking(house) as (visit, seen, _tx):
            code = own_area(visit)
            division = code
            if class_run is not None:
                run, _learners = seen.class_run(ClassRunId(class_run))
                institution = run.institution_id
                # An area that sees a class run through its seat or its learners keeps its own check before its eyes.
                division = run.division_code if area_of_visit(house, visit).holds(run.division_code) else code
            elif institution not in {one.id for one in seen.institutions()}:
                raise InvalidInput("not_in_area", "本辖区没有这条记录。", http_status=404)
        with house.uow.for_institution(InstitutionId(institution)) as tx:
            made = house.at(tx).spot_checks.open(
                class_run=None if class_run is None else ClassRunId(class_run),
                division_code=division,
                office=code,
                authority=f"{area_name(house, code)}应急管理部门",
                reason=_typed("reason"),
                checked_on=_day("checked_on"),
                by=visit.staff_id,
            )
        flash(_("抽查已建立，请录入发现的问题；没有问题的可以直接办结。"))
        return redirect(url_for("spot_checks.show", check=made), code=303)

    @pages.get("/authority/spot-checks/<check>")
    @require_role("authority")
    def show(check: str) -> AnyResponse:
        return area_page(check)

    @pages.post("/authority/spot-checks/<check>/findings")
    @require_role("authority")
    @rate_limited("60 per minute")
    def write_finding(check: str) -> AnyResponse:
        found, visit = of_area(check), staff_visit()
        try:
            with house.uow.for_institution(found.institution_id) as tx:
                house.at(tx).spot_checks.find(
                    check,
                    subject=_typed("subject"),
                    text=_typed("text"),
                    deadline=_day("deadline"),
                    office=own_area(visit),
                    by=visit.staff_id,
                )
        except InvalidInput as refused:
            return area_page(check, refused.http_status, wrong=refused.message, typed=request.form)
        flash(_("问题已录入，机构页面会显示。"))
        return redirect(url_for("spot_checks.show", check=check), code=303)

    @pages.post("/authority/spot-checks/<check>/findings/<finding>")
    @require_role("authority")
    @rate_limited("60 per minute")
    def decide(check: str, finding: str) -> AnyResponse:
        found, visit = of_area(check), staff_visit()
        try:
            step = _step()
            with house.uow.for_institution(found.institution_id) as tx:
                house.at(tx).spot_checks.step(
                    check,
                    finding,
                    step,
                    note=_typed("note"),
                    by=visit.staff_id,
                    office=own_area(visit),
                    until=_day("until") if step is Step.EXTEND else None,
                )
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return area_page(
                check, refused.http_status, wrong=refused.message, wrong_at=finding, typed=request.form
            )
        flash(_("已记录。"))
        return redirect(url_for("spot_checks.show", check=check, _anchor=finding), code=303)

    @pages.post("/authority/spot-checks/<check>/close")
    @require_role("authority")
    @rate_limited("30 per minute")
    def close(check: str) -> AnyResponse:
        found, visit = of_area(check), staff_visit()
        try:
            with house.uow.for_institution(found.institution_id) as tx:
                house.at(tx).spot_checks.close(
                    check, conclusion=_typed("conclusion"), office=own_area(visit), by=visit.staff_id
                )
        except InvalidInput as refused:
            return area_page(check, refused.http_status, wrong=refused.message, typed=request.form)
        flash(_("抽查已办结。"))
        return redirect(url_for("spot_checks.show", check=check), code=303)

    @pages.get("/institution/spot-checks")
    @require_role("institution")
    def of_institution() -> AnyResponse:
        return institution_page()

    @pages.post("/institution/spot-checks/<check>/findings/<finding>")
    @require_role("institution")
    @rate_limited("60 per minute")
    def answer(check: str, finding: str) -> AnyResponse:
        visit = staff_visit()
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                house.at(tx).spot_checks.step(
                    check, finding, Step.ANSWER, note=_typed("note"), by=visit.staff_id, office=None
                )
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return institution_page(
                refused.http_status, wrong=refused.message, wrong_at=finding, typed=request.form
            )
        flash(_("整改情况已报告，等待监管部门复查。"))
        return redirect(url_for("spot_checks.of_institution", _anchor=finding), code=303)

    return pages


def _step() -> Step:
    try:
        return Step(_typed("step"))
    except ValueError as error:
        raise InvalidInput("step_unknown", "请选择如何办理。", http_status=422) from error


def _typed(name: str) -> str:
    return request.form.get(name, "").strip()[:_MAX_TYPED]


def _day(name: str) -> date:
    try:
        return date.fromisoformat(_typed(name))
    except ValueError as error:
        raise InvalidInput("day_malformed", "请填写日期。", http_status=422) from error
