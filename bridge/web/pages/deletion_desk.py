"""Answering a learner's request for deletion: what will go and what stays is shown first, and two people answer."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.deletion_requests import DeletionRequest
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.deletion import carry_out, deletion_plan, propose_answer, said_in_words

_MAX_TYPED = 64
PURPOSE = "institution.deletion"


def deletion_desk_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/privacy/deletions/<id>`."""
    pages = Blueprint("deletion_desk", __name__, url_prefix="/institution/privacy/deletions/<request_id>")

    def page(request_id: str, status: int = 200, **form: Any) -> AnyResponse:
        visit = staff_visit()
        with house.uow.for_institution(visit.own_institution()) as tx:
            stations = house.at(tx)
            asked = stations.deletion_requests.get(request_id[:_MAX_TYPED])
            person = stations.identity.disclose(
                asked.learner, purpose=PURPOSE, recipient=visit.login, by=visit.staff_id
            ).masked()
            plan = None if asked.handled_at is not None else deletion_plan(house, tx, asked.learner)
            titles: dict[str, str] = {run.id: run.title for run in stations.registry_store.class_runs()}
        shown = render_template(
            "institution/deletion.html",
            asked=asked,
            person=person,
            plan=plan,
            lines=said_in_words(asked.said if plan is None else plan.to_json(), titles),
            logins=_logins(asked),
            visit=visit,
            **form,
        )
        return make_response(shown, status)

    def _logins(asked: DeletionRequest) -> dict[str, str]:
        by: Sequence[str] = [one for one in (asked.proposed_by, asked.handled_by) if one is not None]
        with house.uow.across_institutions("logins of who answers a deletion request", read_only=True) as tx:
            found = {one: house.at(tx).staff.by_id(one) for one in by}
        return {one: account.login for one, account in found.items() if account is not None}

    @pages.get("")
    @require_role("institution")
    def show(request_id: str) -> AnyResponse:
        return page(request_id)

    @pages.post("/propose")
    @require_role("institution")
    @rate_limited("20 per minute")
    def propose(request_id: str) -> AnyResponse:
        visit = staff_visit()
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                propose_answer(house, tx, request_id[:_MAX_TYPED], _shown(), visit.staff_id)
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(request_id, 409, wrong=refused.message)
        flash(_("已提出，等待另一名工作人员核对并确认。"))
        return redirect(url_for("deletion_desk.show", request_id=request_id), code=303)

    @pages.post("/confirm")
    @require_role("institution")
    @rate_limited("20 per minute")
    def confirm(request_id: str) -> AnyResponse:
        visit = staff_visit()
        try:
            with house.uow.for_institution(visit.own_institution()) as tx:
                carry_out(house, tx, request_id[:_MAX_TYPED], _shown(), visit.staff_id)
        except (InvalidInput, NotPermitted) as refused:
            if refused.http_status == 404:
                raise
            return page(request_id, refused.http_status, wrong=refused.message)
        flash(_("已按下列内容处理，学员在“我的数据”页面可以看到。"))
        return redirect(url_for("deletion_desk.show", request_id=request_id), code=303)

    return pages


def _shown() -> str:
    return request.form.get("shown", "")[:_MAX_TYPED]
