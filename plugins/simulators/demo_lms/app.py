"""Builds the simulator as a Flask application. Nothing is built at import."""

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, g, jsonify

from bridge.kernel.time import Clock
from plugins.simulators.demo_lms import (
    deep_links,
    dynamic_registration,
    grades,
    notices,
    oidc,
    pages,
    proctoring,
    roster,
    scores,
    services,
    simulator_pages,
)
from plugins.simulators.demo_lms.control import Control
from plugins.simulators.demo_lms.course import DemoLms
from plugins.simulators.demo_lms.desk import Desk, form_token
from plugins.simulators.demo_lms.faults import Faults
from plugins.simulators.demo_lms.keys import PlatformKey, cookie_key
from plugins.simulators.demo_lms.store import Store
from plugins.simulators.demo_lms.webhook import Courier

_MAX_REQUEST_BYTES = 64 * 1024


def create_app(
    lms: DemoLms,
    *,
    state: Path,
    clock: Clock,
    webhook_secret: bytes,
    wait: Callable[[float], object] = time.sleep,
) -> Flask:
    """Return the simulator; its courier does not run until `app.extensions["demo_lms"].courier.start()`.

    Args:
        lms: what it serves.
        state: folder of its key, cookies' key and database; made if missing (0700).
        clock: real time, for tokens, timestamps and signatures.
        webhook_secret: shared with the bridge.
        wait: lets so many seconds pass in a rehearsal.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store(state / "lms.sqlite")
    app = Flask(__name__)
    app.secret_key = cookie_key(state)
    app.config.update(
        MAX_CONTENT_LENGTH=_MAX_REQUEST_BYTES,
        SESSION_COOKIE_NAME="demo_lms_session",  # cookies do not see ports
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SECURE=lms.issuer.startswith("https://"),
    )
    courier = Courier(store, clock, lms.tool.webhook_url, webhook_secret)
    desk = Desk(lms, PlatformKey(state), store, courier, clock, Faults())
    app.extensions["demo_lms"] = desk
    app.extensions["demo_lms_control"] = Control(desk, wait)
    app.extensions["demo_lms_roster"] = roster.Roster(lms.users)
    for part in (
        oidc,
        services,
        deep_links,
        proctoring,
        grades,
        notices,
        dynamic_registration,
        scores,
        roster,
        pages,
        simulator_pages,
    ):
        app.register_blueprint(part.blueprint)
    app.register_blueprint(proctoring.control)

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify(ok=True, simulator=True)

    @app.context_processor
    def page_parts() -> dict[str, object]:
        return {"lms": lms, "form_token": form_token, "script_nonce": _script_nonce}

    bridge = f"{urlsplit(lms.bridge_url).scheme}://{urlsplit(lms.bridge_url).netloc}"

    @app.after_request
    def guard(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "; ".join(
            (
                "default-src 'none'",
                f"script-src 'self' {bridge} 'nonce-{_script_nonce()}'",
                f"style-src 'self' {bridge}",
                f"connect-src 'self' {bridge}",
                "img-src 'self' data:",
                f"form-action 'self' {bridge}",
                "frame-ancestors 'none'",
                "base-uri 'none'",
            )
        )
        response.headers["Permissions-Policy"] = "camera=(self), microphone=()"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return app


def _script_nonce() -> str:
    if "script_nonce" not in g:
        g.script_nonce = secrets.token_urlsafe(16)
    return str(g.script_nonce)
