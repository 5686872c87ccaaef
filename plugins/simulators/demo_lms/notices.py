"""Platform Notification Service 1.0: where the tool wants notices, and the notices that are sent there."""

import secrets
from typing import Any
from urllib.parse import urlsplit

import requests
from flask import Response, jsonify, request

from bridge.kernel.time import rfc3339
from plugins.simulators.demo_lms.access import Refused, require_scope, service_blueprint
from plugins.simulators.demo_lms.desk import Desk, desk
from plugins.simulators.demo_lms.names import (
    CONTEXT,
    COPY_NOTICE,
    DEPLOYMENT_ID,
    NOTICE,
    NOTICE_SCOPE,
    NOTICE_TYPES,
    ORIGIN_CONTEXTS,
    VERSION,
)

blueprint = service_blueprint("notices")

_MOST = 100
_NOTICE_SECONDS = 3600
_TIMEOUT_SECONDS = 10
_URL_CHARACTERS = 2048


@blueprint.route("/lti/notice-handlers", methods=["GET"])
def handlers() -> Response:
    """Where notices go, by type."""
    require_scope(NOTICE_SCOPE)
    return _handlers(desk())


@blueprint.route("/lti/notice-handlers", methods=["PUT"])
def set_handler() -> Response:
    """Note where notices of one type go; "" is nowhere."""
    require_scope(NOTICE_SCOPE)
    here = desk()
    body: Any = request.get_json(silent=True)
    if not isinstance(body, dict) or body.get("notice_type") not in NOTICE_TYPES:
        raise Refused("invalid_request", "notice_type")
    url, most = body.get("handler"), body.get("max_batch_size", _MOST)
    if not isinstance(url, str) or len(url) > _URL_CHARACTERS:
        raise Refused("invalid_request", "handler")
    if url and urlsplit(url)[:2] != urlsplit(here.lms.bridge_url)[:2]:
        raise Refused("invalid_request", "handler: not the tool's own")
    if type(most) is not int or most < 1:
        raise Refused("invalid_request", "max_batch_size")
    with here.store.transaction() as db:
        db.execute("DELETE FROM notice_handler WHERE notice_type = ?", (body["notice_type"],))
        if url:
            db.execute(
                "INSERT INTO notice_handler VALUES (?,?,?)", (body["notice_type"], url, min(most, _MOST))
            )
    return _handlers(here)


def _handlers(here: Desk) -> Response:
    with here.store.transaction() as db:
        rows = {row["notice_type"]: row["url"] for row in db.execute("SELECT * FROM notice_handler")}
    return jsonify(
        client_id=here.lms.tool.client_id,
        deployment_id=here.lms.platform.deployment_id,
        notice_handlers=[{"notice_type": each, "handler": rows.get(each, "")} for each in NOTICE_TYPES],
    )


def handler_of(here: Desk, notice_type: str) -> str:
    """Return where notices of this type go; "" if nobody asked for them."""
    with here.store.transaction() as db:
        row = db.execute("SELECT url FROM notice_handler WHERE notice_type = ?", (notice_type,)).fetchone()
    return "" if row is None else str(row["url"])


def notice_claims(here: Desk, notice_type: str) -> dict[str, Any]:
    """Return a right notice."""
    lms, now = here.lms, here.epoch()
    claims: dict[str, Any] = {
        "iss": lms.issuer,
        "aud": lms.tool.client_id,
        "azp": lms.tool.client_id,
        "iat": now,
        "exp": now + _NOTICE_SECONDS,
        "nonce": secrets.token_urlsafe(16),
        VERSION: "1.3.0",
        DEPLOYMENT_ID: lms.platform.deployment_id,
        NOTICE: {
            "id": f"notice-{secrets.token_hex(8)}",
            "timestamp": rfc3339(here.clock.now()),
            "type": notice_type,
        },
    }
    if notice_type == COPY_NOTICE:
        claims[CONTEXT] = {
            "id": f"{lms.course.context_id}-copy",
            "label": lms.course.label,
            "title": lms.course.title,
        }
        claims[ORIGIN_CONTEXTS] = [lms.course.context_id]
    return claims


def send_notices(here: Desk, notice_type: str, number: int) -> int:
    """Send so many right notices in one request; return the tool's status, 0 without an answer or a handler."""
    url = handler_of(here, notice_type)
    if not url:
        return 0
    batch = [{"jwt": here.key.sign(notice_claims(here, notice_type))} for _ in range(number)]
    try:
        reply = requests.post(url, json={"notices": batch}, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException:
        return 0
    return reply.status_code
