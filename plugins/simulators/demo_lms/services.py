"""The access token that the tool gets for a signed assertion (1EdTech Security Framework 1.0 §4, RFC 7523)."""

import secrets

from flask import Response, jsonify, request

from plugins.simulators.demo_lms.access import Refused, service_blueprint, sha256
from plugins.simulators.demo_lms.desk import desk
from plugins.simulators.demo_lms.names import OFFERED_SCOPES
from plugins.simulators.demo_lms.tool_documents import NotGenuine, tool_claims

blueprint = service_blueprint("services")

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 300
_LEEWAY_SECONDS = 60
_TOKEN_SECONDS = 3600


@blueprint.post("/lti/token")
def token() -> Response:
    """Give an access token to the tool that signs for itself (RFC 7523 client assertion)."""
    here, form = desk(), request.form
    if form.get("grant_type") != "client_credentials":
        raise Refused("unsupported_grant_type", "grant_type")
    if form.get("client_assertion_type") != _ASSERTION:
        raise Refused("invalid_request", "client_assertion_type")
    asked = frozenset(form.get("scope", "").split())
    granted = asked & OFFERED_SCOPES
    if not granted:
        raise Refused("invalid_scope", "none of the scopes is offered")
    _verify_assertion(form.get("client_assertion", ""))
    access_token = secrets.token_urlsafe(32)
    here.store.put_token(sha256(access_token), granted, here.epoch() + _TOKEN_SECONDS)
    reply = jsonify(
        access_token=access_token,
        token_type="bearer",  # noqa: S106 - the name of a scheme
        expires_in=_TOKEN_SECONDS,
        scope=" ".join(sorted(granted)),
    )
    reply.headers["Cache-Control"] = "no-store"
    return reply


def _verify_assertion(assertion: str) -> None:
    here = desk()
    try:
        claims = tool_claims(assertion)
    except NotGenuine as error:
        if error.unreachable:
            raise Refused("temporarily_unavailable", "the tool's keys cannot be read", 503) from error
        raise Refused("invalid_client", error.what, 401) from error
    now = here.epoch()
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    expiry, issued = claims.get("exp"), claims.get("iat")
    if claims.get("iss") != here.lms.tool.client_id or claims.get("sub") != here.lms.tool.client_id:
        raise Refused("invalid_client", "iss and sub", 401)
    if f"{here.lms.issuer}/lti/token" not in audiences:
        raise Refused("invalid_client", "aud", 401)
    if not isinstance(expiry, int) or not isinstance(issued, int):
        raise Refused("invalid_client", "exp and iat", 401)
    if not now - _LEEWAY_SECONDS < expiry <= now + _ASSERTION_SECONDS + _LEEWAY_SECONDS:
        raise Refused("invalid_client", "exp", 401)
    if (
        not now - _ASSERTION_SECONDS - _LEEWAY_SECONDS <= issued <= now + _LEEWAY_SECONDS
        or expiry - issued > (_ASSERTION_SECONDS)
    ):
        raise Refused("invalid_client", "iat", 401)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 255:
        raise Refused("invalid_client", "jti", 401)
    if not here.store.use_assertion(jti, expiry + _LEEWAY_SECONDS):
        raise Refused("invalid_client", "jti was used before", 401)
