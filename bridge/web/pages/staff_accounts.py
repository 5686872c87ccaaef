"""Accounts of staff, for administrators: who waits after wrong tries, a new invitation, shutting an account."""

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.second_factors import reset
from bridge.kernel.errors import InvalidInput
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.web.sessions import end_sessions_of_staff
from bridge.wiring import House


def staff_account_pages(house: House) -> Blueprint:
    """Return the blueprint of `/administration/staff`."""
    pages = Blueprint("staff_accounts", __name__, url_prefix="/administration/staff")

    def page(status: int = 200, **more: object) -> AnyResponse:
        with house.uow.across_institutions("all accounts of staff", read_only=True) as tx:
            accounts = house.at(tx).staff.all()
        waiting = house.sign_in.waiting([one.account for one in accounts])
        more["secured"] = house.second_factors.owners()
        shown = render_template(
            "staff/accounts.html",
            accounts=accounts,
            waiting=waiting,
            divisions=house.divisions,
            visit=staff_visit(),
            **more,
        )
        return make_response(shown, status)

    @pages.get("")
    @require_role("administrator")
    def show() -> AnyResponse:
        return page()

    @pages.post("/<account_id>/unlock")
    @require_role("administrator")
    @rate_limited("30 per minute")
    def unlock(account_id: str) -> AnyResponse:
        with house.uow.across_institutions("whose account to unlock", read_only=True) as tx:
            account = house.at(tx).staff.by_id(account_id)
        if account is None:
            raise InvalidInput("staff_unknown", "没有这个账号,请刷新后重试。", http_status=404)
        house.sign_in.unlock(account)
        flash(_("已解除等待。"))
        return redirect(url_for("staff_accounts.show"), code=303)

    @pages.post("/<account_id>/invite")
    @require_role("administrator")
    @rate_limited("30 per minute")
    def invite_again(account_id: str) -> AnyResponse:
        with house.uow.across_institutions("invite somebody again") as tx:
            invitation = house.at(tx).staff.invite_again(account_id)
            end_sessions_of_staff(tx, account_id)
        return page(invited=invitation, url=f"{house.settings.public_url}/invite/{invitation.token}")

    @pages.post("/<account_id>/disable")
    @require_role("administrator")
    @rate_limited("30 per minute")
    def disable(account_id: str) -> AnyResponse:
        if account_id == staff_visit().staff_id:
            return page(422, wrong=_("不能停用自己的账号，请由另一位管理员操作。"))
        if request.form.get("checked") != "1":
            return page(422, wrong=_("请先勾选确认，再停用账号。"))
        with house.uow.across_institutions("shut an account") as tx:
            house.at(tx).staff.disable(account_id)
            end_sessions_of_staff(tx, account_id)
        flash(_("账号已停用，所有登录都已退出。"))
        return redirect(url_for("staff_accounts.show"), code=303)

    @pages.post("/<account_id>/reset-second-factor")
    @require_role("administrator")
    @rate_limited("30 per minute")
    def reset_second_factor(account_id: str) -> AnyResponse:
        if account_id == staff_visit().staff_id:
            return page(422, wrong=_("不能重置自己的两步验证，请由另一位管理员操作。"))
        if request.form.get("checked") != "1":
            return page(422, wrong=_("请先勾选确认，再重置两步验证。"))
        with house.uow.across_institutions("take away lost second factors") as tx:
            reset(tx.session, account_id)
            end_sessions_of_staff(tx, account_id)
        flash(_("两步验证已清除，所有登录都已退出；本人用密码登录后重新设置。"))
        return redirect(url_for("staff_accounts.show"), code=303)

    return pages
