"""The institution's page of a class run's exception from the online cap: one person's reason, another's word."""

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId
from bridge.rules.model import NoRuleInForce
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import require_role
from bridge.wiring import House

_MAX_TYPED = 400


def cap_exception_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/online-cap`."""
    pages = Blueprint("cap_exception", __name__, url_prefix="/institution/class-runs/<class_run>/online-cap")

    def page(class_run: str, status: int = 200, **form: object) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution(), read_only=True) as tx:
            stations = house.at(tx)
            run = stations.registry.class_run(ClassRunId(class_run))
            found = stations.cap_exceptions.of(run.id)
        try:
            rule = house.rules.profile(run.profile).value("hours.online_share_cap_of_theory", run.opens_on)
        except NoRuleInForce:
            rule = None
        shown = render_template("hours/cap.html", run=run, found=found, rule=rule, visit=visit, **form)
        return make_response(shown, status)

    @pages.get("")
    @require_role("institution")
    def show(class_run: str) -> AnyResponse:
        return page(class_run)

    @pages.post("")
    @require_role("institution")
    def enter(class_run: str) -> AnyResponse:
        visit, reason = staff_visit(), request.form.get("reason", "")[:_MAX_TYPED]
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                house.at(tx).cap_exceptions.enter(ClassRunId(class_run), reason, visit.staff_id)
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(class_run, 422, wrong=refused.message, typed=reason)
        flash(_("已登记，等待另一名工作人员确认。"))
        return redirect(url_for("cap_exception.show", class_run=class_run), code=303)

    @pages.post("/confirm")
    @require_role("institution")
    def confirm(class_run: str) -> AnyResponse:
        visit, reason = staff_visit(), request.form.get("reason", "")[:_MAX_TYPED]
        with house.uow.for_institution(visit.own_institution()) as tx:
            house.at(tx).cap_exceptions.confirm(ClassRunId(class_run), reason, visit.staff_id)
        flash(_("已确认，本班次的线上学时不再按上限扣减。"))
        return redirect(url_for("cap_exception.show", class_run=class_run), code=303)

    return pages
