"""`/api/oauth/…`: a token for who proves to be a client (RFC 6749 §4.4), and giving one back (RFC 7009)."""

import math
import re
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import unquote_plus

from flask import Blueprint, Response, jsonify, request
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.sign_in import Counted
from bridge.kernel.errors import BridgeError, InvalidInput, NotPermitted
from bridge.supervision.api_assertions import ALGORITHMS, ASSERTION_TYPE, client_named, refused
from bridge.supervision.api_scopes import ApiScope
from bridge.supervision.api_tokens import TOKEN_LIFE, IssuedToken
from bridge.web.pages.visitors import caller
from bridge.web.security import rate_limited
from bridge.wiring import House
from bridge.wiring.api import api_tokens

_FORM = "application/x-www-form-urlencoded"
_PLAIN = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]{0,600}")
_SENTENCES = {
    "invalid_client": "client authentication failed",
    "invalid_scope": "the scope is unknown or exceeds what the client is allowed",
    "invalid_target": "resource must be the address of this API",
    "unsupported_grant_type": "only client_credentials is offered",
    "invalid_request": "a parameter is missing, repeated or malformed",
}


@dataclass(frozen=True, slots=True)
class _Proof:
    """What a client shows: a secret, or an assertion that it signed."""

    client_id: str
    secret: str = field(repr=False)
    assertion: str | None = field(repr=False)


def token_door(house: House) -> Blueprint:
    """Return the blueprint of `/api/oauth/token`, `/api/oauth/revoke` and the server's metadata (RFC 8414)."""
    door = Blueprint("api_tokens", __name__)
    token_url = f"{house.settings.public_url}/api/oauth/token"
    resource = f"{house.settings.public_url}/api/v1"

    @door.post("/api/oauth/token")
    @rate_limited("60 per minute")
    def token() -> AnyResponse:
        try:
            form = _form()
            if form.get("grant_type") != "client_credentials":
                raise InvalidInput("unsupported_grant_type", "只提供 client_credentials。")
            if form.get("resource", resource) != resource:
                raise InvalidInput("invalid_target", "resource 应为本接口的网址。")
            issued = _counted(_proof(form), form.get("scope"))
        except BridgeError as error:
            return _refused(error)
        answer = jsonify(
            access_token=issued.token,
            token_type="Bearer",  # noqa: S106  # the kind of token, not one
            expires_in=int(TOKEN_LIFE.total_seconds()),
            scope=" ".join(issued.scopes),
        )
        return _unkept(answer)

    @door.post("/api/oauth/revoke")
    @rate_limited("60 per minute")
    def revoke() -> AnyResponse:
        try:
            form = _form()
            proof = _proof(form)
            if proof.assertion is not None:
                raise InvalidInput("invalid_request", "签名的客户端无须交还令牌,令牌十分钟内到期。")
            counted = _try(proof.client_id)
            api_tokens(house).prove(proof.client_id, proof.secret)
            house.sign_in.forgive(counted)
            api_tokens(house).give_back(proof.client_id, form.get("token", ""))
        except BridgeError as error:
            return _refused(error)
        return _unkept(Response(status=200))

    @door.get("/.well-known/oauth-authorization-server")
    @rate_limited("120 per minute", methods=("GET",))
    def metadata() -> AnyResponse:
        return jsonify(
            issuer=house.settings.public_url,
            token_endpoint=token_url,
            revocation_endpoint=f"{house.settings.public_url}/api/oauth/revoke",
            grant_types_supported=["client_credentials"],
            response_types_supported=[],
            scopes_supported=[str(one) for one in ApiScope],
            token_endpoint_auth_methods_supported=["client_secret_basic", "private_key_jwt"],
            token_endpoint_auth_signing_alg_values_supported=list(ALGORITHMS),
            service_documentation=f"{resource}/docs",
        )

    def _counted(proof: _Proof, scope: str | None) -> IssuedToken:
        """Return the token; a wrong try stays counted, and who tried too often waits."""
        counted = _try(proof.client_id)
        tokens = api_tokens(house)
        if proof.assertion is None:
            issued = tokens.by_secret(proof.client_id, proof.secret, scope)
        else:
            issued = tokens.by_assertion(proof.assertion, (token_url,), scope)
        house.sign_in.forgive(counted)
        return issued

    def _try(client_id: str) -> Counted:
        found = house.sign_in.program_try(client_id, caller())
        if isinstance(found, timedelta):
            raise _Waits(found)
        return found

    return door


class _Waits(NotPermitted):
    """A client, from one address, that was wrong too often."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__("invalid_client", "尝试次数过多,请稍后再试。", http_status=429)
        self.wait = wait


def _form() -> dict[str, str]:
    """Return the form, each parameter once; InvalidInput("invalid_request")."""
    if request.mimetype != _FORM or request.args:
        raise InvalidInput("invalid_request", "请求体应为表单,参数不能写在网址中。")
    form = {name: values[0] for name, values in request.form.lists() if len(values) == 1}
    if len(form) != len(list(request.form.keys())) or not all(map(_PLAIN.fullmatch, _short(form))):
        raise InvalidInput("invalid_request", "参数重复或含有不允许的字符。")
    return form


def _short(form: dict[str, str]) -> list[str]:
    return [value for name, value in form.items() if name != "client_assertion"]


def _proof(form: dict[str, str]) -> _Proof:
    """Return what the client shows; one way alone (RFC 6749 §2.3)."""
    basic, assertion = request.headers.get("Authorization"), form.get("client_assertion")
    if (basic is None) == (assertion is None) or "client_secret" in form:
        raise refused()
    if assertion is not None:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise refused()
        named = client_named(assertion)
        if form.get("client_id", named) != named:
            raise refused()
        return _Proof(named, "", assertion)
    scheme, _, encoded = (basic or "").partition(" ")
    try:
        decoded = b64decode(encoded, validate=True).decode("ascii")
    except ValueError:
        raise refused() from None
    client, colon, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not colon or form.get("client_id", client) != client:
        raise refused()
    return _Proof(unquote_plus(client), unquote_plus(secret), None)


def _refused(error: BridgeError) -> AnyResponse:
    """Return the error as RFC 6749 §5.2 has it: its own words in ASCII, ours beside them."""
    said: dict[str, Any] = {
        "error": error.reason if error.reason in _SENTENCES else "invalid_request",
        "error_description": _SENTENCES.get(error.reason, _SENTENCES["invalid_request"]),
        "message": error.message,
    }
    answer = jsonify(said)
    answer.status_code = error.http_status
    if error.http_status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="anxue"'
    if isinstance(error, _Waits):
        answer.headers["Retry-After"] = str(math.ceil(error.wait.total_seconds()))
    return _unkept(answer)


def _unkept(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Pragma"] = "no-cache"
    return answer
