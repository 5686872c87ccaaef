"""What the tool calls from server to server: an access token for a signed assertion, and the score intake.

Sources: 1EdTech Security Framework 1.0 §4 (client credentials, RFC 7523), Assignment and Grade Services 2.0.
"""

import hashlib
import json
import secrets
from datetime import datetime
from typing import Any

import requests
from flask import Blueprint, Response, jsonify, make_response, request
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from bridge.kernel.time import parse_rfc3339
from plugins.simulators.demo_lms.desk import desk
from plugins.simulators.demo_lms.oidc import AGS_SCOPES, LINE_ITEM
from plugins.simulators.demo_lms.store import Score

blueprint = Blueprint("services", __name__)

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 300
_LEEWAY_SECONDS = 60
_TOKEN_SECONDS = 3600
_SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
_ACTIVITY = {"Initialized", "Started", "InProgress", "Submitted", "Completed"}
_GRADING = {"FullyGraded", "Pending", "PendingManual", "Failed", "NotReady"}


class _Refused(Exception):
    """The request ends here with an error code and an HTTP status."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status


@blueprint.before_request
def _misbehave() -> Response | None:
    return desk().faults.hold_service()


@blueprint.errorhandler(_Refused)
def _refused(refusal: _Refused) -> Response:
    reply = make_response(jsonify(error=refusal.error, error_description=refusal.description), refusal.status)
    if refusal.status == 401:
        reply.headers["WWW-Authenticate"] = 'Bearer realm="demo-lms"'
    return reply


@blueprint.post("/lti/token")
def token() -> Response:
    """Give an access token to the tool that signs for itself (RFC 7523 client assertion)."""
    here, form = desk(), request.form
    if form.get("grant_type") != "client_credentials":
        raise _Refused("unsupported_grant_type", "grant_type")
    if form.get("client_assertion_type") != _ASSERTION:
        raise _Refused("invalid_request", "client_assertion_type")
    asked = frozenset(form.get("scope", "").split())
    granted = asked & frozenset(AGS_SCOPES)
    if not granted:
        raise _Refused("invalid_scope", "none of the scopes is offered")
    _verify_assertion(form.get("client_assertion", ""))
    access_token = secrets.token_urlsafe(32)
    here.store.put_token(_sha256(access_token), granted, here.epoch() + _TOKEN_SECONDS)
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
        raise _Refused("invalid_client", "the assertion is no JWT", 401) from error
    if header.get("alg") != "RS256" or not isinstance(header.get("kid"), str):
        raise _Refused("invalid_client", "alg and kid", 401)
    try:
        claims = jwt.decode(assertion, _tool_key(header["kid"]), algorithms=["RS256"]).claims
    except (JoseError, ValueError) as error:
        raise _Refused("invalid_client", "signature", 401) from error
    now = here.epoch()
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    expiry, issued = claims.get("exp"), claims.get("iat")
    if claims.get("iss") != here.lms.tool.client_id or claims.get("sub") != here.lms.tool.client_id:
        raise _Refused("invalid_client", "iss and sub", 401)
    if f"{here.lms.issuer}/lti/token" not in audiences:
        raise _Refused("invalid_client", "aud", 401)
    if not isinstance(expiry, int) or not isinstance(issued, int):
        raise _Refused("invalid_client", "exp and iat", 401)
    if not now - _LEEWAY_SECONDS < expiry <= now + _ASSERTION_SECONDS + _LEEWAY_SECONDS:
        raise _Refused("invalid_client", "exp", 401)
    if (
        not now - _ASSERTION_SECONDS - _LEEWAY_SECONDS <= issued <= now + _LEEWAY_SECONDS
        or expiry - issued > (_ASSERTION_SECONDS)
    ):
        raise _Refused("invalid_client", "iat", 401)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 255:
        raise _Refused("invalid_client", "jti", 401)
    if not here.store.use_assertion(jti, expiry + _LEEWAY_SECONDS):
        raise _Refused("invalid_client", "jti was used before", 401)


def _tool_key(kid: str) -> RSAKey:
    """Return the tool's key `kid`, read anew each time: the tool may have rotated it."""
    try:
        reply = requests.get(desk().lms.tool.jwks_url, timeout=5, allow_redirects=False)
        keys = KeySet.import_key_set(reply.json())
    except (requests.RequestException, JoseError, ValueError, KeyError, TypeError) as error:
        raise _Refused("temporarily_unavailable", "the tool's keys cannot be read", 503) from error
    for key in keys.keys:
        if key.kid == kid and isinstance(key, RSAKey):
            return key
    raise _Refused("invalid_client", "kid", 401)


