"""What an authority decides about an institution: to register it (article 13), to stop and restore its teaching."""

from datetime import date
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import InstitutionId, new_id
from bridge.kernel.time import legal_date
from bridge.registry.city_register import Registration, institution_with, register
from bridge.registry.suspension_model import covers
from bridge.registry.uscc import check_uscc
from bridge.supervision.model import InstitutionView
from bridge.web.pages.authority_view import area_name, area_of_visit, looking, own_area
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House

_MAX_TYPED = 400


def authority_order_pages(house: House) -> Blueprint:
    """Return the blueprint of `/authority/institutions/…`."""
    pages = Blueprint("authority_orders", __name__, url_prefix="/authority/institutions")

    def form(status: int = 200, **more: Any) -> AnyResponse:
        visit = staff_visit()
        area = area_of_visit(house, visit)
        if area.level != "city":
            raise NotPermitted("city_registers", "机构由地级以上市应急管理局登记，请用市级账号办理。")
        city = area.division_code
        seats = {
            code: name
            for code, name in sorted(house.divisions.items())
            if code[:4] == city[:4] or code == city
        }
        shown = render_template(
            "authority/register.html", area=area_name(house, city), seats=seats, **{"typed": {}, **more}
        )
        return make_response(shown, status)

    def institution_page(institution: str, status: int = 200, **more: Any) -> AnyResponse:
        found = _in_area(house, institution)
        visit = staff_visit()
        with house.uow.for_institution(found.id, read_only=True) as tx:
            orders = house.at(tx).suspensions.all()
        code = own_area(visit)
        shown = render_template(
            "authority/institution.html",
            area=area_name(house, code),
            institution=found,
            orders=[
                one for one in orders if covers(code, one.division_code) or covers(one.division_code, code)
            ],
            own=code,
            divisions=house.divisions,
            today=legal_date(house.study_clock.now()),
            real_today=legal_date(house.clock.now()),
            **{"typed": {}, **more},
        )
        return make_response(shown, status)

    @pages.get("/new")
    @require_role("authority")
    def new() -> AnyResponse:
        return form()

    @pages.post("/new")
    @require_role("authority")
    @rate_limited("30 per minute")
    def enter() -> AnyResponse:
        visit = staff_visit()
        area = area_of_visit(house, visit)
        if area.level != "city":
            raise NotPermitted("city_registers", "机构由地级以上市应急管理局登记，请用市级账号办理。")
        try:
            if request.form.get("checked") != "1":
                raise InvalidInput(
                    "offline_not_checked", "请先核实该机构属于已经报告的线下安全培训机构。", http_status=422
                )
            entered = Registration(
                uscc=check_uscc(_typed("number")),
                name=_typed("name"),
                seat=_typed("seat"),
                division_code=area.division_code,
                document_number=_typed("document_number"),
                offline_report=_typed("offline_report"),
                letter_on=_day("letter_on"),
                notice=_typed("notice"),
                valid_from=_day("valid_from"),
                valid_until=_day("valid_until"),
            )
            if not area.holds(entered.seat) and institution_known(entered.uscc) is None:
                raise InvalidInput(
                    "seat_elsewhere", "机构所在地不在本市，请由所在地市先行登记。", http_status=422
                )
            institution = institution_known(entered.uscc) or InstitutionId(new_id("org"))
            with house.uow.for_institution(institution) as tx:
                is_new = register(tx, entered, operator_name=house.settings.platform_code, by=visit.staff_id)
        except InvalidInput as refused:
            return form(refused.http_status, wrong=refused.message, typed=request.form)
        flash(_("已登记。平台运营方接下来为机构开通账号。") if is_new else _("已登记。"))
        return redirect(url_for("authority_orders.show", institution=institution), code=303)

    def institution_known(uscc: str) -> InstitutionId | None:
        with house.uow.across_institutions("is the institution known?", read_only=True) as tx:
            return institution_with(tx, uscc)

    @pages.get("/<institution>")
    @require_role("authority")
    def show(institution: str) -> AnyResponse:
        return institution_page(institution)

    @pages.post("/<institution>/suspend")
    @require_role("authority")
    @rate_limited("30 per minute")
    def suspend(institution: str) -> AnyResponse:
        found, visit = _in_area(house, institution), staff_visit()
        code = own_area(visit)
        try:
            with house.uow.for_institution(found.id) as tx:
                house.at(tx).suspensions.order(
                    division_code=code,
                    authority=f"{area_name(house, code)}应急管理部门",
                    document_number=_typed("document_number"),
                    reason=_typed("suspend_reason"),
                    notice=_typed("notice"),
                    from_day=_day("from_day"),
                    by=visit.staff_id,
                )
        except InvalidInput as refused:
            return institution_page(
                institution, refused.http_status, wrong=refused.message, typed=request.form
            )
        flash(_("已录入暂停决定，机构页面和学员页面会显示告知内容。"))
        return redirect(url_for("authority_orders.show", institution=institution), code=303)

    @pages.post("/<institution>/suspensions/<suspension>/restore")
    @require_role("authority")
    @rate_limited("30 per minute")
    def restore(institution: str, suspension: str) -> AnyResponse:
        found, visit = _in_area(house, institution), staff_visit()
        try:
            with house.uow.for_institution(found.id) as tx:
                suspensions = house.at(tx).suspensions
                order = next((one for one in suspensions.all() if one.id == suspension), None)
                if order is not None and order.division_code != own_area(visit):
                    raise NotPermitted("not_your_order", "这项决定由其他部门作出，只能由其恢复。")
                suspensions.restore(
                    suspension,
                    document_number=_typed("restore_number"),
                    reason=_typed("restore_reason"),
                    from_day=_day("restore_day"),
                    by=visit.staff_id,
                )
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return institution_page(
                institution,
                refused.http_status,
                wrong=refused.message,
                wrong_at=suspension,
                typed=request.form,
            )
        flash(_("已录入恢复决定。"))
        return redirect(url_for("authority_orders.show", institution=institution), code=303)

    return pages


def _in_area(house: House, institution: str) -> InstitutionView:
    """Return the institution; InvalidInput("not_in_area") for any other, known or not."""
    with looking(house) as (_visit, seen, _tx):
        found = next((one for one in seen.institutions() if one.id == institution), None)
    if found is None:
        raise InvalidInput("not_in_area", "本辖区没有这条记录。", http_status=404)
    return found


def _typed(name: str) -> str:
    return request.form.get(name, "").strip()[:_MAX_TYPED]


def _day(name: str) -> date:
    try:
        return date.fromisoformat(_typed(name))
    except ValueError as error:
        raise InvalidInput("day_malformed", "请填写日期。", http_status=422) from error
