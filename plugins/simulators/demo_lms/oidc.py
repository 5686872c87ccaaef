"""The platform's side of an LTI 1.3 launch: third-party login, authentication, signed id_token, key set.

Sources: LTI 1.3 core §5.1, 1EdTech Security Framework 1.0 §5.1, OpenID Connect Core 1.0 §3.2 (implicit flow).
"""

from collections.abc import Callable
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
)
from werkzeug.wrappers import Response as AnyResponse

from plugins.simulators.demo_lms.course import User
from plugins.simulators.demo_lms.desk import Desk, desk, signed_in_user
from plugins.simulators.demo_lms.names import (
    AGS_ENDPOINT,
    AGS_SCOPES,
    LTI,
    NOTICE_SCOPE,
    NOTICE_SERVICE,
    NOTICE_TYPES,
    NRPS_CLAIM,
    TARGET_LINK_URI,
)
from plugins.simulators.demo_lms.opening import Opening, send_to_tool

blueprint = Blueprint("oidc", __name__)

Forge = Callable[[dict[str, Any], str], str]
"""Makes the token of a launch, right or wrong as the switchboard says."""

LINE_ITEM = "training-hours"
QUIZ_MARKS = "quiz-marks"
_TOKEN_SECONDS = 300
_ROLES = {
    "learner": "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner",
    "teacher": "http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor",
}


@blueprint.get("/lti/jwks")
def jwks() -> Response:
    """The platform's public keys; misbehaves when told to."""
    return desk().faults.answer_for_keys(desk().key.jwks())


@blueprint.get("/lti/jwks/moved")
def moved_jwks() -> Response:
    """Where /lti/jwks sends those who follow redirects."""
    return desk().faults.answer_for_keys(desk().key.jwks(), moved=True)


@blueprint.get("/launch/<resource_link_id>")
def launch(resource_link_id: str) -> AnyResponse:
    """Step 1 of the launch: send the browser to the tool's login initiation."""
    here, user = desk(), signed_in_user()
    if user is None:
        return redirect("/")
    if resource_link_id not in here.lms.link_titles():
        abort(404)
    title = here.lms.link_titles()[resource_link_id]
    return send_to_tool(here, user, Opening(resource_link_id, title))


@blueprint.route("/lti/auth", methods=["GET", "POST"])
def authenticate() -> Response:
    """Step 2: the tool asks who is there; the answer is a form that the browser posts to the tool.

    A request whose client or redirect_uri is not exactly as registered, or that does not say form_post, is
    answered here (400): nothing may be sent to an address that was not registered. Every other fault goes
    back to the tool as an OIDC error, with the state.
    """
    here = desk()
    values = request.form if request.method == "POST" else request.args
    if any(len(values.getlist(name)) > 1 for name in values):
        return _refuse("parameter_repeated", "请求中有重复的参数。")
    asked = {name: values[name] for name in values}
    if asked.get("client_id") != here.lms.tool.client_id:
        return _refuse("client_unknown", "客户端编号没有登记。")
    if asked.get("redirect_uri") not in here.lms.tool.redirect_uris:
        return _refuse("redirect_uri_mismatch", "返回地址与登记的不一致。")
    if asked.get("response_mode") != "form_post":
        return _refuse("response_mode_unsupported", "只支持以表单方式（form_post）返回。")
    if not asked.get("state"):
        return _refuse("state_missing", "请求缺少 state。")
    fault = _fault(asked)
    if fault is not None:
        return _answer(asked, {"error": fault[0], "error_description": fault[1]})
    user = signed_in_user()
    if user is None or user.sub != asked["login_hint"]:
        return _answer(asked, {"error": "login_required", "error_description": "no such signed-in user"})
    opened = here.store.take_hint(asked["lti_message_hint"], here.epoch())
    if opened is None or opened[0] != user.sub or not opened[1].startswith("{"):
        return _answer(asked, {"error": "invalid_request", "error_description": "lti_message_hint"})
    opening = Opening.from_json(opened[1])
    forge: Forge = current_app.extensions["demo_lms_control"].forge
    return _answer(asked, {"id_token": forge(_claims(here, user, opening, asked["nonce"]), opening.title)})


