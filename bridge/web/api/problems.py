"""How the read API's errors leave: problem details (RFC 9457) with our reason codes and a sentence in Chinese."""

from http import HTTPStatus
from typing import Any

from flask import Response
from flask.json import dumps

PROBLEM_JSON = "application/problem+json"
PREFIXES = ("/api/v1/", "/api/oauth/")


def problem(reason: str, detail: str, status: int, **more: Any) -> Response:
    """Return the error; 401 and 403 say in WWW-Authenticate what is missing (RFC 6750 §3)."""
    body = {
        "type": f"urn:anxue:reason:{reason}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "reason": reason,
        **more,
    }
    answer = Response(dumps(body), status=status, mimetype=PROBLEM_JSON)
    if status == 401:
        told = "" if reason == "token_missing" else ', error="invalid_token"'
        answer.headers["WWW-Authenticate"] = f'Bearer realm="anxue"{told}'
    if reason == "insufficient_scope":
        answer.headers["WWW-Authenticate"] = 'Bearer realm="anxue", error="insufficient_scope"'
    if status == 429:
        # Limits are counted by the minute.
        answer.headers["Retry-After"] = "60"
    if status == 503:
        answer.headers["Retry-After"] = "30"
    return answer
