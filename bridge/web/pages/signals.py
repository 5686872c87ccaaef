"""Pages of article 16 and 27: what the system holds against its own operator, and contact data in an LMS.

An institution looks into its signals and signs exceptions; an authority sees both, in its own area only.
"""

from datetime import date
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.intake.contact import without_contact_text
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId
from bridge.web.pages.signals_view import (
    COUNTED,
    area_signals,
    chart,
    contact_page,
    institution_signals,
)
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House

_MAX_TYPED = 400


def signal_pages(house: House) -> Blueprint:
    """Return the blueprint of the pages below."""
    pages = Blueprint("signals", __name__)

    def signals(status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        class_run = _class_run_asked()
        page, people, title = institution_signals(house, visit, visit.own_institution(), class_run)
        shown = render_template(
            "signals/institution.html",
            page=page,
            people=people,
            title=title,
            class_run=class_run,
            chart=chart(page),
            **form,
        )
        return make_response(shown, status)

    def contact(class_run: str, status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        view = contact_page(house, visit.own_institution(), ClassRunId(class_run))
        shown = render_template("signals/contact.html", page=view, visit=visit, counted=COUNTED, **form)
        return make_response(shown, status)

    @pages.get("/institution/signals")
    @require_role("institution")
    def of_institution() -> AnyResponse:
        return signals()

    @pages.post("/institution/signals/<signal_id>/acknowledge")
    @require_role("institution")
    @rate_limited("60 per minute")
    def acknowledge(signal_id: str) -> AnyResponse:
        visit = staff_visit()
        note = _typed("note")
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                house.at(tx).signals.acknowledge(signal_id, by=visit.staff_id, note=note)
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return signals(refused.http_status, wrong=refused.message, wrong_at=signal_id, typed=note)
        flash(_("已记录核实情况。"))
        return redirect(url_for("signals.of_institution", class_run=_class_run_asked()), code=303)

    @pages.get("/institution/class-runs/<class_run>/contact")
    @require_role("institution")
    def show_contact(class_run: str) -> AnyResponse:
        return contact(class_run)

    @pages.post("/institution/class-runs/<class_run>/contact/exceptions")
    @require_role("institution")
    @rate_limited("30 per minute")
    def write_exception(class_run: str) -> AnyResponse:
        visit = staff_visit()
        reason = _typed("reason")
        try:
            until = _day(request.form.get("until", ""))
            with house.uow.for_institution(visit.own_institution()) as tx:
                house.at(tx).contact_gate.write_exception(
                    ClassRunId(class_run), reason=reason, until=until, by=visit.staff_id
                )
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return contact(class_run, refused.http_status, wrong=refused.message, typed=reason)
        flash(_("例外已填写并签署。"))
        return redirect(url_for("signals.show_contact", class_run=class_run), code=303)

    @pages.post("/institution/class-runs/<class_run>/contact/exceptions/<exception_id>/sign")
    @require_role("institution")
    @rate_limited("30 per minute")
    def sign_exception(class_run: str, exception_id: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            house.at(tx).contact_gate.sign_exception(exception_id, visit.staff_id)
        flash(_("已签署。"))
        return redirect(url_for("signals.show_contact", class_run=class_run), code=303)

    @pages.get("/authority/signals")
    @require_role("authority")
    def of_area() -> AnyResponse:
        code = staff_visit().division_code
        if code is None:
            raise NotPermitted("no_area", "这个账号没有指定辖区，请联系管理员。")
        class_run = _class_run_asked()
        page = area_signals(house, code, class_run)
        area = house.divisions.get(code, code)
        shown = render_template(
            "signals/authority.html", page=page, area=area, class_run=class_run, chart=chart(page)
        )
        return make_response(shown)

    return pages


def _class_run_asked() -> ClassRunId | None:
    asked = request.args.get("class_run", "")[:40]
    return ClassRunId(asked) if asked.isprintable() and asked else None


def _typed(name: str) -> str:
    """Return what was typed without contact data: it is dropped at this door as at every other."""
    return without_contact_text(request.form.get(name, "")[:_MAX_TYPED])


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("exception_until_malformed", "请填写例外的截止日期。", http_status=422) from error