def _claims(here: Desk, user: User, opening: Opening, nonce: str) -> dict[str, Any]:
    claims = {**id_token_claims(here, user, opening.link, nonce, opening.title), **opening.claims}
    if opening.target:
        claims[TARGET_LINK_URI] = opening.target
    return {name: value for name, value in claims.items() if value is not None}


def _fault(asked: dict[str, str]) -> tuple[str, str] | None:
    if asked.get("scope") != "openid":
        return "invalid_scope", "scope"
    if asked.get("response_type") != "id_token":
        return "unsupported_response_type", "response_type"
    if asked.get("prompt") != "none":
        return "invalid_request", "prompt"
    for name in ("nonce", "login_hint", "lti_message_hint"):
        if not asked.get(name):
            return "invalid_request", name
    return None


def id_token_claims(
    here: Desk, user: User, resource_link_id: str, nonce: str, title: str = ""
) -> dict[str, Any]:
    """Return the claims of a resource-link launch; e-mail and telephone are canaries."""
    lms, now = here.lms, here.epoch()
    return {
        "iss": lms.issuer,
        "sub": user.sub,
        "aud": lms.tool.client_id,
        "azp": lms.tool.client_id,
        "iat": now,
        "exp": now + _TOKEN_SECONDS,
        "nonce": nonce,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "name": user.name,
        "email": user.email,
        "phone_number": user.phone,
        "locale": "zh-CN",
        f"{LTI}message_type": "LtiResourceLinkRequest",
        f"{LTI}version": "1.3.0",
        f"{LTI}deployment_id": lms.platform.deployment_id,
        f"{LTI}target_link_uri": lms.tool.target_link_uri,
        f"{LTI}roles": [_ROLES[user.role]],
        f"{LTI}resource_link": {
            "id": resource_link_id,
            "title": title or lms.link_titles()[resource_link_id],
        },
        f"{LTI}context": {
            "id": lms.course.context_id,
            "label": lms.course.label,
            "title": lms.course.title,
            "type": ["http://purl.imsglobal.org/vocab/lis/v2/course#CourseSection"],
        },
        f"{LTI}tool_platform": {
            "guid": lms.platform.guid,
            "name": lms.platform.name,
            "product_family_code": "anxue-demo-lms",
        },
        f"{LTI}launch_presentation": {
            "document_target": "window",
            "locale": "zh-CN",
            "return_url": f"{lms.issuer}/course",
        },
        f"{LTI}custom": {"contact_email": user.email},
        AGS_ENDPOINT: {
            "scope": list(AGS_SCOPES),
            "lineitems": f"{lms.issuer}/lti/lineitems",
            "lineitem": f"{lms.issuer}/lti/lineitems/{_column_of(here, resource_link_id)}",
        },
        NOTICE_SERVICE: {
            "platform_notification_service_url": f"{lms.issuer}/lti/notice-handlers",
            "service_versions": ["1.0"],
            "scope": [NOTICE_SCOPE],
            "notice_types_supported": list(NOTICE_TYPES),
        },
        NRPS_CLAIM: {
            "context_memberships_url": f"{lms.issuer}/lti/memberships",
            "service_versions": ["2.0"],
        },
    }


def _answer(asked: dict[str, str], fields: dict[str, str]) -> Response:
    page = render_template(
        "post_to_tool.html", action=asked["redirect_uri"], fields={**fields, "state": asked["state"]}
    )
    reply = make_response(page)
    reply.headers["Cache-Control"] = "no-store"
    return reply


def _refuse(reason: str, message: str) -> Response:
    current_app.logger.info("authentication request refused: %s", reason)
    return make_response(jsonify(reason=reason, message=message), 400)


def _column_of(here: Desk, resource_link_id: str) -> str:
    return QUIZ_MARKS if resource_link_id == here.lms.course.quiz.resource_link_id else LINE_ITEM
