"""What the doors for Caliper and Canvas have in common: the bearer credential, the body, and how answers look."""

from typing import Any

from flask import Blueprint, Response, jsonify, request
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException

from bridge.intake.xapi.model import Caller, Scope
from bridge.kernel.errors import BridgeError, InvalidInput, NotPermitted
from bridge.wiring import House
from bridge.wiring.xapi import credentials


def bearer_caller(house: House, scope: Scope) -> Caller:
    """Return whose bearer token the request carries: a credential's key and secret, joined by a point.

    Raises:
        NotPermitted: credential_missing, credential_wrong (401), scope_missing.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    key, point, secret = token.strip().partition(".")
    if scheme.lower() != "bearer" or not point:
        raise NotPermitted("credential_missing", "请用 Authorization: Bearer 给出令牌", http_status=401)
    caller = credentials(house).authenticate(key, secret)
    if not caller.may(scope):
        raise NotPermitted("scope_missing", "该凭证没有执行此操作的权限")
    return caller


def bounded_body(most_bytes: int) -> bytes:
    """Return the request's body.

    Raises:
        InvalidInput: length_required (411).
        RequestEntityTooLarge: 413.
    """
    if request.content_length is None:
        raise InvalidInput("length_required", "请求须给出 Content-Length", http_status=411)
    request.max_content_length = most_bytes
    return request.get_data(cache=False)


def verdict(event_id: str | None, status: str, fault: InvalidInput | None = None) -> dict[str, Any]:
    """Return what is told of one event."""
    told: dict[str, Any] = {"id": event_id, "status": status}
    return told if fault is None else {**told, "reason": fault.reason, "message": fault.message}


def answered(results: list[dict[str, Any]]) -> Response:
    """Return the answer to a request whose events have these verdicts: a success if any of them was taken.

    Source: Caliper 1.1 §5.2: 2xx for data that was taken, 422 for data that does not follow the specification.
    """
    response = jsonify({"results": results})
    if all(one["status"] == "refused" for one in results):
        response.status_code = 422
    return response


def refuse_as_json(door: Blueprint) -> None:
    """Have every error of a door answered with JSON: {reason, message}."""

    @door.errorhandler(BridgeError)
    def refuse(error: BridgeError) -> Response:
        return _refusal(error.reason, error.message, error.http_status)

    @door.errorhandler(DataError)
    def unstorable(_error: DataError) -> Response:
        return _refusal("value_malformed", "提交的内容中有无法识别的字符或过长", 400)

    @door.errorhandler(RecursionError)
    def too_deep(_error: RecursionError) -> Response:
        return _refusal("json_malformed", "JSON 的嵌套过深", 400)

    @door.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        if error.code == 413:
            return _refusal("body_too_large", "请求内容过大", 413)
        return _refusal("http_error", "请求无法处理", error.code or 500)


def _refusal(reason: str, message: str, status: int) -> Response:
    response = jsonify({"reason": reason, "message": message})
    response.status_code = status
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