@blueprint.get("/lti/lineitems/<line_item>")
def read_line_item(line_item: str) -> Response:
    """The one line item: training hours."""
    _require_scope(AGS_SCOPES[1])
    _require_line_item(line_item)
    here = desk()
    reply = jsonify(
        id=f"{here.lms.issuer}/lti/lineitems/{LINE_ITEM}",
        label="安全培训学时",
        scoreMaximum=100,
        resourceLinkId=here.lms.course.entry.resource_link_id,
    )
    reply.headers["Content-Type"] = "application/vnd.ims.lis.v2.lineitem+json"
    return reply


@blueprint.post("/lti/lineitems/<line_item>/scores")
def take_score(line_item: str) -> Response:
    """Store a score; one that is not newer than what stands is refused with 409 (AGS 2.0 §3.4.8)."""
    _require_scope(AGS_SCOPES[0])
    _require_line_item(line_item)
    here = desk()
    if request.mimetype != _SCORE_TYPE:
        raise _Refused("unsupported_media_type", _SCORE_TYPE, 415)
    try:
        body: Any = json.loads(request.get_data(), parse_float=str)
    except ValueError as error:
        raise _Refused("invalid_request", "no JSON") from error
    if not isinstance(body, dict):
        raise _Refused("invalid_request", "no JSON object")
    if here.lms.user(str(body.get("userId"))) is None:
        raise _Refused("invalid_request", "userId", 404)
    if body.get("activityProgress") not in _ACTIVITY or body.get("gradingProgress") not in _GRADING:
        raise _Refused("invalid_request", "activityProgress and gradingProgress")
    given, maximum = _number(body, "scoreGiven"), _number(body, "scoreMaximum")
    if given is not None and (maximum is None or float(maximum) <= 0):
        raise _Refused("invalid_request", "scoreMaximum")
    comment = body.get("comment", "")
    if not isinstance(comment, str) or len(comment) > 2000:
        raise _Refused("invalid_request", "comment")
    score = Score(_timestamp(body).isoformat(timespec="microseconds"), given, maximum, comment)
    if not here.store.put_score(line_item, body["userId"], score):
        raise _Refused("conflict", "a score with the same or a later timestamp stands", 409)
    return make_response("", 204)


def _number(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    # floats were kept as their text, so that "2.5" stays "2.5"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _Refused("invalid_request", name)
    text = str(value)
    try:
        number = float(text)
    except ValueError as error:
        raise _Refused("invalid_request", name) from error
    if not 0 <= number < 1e9:
        raise _Refused("invalid_request", name)
    return text


def _timestamp(body: dict[str, Any]) -> datetime:
    try:
        return parse_rfc3339(body["timestamp"])
    except (KeyError, TypeError, ValueError) as error:
        raise _Refused("invalid_request", "timestamp") from error


def _require_scope(scope: str) -> None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    scopes = desk().store.token_scopes(_sha256(value), desk().epoch()) if scheme.lower() == "bearer" else None
    if scopes is None:
        raise _Refused("invalid_token", "no valid access token", 401)
    if scope not in scopes:
        raise _Refused("insufficient_scope", scope, 403)


def _require_line_item(line_item: str) -> None:
    if line_item != LINE_ITEM:
        raise _Refused("not_found", "line item", 404)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
