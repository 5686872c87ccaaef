"""Signing in and out, and accepting an invitation."""

from datetime import timedelta

from flask import Blueprint, current_app, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.staff import StaffAccount
from bridge.kernel.errors import InvalidInput
from bridge.web.pages.visitors import KNOWN_BROWSER, caller, end_session, start_staff_session
from bridge.web.security import own_path, rate_limited
from bridge.web.sessions import STAFF, end_sessions_of_staff
from bridge.wiring import House

_MAX_TYPED = 200
_KNOWN_FOR = timedelta(days=180)
WAITING = "second_step"
"""What a session holds of who gave a right password and has not proved the second factor yet."""
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
        decision = house.sign_in.with_password(login, request.form.get("password", "")[:_MAX_TYPED], caller())
        if decision.value is None:
            wrong = decision.reasons[0].sentence_zh
            return make_response(render_template("staff/sign_in.html", login=login, wrong=wrong), 422)
        return signed_in(house, decision.value, target)

    @pages.post("/sign-out")
    def sign_out() -> AnyResponse:
        end_session()
        return redirect(url_for("home.welcome"), code=303)

    @pages.route("/invite/<token>", methods=["GET", "POST"])
    @rate_limited("10 per minute")
    def accept(token: str) -> AnyResponse:
        least = house.settings.password_length

        def page(wrong: str | None, status: int = 200) -> AnyResponse:
            return make_response(render_template("staff/invite.html", wrong=wrong, least=least), status)

        if request.method == "GET":
            return page(None)
        password = request.form.get("password", "")
        if password != request.form.get("again", ""):
            return page(_("两次输入的密码不一样，请重新输入。"), 422)
        try:
            with house.uow.across_institutions("accept an invitation") as tx:
                account = house.at(tx).staff.accept(token[:_MAX_TYPED], password[:_MAX_TYPED])
                # Whoever came in with a password that was forgotten or stolen leaves with it.
                end_sessions_of_staff(tx, account.id)
        except InvalidInput as refused:
            return page(refused.message, 422)
        house.sign_in.unlock(account)
        return signed_in(house, account, None)

    @pages.app_context_processor
    def who() -> dict[str, object]:
        role = session.get("role")
        return {"signed_in_as": session.get("login") if role in STAFF else None, "role": role}

    return pages


def signed_in(house: House, account: StaffAccount, target: str | None) -> AnyResponse:
    """Answer who gave a right password: with where they go, or with the second step if they have one."""
    if not house.second_factors.of(account.id):
        return begin(house, account, target or home_of(account.role), factor=None)
    end_session()
    # With the account's id, so that it ends with the account's sessions; without a role, so that it opens nothing.
    session["staff_id"] = account.id
    session[WAITING] = {"since": house.clock.now().timestamp(), "target": target}
    return redirect(url_for("second_step.show"), code=303)


def begin(house: House, account: StaffAccount, target: str, *, factor: str | None) -> AnyResponse:
    """Begin the session of who has proved who they are; the browser is known from now on."""
    start_staff_session(account, factor, house.clock.now())
    answer = redirect(target, code=303)
    know_browser(house, answer, account.id)
    return answer


def know_browser(house: House, answer: AnyResponse, account_id: str) -> None:
    """Have the browser be known again when it tries to sign in."""
    answer.set_cookie(
        KNOWN_BROWSER,
        house.sign_in.known_browser(account_id),
        max_age=int(_KNOWN_FOR.total_seconds()),
        httponly=True,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        samesite="Lax",
    )


def home_of(role: str) -> str:
    """Return the address where somebody of this role begins."""
    return url_for(_HOME_OF.get(role, "home.welcome"))
