"""People whose real name no provider could confirm: for the institution's staff, who see person and card."""

from typing import Any

from flask import Blueprint, Flask, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId
from bridge.web.pages.real_name_view import names_waiting
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.name_jobs import decide_by_staff, refuse_by_staff

_MAX_TYPED = 40


def real_name_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/class-runs/<id>/real-names`."""
    pages = Blueprint("real_names", __name__, url_prefix="/institution/class-runs/<class_run>/real-names")

    def page(class_run: str, status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution(), read_only=True) as tx:
            run = house.at(tx).registry.class_run(ClassRunId(class_run))
        waiting = names_waiting(house, visit.own_institution(), run.id)
        shown = render_template("institution/real_names.html", run=run, waiting=waiting, **form)
        return make_response(shown, status)

    @pages.get("")
    @require_role("institution")
    def show(class_run: str) -> AnyResponse:
        return page(class_run)

    @pages.post("/<check>/confirm")
    @require_role("institution")
    @rate_limited("30 per minute")
    def confirm(class_run: str, check: str) -> AnyResponse:
        visit = staff_visit()
        if request.form.get("seen") != "1":
            return page(class_run, 422, wrong=_("请先当面核对本人和证件，再勾选确认。"), wrong_check=check)
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                house.at(tx).registry.class_run(ClassRunId(class_run))
                number = request.form.get("card_number", "")[:_MAX_TYPED]
                bound = decide_by_staff(house, tx, check, card_number=number, by=visit.staff_id)
        except InvalidInput as refused:
            if refused.reason != "card_number_differs":
                raise
            return page(class_run, refused.http_status, wrong=refused.message, wrong_check=check)
        if bound:
            flash(_("已确认实名，学员刷新页面后即可继续。"))
        else:
            flash(_("证件一致，但这个人或这个账号已有别的绑定，请先在学员页面核实。"))
        return redirect(url_for("real_names.show", class_run=class_run), code=303)

    @pages.post("/<check>/refuse")
    @require_role("institution")
    @rate_limited("30 per minute")
    def refuse(class_run: str, check: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            house.at(tx).registry.class_run(ClassRunId(class_run))
            refuse_by_staff(house, tx, check, by=visit.staff_id)
        flash(_("已记为不是本人，学员须用自己的证件重新实名。"))
        return redirect(url_for("real_names.show", class_run=class_run), code=303)

    return pages


def register_real_names(app: Flask, house: House) -> None:
    """Give templates `names_waiting_count`."""

    @app.template_global()
    def names_waiting_count(class_run: ClassRunId) -> int:
        """Return how many people of the own institution's class run wait for staff."""
        with house.uow.for_institution(staff_visit().own_institution(), read_only=True) as tx:
            return len(house.at(tx).name_checks.for_staff(class_run))
