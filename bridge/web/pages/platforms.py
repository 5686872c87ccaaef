"""Learning platforms (LTI): the list, one platform, and what its institution or an administrator does with it."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Flask, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import RegistrationId
from bridge.registry.lti_invitations import MAX_TRIES
from bridge.registry.lti_model import DeploymentStatus, FieldsInvalid, Platform
from bridge.registry.lti_office import PlatformOffice, PlatformStaff
from bridge.registry.lti_wording import (
    ADDRESS_ZH,
    DEPLOYMENT_STATUS_ZH,
    KEY_STATE_ZH,
    STEP_ZH,
    status_words,
    warning_sentence,
)
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House

_MAX_TYPED = 2000
_DECISIONS: Mapping[str, DeploymentStatus] = {"approve": "approved", "refuse": "refused"}
_OPEN_AT_FIRST = {"kind": "moodle", "algorithm": "RS256"}


def platform_pages(house: House) -> Blueprint:
    """Return the blueprint of `/platforms…`."""
    pages = Blueprint("platforms", __name__, url_prefix="/platforms")
    for add in (_list_pages, _form_pages, _one_platform, _move_pages):
        add(pages, house)
    return pages


def register_platform_wording(app: Flask) -> None:
    """Give the templates the words of platforms as filters."""
    for name, words in (
        ("step_name", STEP_ZH),
        ("deployment_status", DEPLOYMENT_STATUS_ZH),
        ("key_state", KEY_STATE_ZH),
        ("address_name", ADDRESS_ZH),
    ):
        app.add_template_filter(lambda code, words=words: words.get(str(code), str(code)), name)
    app.add_template_filter(status_words, "status_words")
    app.add_template_filter(warning_sentence, "warning_sentence")


def _list_pages(pages: Blueprint, house: House) -> None:
    @pages.get("")
    @require_role("institution", "administrator")
    def home() -> AnyResponse:
        staff, office = _staff(), house.platform_office
        names = dict(office.institutions(staff))
        page = render_template(
            "platforms/home.html",
            platforms=office.platforms(staff),
            copies=Counter(one.registration for one in office.course_copies(staff)),
            invitations=office.invitations(staff),
            tries=MAX_TRIES,
            names=names,
            operator=staff.is_operator,
            keys=office.tool_keys(staff) if staff.is_operator else (),
        )
        return make_response(page)

    @pages.post("/invitations/<invitation>/revoke")
    @require_role("institution", "administrator")
    @rate_limited("30 per minute")
    def revoke_invitation(invitation: str) -> AnyResponse:
        house.platform_office.revoke_invitation(_staff(), invitation)
        flash(_("已撤回登记链接，不能再用它登记。"))
        return redirect(url_for("platforms.home", _anchor="invitations"), code=303)

    @pages.post("/tool-keys")
    @require_role("administrator")
    @rate_limited("10 per minute")
    def rotate_tool_key() -> AnyResponse:
        at_once = bool(request.form.get("at_once"))
        made = house.platform_office.rotate_tool_key(_staff(), at_once=at_once)
        flash(
            _("旧密钥已全部停用，新密钥已经启用。")
            if at_once
            else _("新密钥已公布，将自动启用：%(kid)s", kid=made.kid)
        )
        return redirect(url_for("platforms.home", _anchor="tool-keys"), code=303)


def _form_pages(pages: Blueprint, house: House) -> None:
    def form(template: str, status: int = 200, **more: Any) -> AnyResponse:
        staff, office = _staff(), house.platform_office
        given: dict[str, Any] = {"typed": _OPEN_AT_FIRST, "wrong": {}, "refused": None, **more}
        page = render_template(
            template,
            institutions=office.institutions(staff),
            values=office.values(),
            operator=staff.is_operator,
            demonstration_allowed=office.demonstration,
            **given,
        )
        return make_response(page, status)

    @pages.route("/new", methods=["GET", "POST"])
    @require_role("institution", "administrator")
    @rate_limited("30 per minute")
    def register() -> AnyResponse:
        if request.method == "GET":
            return form("platforms/new.html")
        typed = _typed()
        fields = {**typed, "moodle": "on" if typed.get("kind") == "moodle" else ""}
        try:
            registered = house.platform_office.register(_staff(), typed.get("institution"), fields)
        except FieldsInvalid as refused:
            return form("platforms/new.html", 422, typed=typed, wrong=refused.fields)
        except InvalidInput as refused:
            return form("platforms/new.html", refused.http_status, typed=typed, refused=refused.message)
        # Not a redirect: the secret stands on this one answer and nowhere else.
        page = render_template(
            "platforms/secret.html",
            platform=registered.platform,
            secret=registered.webhook_secret,
            values=house.platform_office.values(registered.platform.id),
            new=True,
        )
        return make_response(page, 201)

    @pages.route("/invitations", methods=["GET", "POST"])
    @require_role("institution", "administrator")
    @rate_limited("30 per minute")
    def invite() -> AnyResponse:
        if request.method == "GET":
            return form("platforms/invite.html")
        typed = _typed()
        try:
            link = house.platform_office.invite(
                _staff(),
                typed.get("institution"),
                private_hosts=typed.get("private_hosts", ""),
                issuer=typed.get("issuer", ""),
            )
        except FieldsInvalid as refused:
            return form("platforms/invite.html", 422, typed=typed, wrong=refused.fields)
        page = render_template("platforms/invited.html", link=link.url, until=link.invitation.expires_at)
        return make_response(page, 201)


def _one_platform(pages: Blueprint, house: House) -> None:
    def page(registration: str, status: int = 200, **more: Any) -> AnyResponse:
        return _page(house, registration, status, **more)

    def act(
        registration: str, do: Callable[[PlatformOffice, PlatformStaff, RegistrationId], None], done: str
    ) -> AnyResponse:
        try:
            do(house.platform_office, _staff(), RegistrationId(registration))
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(registration, refused.http_status, refused=refused.message)
        flash(done)
        return redirect(url_for("platforms.show", registration=registration), code=303)

    @pages.get("/<registration>")
    @require_role("institution", "administrator")
    def show(registration: str) -> AnyResponse:
        return page(registration)

    @pages.post("/<registration>/deployments")
    @require_role("institution", "administrator")
    @rate_limited("60 per minute")
    def decide(registration: str) -> AnyResponse:
        status = _DECISIONS.get(request.form.get("decision", ""))
        if status is None:
            raise InvalidInput("decision_unknown", "请选择批准或拒绝。", http_status=422)
        deployment = request.form.get("deployment_id", "")[:_MAX_TYPED].strip()
        done = _("已批准，下一次进入即可通过。") if status == "approved" else _("已拒绝。")
        return act(
            registration, lambda office, staff, one: office.decide(staff, one, deployment, status), done
        )

    @pages.post("/<registration>/test")
    @require_role("institution", "administrator")
    @rate_limited("10 per minute")
    def test(registration: str) -> AnyResponse:
        try:
            findings = house.platform_office.test_connection(_staff(), RegistrationId(registration))
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(registration, refused.http_status, refused=refused.message)
        return page(registration, findings=findings)

    @pages.post("/<registration>/secret")
    @require_role("institution", "administrator")
    @rate_limited("10 per minute")
    def secret(registration: str) -> AnyResponse:
        office, staff, one = house.platform_office, _staff(), RegistrationId(registration)
        if request.form.get("finish"):
            done = _("已结束过渡，只接受当前密钥。")
            return act(
                registration, lambda office, staff, one: office.finish_secret_rotation(staff, one), done
            )
        try:
            made = office.rotate_secret(staff, one)
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return page(registration, refused.http_status, refused=refused.message)
        shown = render_template(
            "platforms/secret.html",
            platform=office.platform(staff, one),
            secret=made,
            values=office.values(one),
            new=False,
        )
        return make_response(shown)

    @pages.post("/<registration>/status")
    @require_role("institution", "administrator")
    @rate_limited("30 per minute")
    def set_status(registration: str) -> AnyResponse:
        enabled = request.form.get("enabled") == "1"
        done = _("已启用。") if enabled else _("已停用。")
        return act(
            registration, lambda office, staff, one: office.set_enabled(staff, one, enabled=enabled), done
        )

    @pages.post("/<registration>/private-hosts")
    @require_role("administrator")
    @rate_limited("30 per minute")
    def private_hosts(registration: str) -> AnyResponse:
        typed = request.form.get("private_hosts", "")[:_MAX_TYPED]
        done = _("已保存内网主机。")
        return act(
            registration, lambda office, staff, one: office.allow_private_hosts(staff, one, typed), done
        )


def _move_pages(pages: Blueprint, house: House) -> None:
    def form(registration: str, status: int = 200, **more: Any) -> AnyResponse:
        given: dict[str, Any] = {"typed": {}, "wrong": {}, "refused": None, "preview": None, **more}
        platform = house.platform_office.platform(_staff(), RegistrationId(registration))
        return make_response(render_template("platforms/move.html", platform=platform, **given), status)

    @pages.route("/<registration>/move", methods=["GET", "POST"])
    @require_role("institution", "administrator")
    @rate_limited("30 per minute")
    def move(registration: str) -> AnyResponse:
        if request.method == "GET":
            return form(registration)
        office, staff, one, typed = house.platform_office, _staff(), RegistrationId(registration), _typed()
        preview = None
        try:
            preview = office.preview_move(staff, one, typed)
            if not typed.get("meant"):
                return form(registration, typed=typed, preview=preview)
            office.move(staff, one, typed, reason=typed.get("reason", ""))
        except FieldsInvalid as refused:
            return form(registration, 422, typed=typed, wrong=refused.fields)
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return form(
                registration, refused.http_status, typed=typed, preview=preview, refused=refused.message
            )
        flash(_("已迁移。账号、学员和学时都保留；原地址不再接受。"))
        return redirect(url_for("platforms.show", registration=registration, _anchor="moves"), code=303)

    @pages.post("/<registration>/move/undo")
    @require_role("institution", "administrator")
    @rate_limited("30 per minute")
    def undo_move(registration: str) -> AnyResponse:
        try:
            house.platform_office.undo_move(_staff(), RegistrationId(registration))
        except InvalidInput as refused:
            if refused.http_status == 404:
                raise
            return _page(house, registration, refused.http_status, refused=refused.message)
        flash(_("已撤销迁移，恢复到原来的地址。"))
        return redirect(url_for("platforms.show", registration=registration, _anchor="moves"), code=303)


def _page(house: House, registration: str, status: int = 200, **more: Any) -> AnyResponse:
    staff, office = _staff(), house.platform_office
    platform: Platform = office.platform(staff, RegistrationId(registration))
    given: dict[str, Any] = {"refused": None, "findings": (), **more}
    shown = render_template(
        "platforms/show.html",
        platform=platform,
        values=office.values(platform.id),
        institution=dict(office.institutions(staff)).get(platform.institution_id, ""),
        operator=staff.is_operator,
        copies=[one for one in office.course_copies(staff) if one.registration == platform.id],
        **given,
    )
    return make_response(shown, status)


def _staff() -> PlatformStaff:
    visit = staff_visit()
    if visit.role == "administrator":
        return PlatformStaff(visit.staff_id, None)
    return PlatformStaff(visit.staff_id, visit.own_institution())


def _typed() -> dict[str, str]:
    return {
        name: request.form.get(name, "")[:_MAX_TYPED].strip() for name in request.form if name != "csrf_token"
    }
