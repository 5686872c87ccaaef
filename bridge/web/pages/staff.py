"""Signing in and out, and accepting an invitation."""

from flask import Blueprint, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.web.pages.visitors import end_session, start_staff_session
from bridge.web.security import own_path, rate_limited
from bridge.wiring import House

_MAX_TYPED = 200
_HOME_OF = {
    "institution": "institution.home",
    "administrator": "institution.home",
    "authority": "authority.home",
}


def staff_pages(house: House) -> Blueprint:
    """Return the blueprint of `/sign-in`, `/sign-out` and `/invite/<token>`."""
    pages = Blueprint("staff", __name__)

    @pages.route("/sign-in", methods=["GET", "POST"])
    @rate_limited("30 per minute")
    def sign_in() -> AnyResponse:
        target = own_path(request.args.get("next"))
        if request.method == "GET":
            return make_response(render_template("staff/sign_in.html", login="", wrong=None))
        login = request.form.get("login", "")[:_MAX_TYPED]
        with house.uow.across_institutions("sign in") as tx:
            decision = house.at(tx).staff.sign_in(login, request.form.get("password", "")[:_MAX_TYPED])
        if decision.value is None:
            wrong = decision.reasons[0].sentence_zh
            return make_response(render_template("staff/sign_in.html", login=login, wrong=wrong), 422)
        start_staff_session(decision.value)
        return redirect(target or home_of(decision.value.role), code=303)

    @pages.post("/sign-out")
    def sign_out() -> AnyResponse:
        end_session()
        return redirect(url_for("home.welcome"), code=303)

    @pages.route("/invite/<token>", methods=["GET", "POST"])
    @rate_limited("10 per minute")
    def accept(token: str) -> AnyResponse:
        if request.method == "GET":
            return make_response(render_template("staff/invite.html", wrong=None))
        password = request.form.get("password", "")
        if password != request.form.get("again", ""):
            wrong = _("两次输入的密码不一样，请重新输入。")
            return make_response(render_template("staff/invite.html", wrong=wrong), 422)
        try:
            with house.uow.across_institutions("accept an invitation") as tx:
                account = house.at(tx).staff.accept(token[:_MAX_TYPED], password[:_MAX_TYPED])
        except InvalidInput as refused:
            return make_response(render_template("staff/invite.html", wrong=refused.message), 422)
        start_staff_session(account)
        return redirect(home_of(account.role), code=303)

    @pages.app_context_processor
    def who() -> dict[str, object]:
        role = session.get("role")
        signed_in = role not in (None, "visitor", "learner")
        return {"signed_in_as": session.get("login") if signed_in else None, "role": role}

    return pages


def home_of(role: str) -> str:
    """Return the address where somebody of this role begins."""
    return url_for(_HOME_OF.get(role, "home.welcome"))
