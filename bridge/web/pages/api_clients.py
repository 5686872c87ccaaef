"""Programs that read by the API: an office or an institution sees its own, lets one in as second person, ends one."""

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.supervision.api_clients import STATES_ZH, STEPS_ZH, ApiClients
from bridge.supervision.api_scopes import SCOPES_ZH
from bridge.supervision.list_exports import Owner
from bridge.web.pages.authority_view import area_name, own_area
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House

_MAX_TYPED = 300


def api_client_pages(house: House) -> Blueprint:
    """Return the blueprint of `/authority/api-clients…` and `/institution/api-clients…`."""
    pages = Blueprint("api_clients", __name__)

    def page(status: int = 200, wrong: str | None = None) -> AnyResponse:
        visit = staff_visit()
        with house.uow.across_institutions("programs of an office", read_only=True) as tx:
            clients = ApiClients(tx.session, house.clock, _owner(visit)).all()
            staff = house.at(tx).staff
            people = {step.by for one in clients for step in one.steps}
            logins = {by: account.login for by in people if (account := staff.by_id(by)) is not None}
        shown = render_template(
            "exports/api_clients.html",
            visit=visit,
            clients=clients,
            logins=logins,
            now=house.clock.now(),
            states=STATES_ZH,
            steps=STEPS_ZH,
            scopes=SCOPES_ZH,
            home="authority.home" if visit.role == "authority" else "institution.home",
            title=area_name(house, own_area(visit)) if visit.role == "authority" else _("本机构"),
            at=visit.role,
            wrong=wrong,
        )
        return make_response(shown, status)

    def decide(client: str) -> AnyResponse:
        visit, allow = staff_visit(), request.form.get("do") == "allow"
        with house.uow.across_institutions("let a program in") as tx:
            clients = ApiClients(tx.session, house.clock, _owner(visit))
            clients.decide(client, allow=allow, by=visit.staff_id)
        flash(_("已批准，可以使用。") if allow else _("已拒绝。"))
        return redirect(url_for(f"api_clients.show_{visit.role}"), code=303)

    def revoke(client: str) -> AnyResponse:
        visit = staff_visit()
        try:
            with house.uow.across_institutions("end a program's access") as tx:
                clients = ApiClients(tx.session, house.clock, _owner(visit))
                reason = request.form.get("reason", "")[:_MAX_TYPED]
                clients.revoke(client, by=visit.staff_id, reason=reason)
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(refused.http_status, refused.message)
        flash(_("已停用，令牌全部收回。"))
        return redirect(url_for(f"api_clients.show_{visit.role}"), code=303)

    for role in ("authority", "institution"):
        guard, few = require_role(role), rate_limited("30 per minute")
        at = f"/{role}/api-clients"
        pages.add_url_rule(at, f"show_{role}", guard(page))
        pages.add_url_rule(f"{at}/<client>/decide", f"decide_{role}", guard(few(decide)), methods=["POST"])
        pages.add_url_rule(f"{at}/<client>/revoke", f"revoke_{role}", guard(few(revoke)), methods=["POST"])
    return pages


def _owner(visit: StaffVisit) -> Owner:
    if visit.role == "institution":
        return Owner(institution=visit.own_institution())
    return Owner(division_code=own_area(visit))
