"""Lists as Excel files: asked for with purpose and recipient, allowed by a second person, fetched with a watermark."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId
from bridge.kernel.workbook import MIME
from bridge.registry.model import ClassRun
from bridge.supervision.api_tokens import ApiCaller
from bridge.supervision.export_tables import table_of
from bridge.supervision.list_exports import (
    KINDS_ZH,
    NEEDS_CLASS_RUN,
    OF_AUTHORITY,
    OF_INSTITUTION,
    ListExport,
    ListExports,
    Owner,
    require_fetch,
)
from bridge.web.api.exports import parquet_answer
from bridge.web.list_workbook import Watermark, list_workbook
from bridge.web.pages.authority_view import area_name, looking, own_area
from bridge.web.pages.visitors import StaffVisit, staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.list_files import ListFile, authority_file, eligibility_file

_MAX_TYPED = 300


def list_export_pages(house: House) -> Blueprint:
    """Return the blueprint of `/authority/exports…` and `/institution/exports…`."""
    pages = Blueprint("list_exports", __name__)

    def page(status: int = 200, **more: Any) -> AnyResponse:
        visit = staff_visit()
        with house.uow.across_institutions("lists that left the house", read_only=True) as tx:
            exports = ListExports(tx.session, house.clock, _owner(visit)).all()
            staff = house.at(tx).staff
            people = {one.asked_by for one in exports} | {one.decided_by for one in exports if one.decided_by}
            logins = {by: account.login for by in people if (account := staff.by_id(by)) is not None}
        runs: Sequence[ClassRun] = ()
        if visit.role == "institution":
            with house.uow.for_institution(visit.own_institution(), read_only=True) as tx:
                runs = house.at(tx).registry_store.class_runs()
        shown = render_template(
            "exports/list.html",
            visit=visit,
            exports=exports,
            logins=logins,
            now=house.clock.now(),
            kinds=KINDS_ZH,
            table_of=table_of,
            choices=OF_INSTITUTION if visit.role == "institution" else _without_class_run(),
            runs=runs,
            chosen=request.args.get("class_run", "")[:40],
            home=_home(visit),
            at="authority" if visit.role == "authority" else "institution",
            title=_title(house, visit),
            **{"typed": {}, **more},
        )
        return make_response(shown, status)

    def ask() -> AnyResponse:
        visit = staff_visit()
        class_run = request.form.get("class_run", "")[:40] or None
        _require_run(house, visit, class_run)
        try:
            with house.uow.across_institutions("ask for a list") as tx:
                ListExports(tx.session, house.clock, _owner(visit)).ask(
                    request.form.get("kind", "")[:20],
                    class_run,
                    purpose=request.form.get("purpose", "")[:_MAX_TYPED],
                    recipient=request.form.get("recipient", "")[:_MAX_TYPED],
                    by=visit.staff_id,
                )
        except InvalidInput as refused:
            return page(refused.http_status, wrong=refused.message, typed=request.form)
        flash(_("已申请，等待另一人批准。"))
        return _back(visit)

    def decide(export: str) -> AnyResponse:
        visit, allow = staff_visit(), request.form.get("do") == "allow"
        with house.uow.across_institutions("allow a list to leave the house") as tx:
            ListExports(tx.session, house.clock, _owner(visit)).decide(export, allow=allow, by=visit.staff_id)
        flash(_("已批准，申请人 7 天内可以下载。") if allow else _("已拒绝。"))
        return _back(visit)

    def fetch(export: str) -> AnyResponse:
        visit = staff_visit()
        with house.uow.across_institutions("a list that was allowed", read_only=True) as tx:
            wanted = ListExports(tx.session, house.clock, _owner(visit)).one(export)
            require_fetch(wanted, house.clock.now(), visit.staff_id)
            approver = house.at(tx).staff.by_id(wanted.decided_by or "")
        if table_of(wanted.kind) is not None:
            reader = ApiCaller(visit.staff_id, visit.login, _owner(visit), frozenset())
            return parquet_answer(house, reader, wanted)
        made = _file(house, visit, wanted)
        mark = Watermark(
            number=wanted.id,
            purpose=wanted.purpose,
            recipient=wanted.recipient,
            approver=(wanted.decided_by or "") if approver is None else approver.login,
            fetched_by=visit.login,
            at=house.clock.now(),
        )
        content = list_workbook(made.title, made.rows, made.widths, mark)
        with house.uow.across_institutions("note that a list left the house") as tx:
            ListExports(tx.session, house.clock, _owner(visit)).note_fetch(
                export, sha256=sha256_hex(content), row_count=len(made.rows) - 1, by=visit.staff_id
            )
        answer = make_response(content)
        answer.mimetype = MIME
        answer.headers["Content-Disposition"] = f'attachment; filename="{wanted.kind}-{wanted.id}.xlsx"'
        return answer

    for role in ("authority", "institution"):
        guard, few = require_role(role), rate_limited("30 per minute")
        pages.add_url_rule(f"/{role}/exports", f"show_{role}", guard(page))
        pages.add_url_rule(f"/{role}/exports", f"ask_{role}", guard(few(ask)), methods=["POST"])
        pages.add_url_rule(
            f"/{role}/exports/<export>/decide", f"decide_{role}", guard(few(decide)), methods=["POST"]
        )
        pages.add_url_rule(
            f"/{role}/exports/<export>/fetch", f"fetch_{role}", guard(few(fetch)), methods=["POST"]
        )
    return pages


def _file(house: House, visit: StaffVisit, export: ListExport) -> ListFile:
    if visit.role == "institution":
        return eligibility_file(house, visit.own_institution(), export, by=visit.staff_id)
    with house.uow.across_institutions("the rows of a list", read_only=True) as tx:
        return authority_file(house, tx, export, own_area(visit), by=visit.staff_id)


def _require_run(house: House, visit: StaffVisit, class_run: str | None) -> None:
    """Return if the class run, where one is named, is the visitor's to see; InvalidInput of 404 if not."""
    if class_run is None:
        return
    if visit.role == "authority":
        with looking(house) as (_visit, seen, _tx):
            seen.class_run(ClassRunId(class_run))
        return
    with house.uow.for_institution(visit.own_institution(), read_only=True) as tx:
        house.at(tx).registry.class_run(ClassRunId(class_run))


def _owner(visit: StaffVisit) -> Owner:
    if visit.role == "institution":
        return Owner(institution=visit.own_institution())
    return Owner(division_code=own_area(visit))


def _without_class_run() -> dict[str, str]:
    return {kind: name for kind, name in OF_AUTHORITY.items() if kind not in NEEDS_CLASS_RUN}


def _home(visit: StaffVisit) -> str:
    return "authority.home" if visit.role == "authority" else "institution.home"


def _title(house: House, visit: StaffVisit) -> str:
    return area_name(house, own_area(visit)) if visit.role == "authority" else _("本机构")


def _back(visit: StaffVisit) -> AnyResponse:
    return redirect(url_for(f"list_exports.show_{visit.role}"), code=303)
