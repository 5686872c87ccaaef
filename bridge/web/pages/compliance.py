"""The compliance page: article by article, for an institution, an authority's area, or the whole bridge."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import NotPermitted
from bridge.privacy.stored_faces import STATES_ZH
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import require_role
from bridge.wiring import House
from bridge.wiring.compliance import CompliancePage, compliance_page
from bridge.wiring.face_count import face_count, file_faces

STATES = {
    "kept": ("good", "有规定、有依据"),
    "attention": ("warn", "须关注"),
    "missing": ("bad", "缺依据"),
    "people": ("none", "由有关方负责"),
    "nothing": ("none", "无须执行"),
}


def compliance_pages(house: House) -> Blueprint:
    """Return the blueprint of `/compliance`."""
    pages = Blueprint("compliance", __name__, url_prefix="/compliance")

    @pages.get("")
    @require_role("institution", "authority", "administrator", "operator")
    def show() -> str:
        visit = staff_visit()
        wanted = request.args.get("state", "")
        return render_template(
            "compliance/show.html",
            page=_page(house, visit),
            scope=_scope(house, visit),
            states=STATES,
            faces=face_count(house) if visit.role in ("operator", "administrator") else None,
            face_states=STATES_ZH,
            wanted=wanted if wanted in STATES else "",
            home={"authority": "authority.home"}.get(visit.role, "institution.home"),
        )

    @pages.post("/faces-filed")
    @require_role("administrator", "operator")
    def record_filing() -> AnyResponse:
        file_faces(house, request.form.get("reference", "")[:200], staff_visit().staff_id)
        return redirect(url_for("compliance.show", _anchor="faces"), code=303)

    return pages


def _page(house: House, visit: StaffVisit) -> CompliancePage:
    if visit.role == "authority":
        if visit.division_code is None:
            raise NotPermitted("no_area", "这个账号没有指定辖区，请联系管理员。")
        return compliance_page(house, division=visit.division_code)
    if visit.role == "institution":
        return compliance_page(house, institution=visit.own_institution())
    return compliance_page(house)


def _scope(house: House, visit: StaffVisit) -> str:
    if visit.role == "authority":
        code = visit.division_code or ""
        return f"{house.divisions.get(code, code)}辖区内的班次"
    return "本机构的班次" if visit.role == "institution" else "全部机构的班次"
