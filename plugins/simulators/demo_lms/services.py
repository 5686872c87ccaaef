"""The access token that the tool gets for a signed assertion (1EdTech Security Framework 1.0 §4, RFC 7523)."""

import secrets

import requests
from flask import Response, jsonify, request
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from plugins.simulators.demo_lms.access import Refused, service_blueprint, sha256
from plugins.simulators.demo_lms.desk import desk
from plugins.simulators.demo_lms.names import OFFERED_SCOPES

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
        header = jws.extract_compact(assertion.encode()).headers()
    except (JoseError, ValueError) as error:
        raise Refused("invalid_client", "the assertion is no JWT", 401) from error
    if header.get("alg") != "RS256" or not isinstance(header.get("kid"), str):
        raise Refused("invalid_client", "alg and kid", 401)
    try:
        claims = jwt.decode(assertion, _tool_key(header["kid"]), algorithms=["RS256"]).claims
    except (JoseError, ValueError) as error:
        raise Refused("invalid_client", "signature", 401) from error
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


def _tool_key(kid: str) -> RSAKey:
    """Return the tool's key `kid`, read anew each time: the tool may have rotated it."""
    try:
        reply = requests.get(desk().lms.tool.jwks_url, timeout=5, allow_redirects=False)
        keys = KeySet.import_key_set(reply.json())
    except (requests.RequestException, JoseError, ValueError, KeyError, TypeError) as error:
        raise Refused("temporarily_unavailable", "the tool's keys cannot be read", 503) from error
    for key in keys.keys:
        if key.kid == kid and isinstance(key, RSAKey):
            return key
    raise Refused("invalid_client", "kid", 401)
