"""The second step of signing in: a code of the app, a recovery code, or a passkey. Until then nobody is signed in."""

from typing import cast

from flask import Blueprint, jsonify, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.sign_in import Counted, blocked
from bridge.identity.staff import StaffAccount
from bridge.kernel.errors import InvalidInput
from bridge.web.pages.staff import WAITING, begin, home_of
from bridge.web.pages.visitors import caller, end_session
from bridge.web.security import rate_limited
from bridge.wiring import House

_WAITS_SECONDS = 600
_MAX_TYPED = 40


def second_step_pages(house: House) -> Blueprint:
    """Return the blueprint of `/sign-in/second`."""
    pages = Blueprint("second_step", __name__, url_prefix="/sign-in/second")

    def waiting() -> StaffAccount | None:
        """Return who gave a right password in this session lately, and has not been shut since."""
        said = session.get(WAITING)
        if not isinstance(said, dict) or house.clock.now().timestamp() > said["since"] + _WAITS_SECONDS:
            return None
        with house.uow.across_institutions("the second step of signing in", read_only=True) as tx:
            return house.at(tx).staff.by_id(session["staff_id"])

    def counted(account: StaffAccount) -> Counted:
        tried = house.sign_in.second_try(account, caller())
        if not isinstance(tried, Counted):
            refused = blocked(tried).reasons[0]
            raise InvalidInput(refused.code, refused.sentence_zh, http_status=429)
        return tried

    def page(account: StaffAccount, status: int = 200, wrong: str | None = None) -> AnyResponse:
        kinds = {one.kind for one in house.second_factors.of(account.id)}
        shown = render_template("staff/second_step.html", kinds=kinds, wrong=wrong)
        return make_response(shown, status)

    def proved(account: StaffAccount, how: str) -> AnyResponse:
        target = session[WAITING]["target"]
        return begin(house, account, target or home_of(account.role), factor=how)

    def back() -> AnyResponse:
        end_session()
        return redirect(url_for("staff.sign_in"), code=303)

    @pages.get("")
    def show() -> AnyResponse:
        account = waiting()
        return back() if account is None else page(account)

    @pages.post("")
    @rate_limited("30 per minute")
    def give_code() -> AnyResponse:
        account = waiting()
        if account is None:
            return back()
        try:
            tried = counted(account)
        except InvalidInput as refused:
            return page(account, 422, refused.message)
        how = house.second_factors.code_is_right(account, request.form.get("code", "")[:_MAX_TYPED])
        if how is None:
            return page(account, 422, _("验证码不对或已经用过，请输入最新的 6 位数字。"))
        house.sign_in.forgive(tried)
        return proved(account, how)

    @pages.post("/passkey/options")
    @rate_limited("30 per minute")
    def ask_for_passkey() -> AnyResponse:
        account = waiting()
        if account is None:
            raise _over()
        challenge, options = house.passkeys.ask(account)
        session[WAITING] = {**session[WAITING], "challenge": challenge}
        return jsonify(options)

    @pages.post("/passkey")
    @rate_limited("30 per minute")
    def give_passkey() -> AnyResponse:
        account = waiting()
        if account is None:
            raise _over()
        tried = counted(account)
        answer = request.get_json(silent=True)
        challenge = cast(str, session[WAITING].get("challenge", ""))
        house.passkeys.prove(account, challenge, answer if isinstance(answer, dict) else {})
        house.sign_in.forgive(tried)
        return jsonify({"next": proved(account, "passkey").location})

    return pages


def _over() -> InvalidInput:
    return InvalidInput("second_step_over", "登录等待已超时,请重新输入账号和密码。", http_status=403)
