"""What all services of the platform have in common: access tokens, refusals in JSON, being down when told to."""

import hashlib

from flask import Blueprint, Response, jsonify, make_response, request

from plugins.simulators.demo_lms.desk import desk


class Refused(Exception):
    """A service request ends here with an error code and an HTTP status."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status


def service_blueprint(name: str) -> Blueprint:
    """Return a blueprint whose doors answer refusals in JSON, and are slow or down when told to be."""
    blueprint = Blueprint(name, __name__)
    blueprint.before_request(_misbehave)
    blueprint.register_error_handler(Refused, _refused)
    return blueprint


def _misbehave() -> Response | None:
    return desk().faults.hold_service()


def _refused(refusal: Refused) -> Response:
    reply = make_response(jsonify(error=refusal.error, error_description=refusal.description), refusal.status)
    if refusal.status == 401:
        reply.headers["WWW-Authenticate"] = 'Bearer realm="demo-lms"'
    return reply


def require_scope(*scopes_that_do: str) -> None:
    """Refuse the request unless its access token has one of these scopes."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    scopes = desk().store.token_scopes(sha256(value), desk().epoch()) if scheme.lower() == "bearer" else None
    if scopes is None:
        raise Refused("invalid_token", "no valid access token", 401)
    if not scopes & set(scopes_that_do):
        raise Refused("insufficient_scope", scopes_that_do[0], 403)


def sha256(text: str) -> str:
    """Return the SHA-256 of `text` in hexadecimal: tokens are kept as this alone."""
    return hashlib.sha256(text.encode()).hexdigest()
