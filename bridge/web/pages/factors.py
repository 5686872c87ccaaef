"""Setting up a second factor: an authenticator app by a QR code, a passkey, recovery codes that are shown once."""

import functools
from typing import Any, ParamSpec, cast

import segno
from flask import (
    Blueprint,
    flash,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.staff import StaffAccount
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.web.pages.staff import home_of
from bridge.web.pages.visitors import SURE_FOR, SURE_UNTIL, browser_words, caller, staff_visit
from bridge.web.security import View, rate_limited, require_role
from bridge.web.sessions import STAFF, WebSession, end_sessions_of_staff
from bridge.wiring import House

P = ParamSpec("P")
_MAX_TYPED = 200


def factor_pages(house: House) -> Blueprint:
    """Return the blueprint of `/account/factors`."""
    pages = Blueprint("factors", __name__, url_prefix="/account/factors")

    def account() -> StaffAccount:
        with house.uow.across_institutions("whose second factor", read_only=True) as tx:
            found = house.at(tx).staff.by_id(staff_visit().staff_id)
        if found is None:
            raise NotPermitted("account_shut", "这个账号已停用。")
        return found

    def sure(view: View[P]) -> View[P]:
        """Ask for the password first, unless it was typed a moment ago."""

        @functools.wraps(view)
        def asked(*args: P.args, **kwargs: P.kwargs) -> str | AnyResponse:
            if session.get(SURE_UNTIL, 0) > house.clock.now().timestamp():
                return view(*args, **kwargs)
            if request.is_json:
                raise NotPermitted("password_first", "请刷新页面,再输入一次密码。")
            return redirect(url_for("factors.be_sure"), code=303)

        return asked

    def shown_once(codes: tuple[str, ...]) -> AnyResponse:
        return make_response(
            render_template("staff/recovery_codes.html", codes=codes, home=home_of(staff_visit().role))
        )

    def in_use(how: str) -> None:
        """Note in this session how it was proved; end those that were not."""
        session["factor"] = session.get("factor") or how
        here = cast(WebSession, session).row_id
        with house.uow.across_institutions("sessions without a second factor") as tx:
            end_sessions_of_staff(tx, staff_visit().staff_id, keep=here)

    @pages.route("/password", methods=["GET", "POST"])
    @require_role(*STAFF, factor=False)
    @rate_limited("10 per minute")
    def be_sure() -> AnyResponse:
        wrong = None
        if request.method == "POST":
            typed = request.form.get("password", "")[:_MAX_TYPED]
            decision = house.sign_in.with_password(staff_visit().login, typed, caller())
            if decision.value is not None:
                session[SURE_UNTIL] = (house.clock.now() + SURE_FOR).timestamp()
                return redirect(url_for("account.show", _anchor="factors"), code=303)
            wrong = decision.reasons[0].sentence_zh
        shown = render_template("staff/be_sure.html", wrong=wrong, visit=staff_visit())
        return make_response(shown, 422 if wrong else 200)

    @pages.post("/app")
    @require_role(*STAFF, factor=False)
    @sure
    def begin_app() -> AnyResponse:
        house.second_factors.begin_app(account(), browser_words(request.user_agent.string))
        return redirect(url_for("factors.show_app"), code=303)

    def app_page(status: int = 200, wrong: str | None = None) -> AnyResponse:
        new = house.second_factors.waiting_app(account())
        if new is None:
            return redirect(url_for("account.show", _anchor="factors"), code=303)
        drawn = segno.make(new.address, micro=False, error="m").svg_inline(scale=5, border=4, omitsize=True)
        groups = [new.secret[at : at + 4] for at in range(0, len(new.secret), 4)]
        shown = render_template("staff/new_app.html", qr=_drawn(drawn), groups=groups, wrong=wrong)
        return make_response(shown, status)

    @pages.get("/app")
    @require_role(*STAFF, factor=False)
    @sure
    def show_app() -> AnyResponse:
        return app_page()

    @pages.post("/app/confirm")
    @require_role(*STAFF, factor=False)
    @rate_limited("10 per minute")
    @sure
    def confirm_app() -> AnyResponse:
        try:
            codes = house.second_factors.confirm_app(account(), request.form.get("code", "")[:40])
        except InvalidInput as refused:
            return app_page(422, refused.message)
        in_use("app")
        if codes:
            return shown_once(codes)
        flash(_("验证器已启用。"))
        return redirect(url_for("account.show", _anchor="factors"), code=303)

    @pages.post("/passkey/options")
    @require_role(*STAFF, factor=False)
    @rate_limited("30 per minute")
    @sure
    def ask_for_passkey() -> AnyResponse:
        challenge, options = house.passkeys.ask_to_register(account())
        session["passkey_challenge"] = challenge
        return jsonify(options)

    @pages.post("/passkey")
    @require_role(*STAFF, factor=False)
    @rate_limited("30 per minute")
    @sure
    def add_passkey() -> AnyResponse:
        answer: Any = request.get_json(silent=True)
        house.passkeys.register(
            account(),
            cast(str, session.pop("passkey_challenge", "")),
            answer if isinstance(answer, dict) else {},
            browser_words(request.user_agent.string),
        )
        in_use("passkey")
        flash(_("通行密钥已启用。"))
        # Codes are shown once, by a page that the script asks for with the form of new codes.
        first = house.second_factors.codes_left(staff_visit().staff_id) == 0
        return jsonify({"next": url_for("account.show", _anchor="factors"), "codes": first})

    @pages.post("/codes")
    @require_role(*STAFF, factor=False)
    @sure
    def new_codes() -> AnyResponse:
        return shown_once(house.second_factors.new_codes(account()))

    @pages.post("/<factor_id>/remove")
    @require_role(*STAFF, factor=False)
    @sure
    def remove(factor_id: str) -> AnyResponse:
        gone = house.second_factors.remove(account(), factor_id)
        if not house.second_factors.of(staff_visit().staff_id):
            session.pop("factor", None)
        flash(_("已移除。") if gone else _("已经移除过了。"))
        return redirect(url_for("account.show", _anchor="factors"), code=303)

    return pages


def _drawn(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704  # segno draws paths; nothing of it is typed by anybody
