"""The platform's side of LTI Dynamic Registration 1.0: its published configuration, and a tool that registers itself.

The simulator serves one tool, the one of its configuration file: a registration must name that tool's addresses.
"""

import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Response, jsonify, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from plugins.simulators.demo_lms.access import Refused, service_blueprint
from plugins.simulators.demo_lms.desk import Desk, desk
from plugins.simulators.demo_lms.names import NOTICE_TYPES, OFFERED_SCOPES

blueprint = service_blueprint("dynamic_registration")

_TOKEN_SECONDS = 3600
_PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration"
_TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
_MESSAGES = (
    "LtiResourceLinkRequest",
    "LtiDeepLinkingRequest",
    "LtiSubmissionReviewRequest",
    "LtiStartProctoring",
    "LtiEndAssessment",
)
_CLAIMS = ("iss", "sub", "name", "given_name", "family_name", "email")
_GRANTS = {"implicit", "client_credentials"}


@blueprint.get("/.well-known/openid-configuration")
def configuration() -> Response:
    """What the platform says of itself (§2.1)."""
    lms = desk().lms
    return jsonify(
        {
            "issuer": lms.issuer,
            "authorization_endpoint": f"{lms.issuer}/lti/auth",
            "token_endpoint": f"{lms.issuer}/lti/token",
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
            "jwks_uri": f"{lms.issuer}/lti/jwks",
            "registration_endpoint": f"{lms.issuer}/lti/registration",
            "scopes_supported": ["openid", *sorted(OFFERED_SCOPES)],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": list(_CLAIMS),
            _PLATFORM: {
                "product_family_code": "anxue-demo-lms",
                "version": "simulator",
                "messages_supported": [{"type": each} for each in _MESSAGES],
                "notice_types_supported": list(NOTICE_TYPES),
                "variables": [],
            },
        }
    )


def registration_link(here: Desk, tool_url: str) -> AnyResponse:
    """Send the administrator's browser to the tool's registration address, with a token that works once (§3.3).

    Raises:
        InvalidInput("registration_url_foreign"): the address is not the tool's own.
    """
    if urlsplit(tool_url)[:2] != urlsplit(here.lms.bridge_url)[:2]:
        raise InvalidInput("registration_url_foreign", "登记地址不属于被检验的工具。")
    token = secrets.token_urlsafe(32)
    here.store.put_hint(_kept(token), "", "registration", here.epoch() + _TOKEN_SECONDS)
    added = urlencode(
        {
            "openid_configuration": f"{here.lms.issuer}/.well-known/openid-configuration",
            "registration_token": token,
        }
    )
    return redirect(f"{tool_url}{'&' if '?' in tool_url else '?'}{added}", 303)


@blueprint.post("/lti/registration")
def register() -> Response:
    """Take the tool's registration (§3.6, RFC 7591 §3); the token is used up even if it is refused."""
    here = desk()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or here.store.take_hint(_kept(token), here.epoch()) is None:
        raise Refused("invalid_token", "the registration token", 401)
    body: Any = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refused("invalid_client_metadata", "no JSON object")
    wrong = _wrong(here, body)
    if wrong:
        error = "invalid_redirect_uri" if wrong == "redirect_uris" else "invalid_client_metadata"
        raise Refused(error, wrong)
    granted = sorted(OFFERED_SCOPES & set(body["scope"].split()))
    told = {
        **body,
        "client_id": here.lms.tool.client_id,
        "scope": " ".join(granted),
        _TOOL: {**body[_TOOL], "deployment_id": here.lms.platform.deployment_id},
    }
    return make_response(jsonify(told), 201)


def _wrong(here: Desk, body: dict[str, Any]) -> str:
    """Return the first member that is wrong, "" if all are right."""
    tool, told = here.lms.tool, body.get(_TOOL)
    if body.get("redirect_uris") != list(tool.redirect_uris):
        return "redirect_uris"
    if not isinstance(told, dict) or not isinstance(told.get("messages"), list):
        return "lti-tool-configuration"
    types = [each.get("type") if isinstance(each, dict) else None for each in told["messages"]]
    claims, domain = told.get("claims", []), urlsplit(here.lms.bridge_url).netloc
    holds = {
        "application_type": body.get("application_type") == "web",
        "response_types": body.get("response_types") == ["id_token"],
        "grant_types": isinstance(body.get("grant_types"), list)
        and set(map(str, body["grant_types"])) == _GRANTS,
        "initiate_login_uri": body.get("initiate_login_uri") == tool.login_url,
        "jwks_uri": body.get("jwks_uri") == tool.jwks_url,
        "client_name": isinstance(body.get("client_name"), str) and bool(body["client_name"]),
        "token_endpoint_auth_method": body.get("token_endpoint_auth_method") == "private_key_jwt",
        "scope": isinstance(body.get("scope"), str),
        "domain": told.get("domain") == domain,
        "target_link_uri": told.get("target_link_uri") == tool.target_link_uri,
        "claims": isinstance(claims, list) and all(each in _CLAIMS for each in claims),
        "messages": bool(types) and all(each in _MESSAGES for each in types),
    }
    return next((name for name, right in holds.items() if not right), "")


def _kept(token: str) -> str:
    return f"registration:{token}"
