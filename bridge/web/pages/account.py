"""What staff do with their own account: another password, and where they are signed in."""

from typing import Any, cast

from flask import Blueprint, flash, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.web.pages.staff import home_of, know_browser
from bridge.web.pages.visitors import SURE_UNTIL, caller, staff_visit, start_staff_session
from bridge.web.security import rate_limited, require_role
from bridge.web.sessions import STAFF, SessionLimits, WebSession, end_sessions_of_staff, sessions_of_staff
from bridge.wiring import House

_MAX_TYPED = 200


def account_pages(house: House) -> Blueprint:
    """Return the blueprint of `/account`."""
    pages = Blueprint("account", __name__, url_prefix="/account")
    limits = SessionLimits.of_staff(house.settings)

    def page(status: int = 200, **more: Any) -> AnyResponse:
        visit = staff_visit()
        with house.uow.across_institutions("where somebody is signed in", read_only=True) as tx:
            sessions = sessions_of_staff(tx, visit.staff_id, limits)
        shown = render_template(
            "staff/account.html",
            visit=visit,
            sessions=sessions,
            here=cast(WebSession, session).row_id,
            limits=limits,
            least=house.settings.password_length,
            home=home_of(visit.role),
            factors=house.second_factors.of(visit.staff_id),
            codes_left=house.second_factors.codes_left(visit.staff_id),
            here_proved=bool(session.get("factor")),
            demanded=visit.role in house.settings.second_factor_roles,
            sure=session.get(SURE_UNTIL, 0) > house.clock.now().timestamp(),
            **more,
        )
        return make_response(shown, status)

    @pages.get("")
    @require_role(*STAFF, factor=False)
    def show() -> AnyResponse:
        return page()

    @pages.post("/password")
    @require_role(*STAFF, factor=False)
    @rate_limited("10 per minute")
    def change_password() -> AnyResponse:
        visit = staff_visit()
        new = request.form.get("password", "")[:_MAX_TYPED]
        if new != request.form.get("again", ""):
            return page(422, wrong=_("两次输入的新密码不一样，请重新输入。"))
        # Counted like a sign-in: a session that was left open must not be where passwords are guessed.
        old = request.form.get("old", "")[:_MAX_TYPED]
        decision = house.sign_in.with_password(visit.login, old, caller())
        if decision.value is None:
            refused = decision.reasons[0]
            wrong = (
                _("现在的密码不对，请重新输入。")
                if refused.code == "sign_in_refused"
                else refused.sentence_zh
            )
            return page(422, wrong=wrong)
        try:
            with house.uow.across_institutions("change a password") as tx:
                house.at(tx).staff.change_password(visit.staff_id, new)
                end_sessions_of_staff(tx, visit.staff_id)
        except InvalidInput as weak:
            return page(422, wrong=weak.message)
        start_staff_session(decision.value, session.get("factor"), house.clock.now())
        flash(_("密码已修改，其他地方的登录都已退出。"))
        answer = redirect(url_for("account.show"), code=303)
        know_browser(house, answer, visit.staff_id)
        return answer

    @pages.post("/sessions/<session_id>/end")
    @require_role(*STAFF, factor=False)
    def end_one(session_id: str) -> AnyResponse:
        with house.uow.across_institutions("sign out somewhere else") as tx:
            ended = end_sessions_of_staff(tx, staff_visit().staff_id, only=session_id)
        flash(_("已退出。") if ended else _("那里已经退出了。"))
        return redirect(url_for("account.show", _anchor="sessions"), code=303)

    @pages.post("/sessions/end-others")
    @require_role(*STAFF, factor=False)
    def end_others() -> AnyResponse:
        here = cast(WebSession, session).row_id
        with house.uow.across_institutions("sign out everywhere else") as tx:
            end_sessions_of_staff(tx, staff_visit().staff_id, keep=here)
        flash(_("其他地方的登录都已退出。"))
        return redirect(url_for("account.show", _anchor="sessions"), code=303)

    return pages
