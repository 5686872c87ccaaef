"""Signing in by the province's unified login: out with a one-time state, back to one fixed address.

State and verifier lie in the session of the browser that began: an answer that was begun elsewhere, or comes twice,
or comes of another server, signs nobody in. Where one goes afterwards is never read from the answer.
"""

import hmac
import secrets

import structlog
from flask import Blueprint, Flask, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import BridgeError
from bridge.web.pages.staff import begin, home_of, signed_in
from bridge.web.security import own_path, rate_limited
from bridge.wiring import House

log = structlog.get_logger()

_BEGUN = "province_login"
_WAITS_SECONDS = 600
_MAX = 2048
FACTOR = "province"
"""How a session was proved whose second factor is the province's."""


def province_login_pages(house: House) -> Blueprint:
    """Return the blueprint of `/sign-in/province`."""
    pages = Blueprint("province_login", __name__, url_prefix="/sign-in/province")
    chosen = house.province_settings

    def redirect_uri() -> str:
        return house.settings.public_url + url_for("province_login.come_back")

    def refused(why: str, sentence: str, status: int = 422) -> AnyResponse:
        log.info("province_login_refused", reason=why)
        return make_response(render_template("staff/sign_in.html", login="", wrong=sentence), status)

    @pages.get("")
    @rate_limited("20 per minute", methods=("GET",))
    def go() -> AnyResponse:
        if not chosen.on:
            return redirect(url_for("staff.sign_in"), code=303)
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        session[_BEGUN] = {
            "state": state,
            "verifier": verifier,
            "since": house.clock.now().timestamp(),
            "target": own_path(request.args.get("next")),
        }
        where = house.province_login.address(state=state, verifier=verifier, redirect_uri=redirect_uri())
        return redirect(where, code=303)

    @pages.get("/callback")
    @rate_limited("20 per minute", methods=("GET",))
    def come_back() -> AnyResponse:
        begun = session.pop(_BEGUN, None)
        state, code = (request.args.get(name, "")[:_MAX] for name in ("state", "code"))
        if not chosen.on or not isinstance(begun, dict):
            return refused("not_begun_here", _("登录已超时或不是在这个浏览器开始的，请重新登录。"))
        if house.clock.now().timestamp() > begun["since"] + _WAITS_SECONDS:
            return refused("too_late", _("登录已超时或不是在这个浏览器开始的，请重新登录。"))
        if not hmac.compare_digest(state.encode(), begun["state"].encode()):
            return refused("state_differs", _("登录已超时或不是在这个浏览器开始的，请重新登录。"))
        # RFC 9207: an answer of another server, to which this code was never meant to go.
        if request.args.get("iss", "")[:_MAX] != chosen.issuer:
            return refused("issuer_differs", _("登录回应不是来自统一身份认证，请重新登录。"))
        if request.args.get("error") or not code:
            return refused("not_granted", _("没有完成统一身份认证，请重新登录。"))
        try:
            subject = house.province_login.subject(
                code=code, verifier=begun["verifier"], redirect_uri=redirect_uri()
            )
        except BridgeError as error:
            return refused(error.reason, error.message, error.http_status)
        with house.uow.across_institutions("sign in by the province's identity") as tx:
            account = house.province_logins(tx).account(subject)
        if account is None:
            return refused(
                "not_on_the_list", _("这个统一身份没有对应的账号，请联系管理员登记，或用账号和密码登录。")
            )
        if chosen.second_factor == "delegated":
            return begin(house, account, begun["target"] or home_of(account.role), factor=FACTOR)
        return signed_in(house, account, begun["target"])

    return pages


def register_province_login(app: Flask, house: House) -> None:
    """Give templates `province_login_title`: what the button says; empty where this way is off."""

    @app.template_global()
    def province_login_title() -> str:
        return house.province_settings.title if house.province_settings.on else ""
