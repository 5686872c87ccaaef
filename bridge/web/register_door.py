"""The door `/lti/register`: an invited LMS opens it in a frame or a window, and registers itself.

It needs no form token and looks at no session: the one-time invitation in the address is what admits. Nothing is
fetched before it is taken, and what is fetched goes through the guarded client.
"""

from urllib.parse import urlencode

from flask import Blueprint, abort, make_response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from bridge.registry.lti_form import page_origin
from bridge.registry.lti_office import REGISTER_PATH
from bridge.web.security import let_frame, rate_limited
from bridge.wiring import House
from lti.errors import ServiceFailed

_MAX_TOKEN = 200
_BAD_GATEWAY, _UNPROCESSABLE = 502, 422


def register_door(house: House) -> Blueprint:
    """Return the blueprint of `/lti/register`."""
    door = Blueprint("register", __name__)

    @door.get(REGISTER_PATH)
    @rate_limited("20 per minute", methods=("GET",))
    def register() -> AnyResponse:
        if request.method != "GET":
            # A HEAD would do the work and show nobody what came of it.
            abort(405)
        if any(len(request.args.getlist(name)) > 1 for name in request.args):
            raise InvalidInput("parameter_repeated", "登记链接中有重复的参数,请在学习平台重新打开。")
        token = request.args.get("invitation", "")[:_MAX_TOKEN]
        if "openid_configuration" not in request.args:
            return _explained(house, token)
        try:
            done = house.self_registration.run(token, request.args.to_dict())
        except ServiceFailed as failed:
            status = _UNPROCESSABLE if failed.permanent else _BAD_GATEWAY
            return _not_registered(failed.reason, failed.message_zh, status)
        except InvalidInput as refused:
            # Whoever is not invited gets no page that another site may hold in a frame.
            if refused.reason == "invitation_invalid":
                raise
            return _not_registered(refused.reason, refused.message, refused.http_status)
        _show_to_platform()
        page = render_template(
            "platforms/registered.html",
            platform=done.platform,
            tool=done.tool,
            steps=done.tool.pending_steps_zh,
        )
        return make_response(page, 201)

    return door


def _explained(house: House, token: str) -> AnyResponse:
    """Answer who opened the link in a browser instead of giving it to the LMS; the invitation stays good."""
    if not house.self_registration.is_invited(token):
        raise InvalidInput(
            "invitation_invalid",
            "登记链接无效、已使用或已过期。请联系培训机构在安学桥中重新生成。",
            http_status=403,
        )
    # Not the address of the request: a proxy ends TLS, and a Host header is the sender's word.
    link = f"{house.settings.public_url}{REGISTER_PATH}?{urlencode({'invitation': token})}"
    return make_response(render_template("platforms/how_to_register.html", link=link))


def _not_registered(reason: str, message: str, status: int) -> AnyResponse:
    _show_to_platform()
    page = render_template("platforms/not_registered.html", reason=reason, message=message)
    return make_response(page, status)


def _show_to_platform() -> None:
    try:
        let_frame(page_origin(request.args["openid_configuration"]))
    except ValueError:
        return  # no address, so no page of it can hold this one
