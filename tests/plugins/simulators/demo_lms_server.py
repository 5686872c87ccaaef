"""The demo LMS served on loopback for its tests, and the tool's key that it trusts."""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
import requests
from flask import Flask, Response, jsonify, request
from joserfc.jwk import RSAKey
from werkzeug.serving import BaseWSGIServer, make_server

from bridge.kernel.time import FixedClock
from plugins.simulators.demo_lms.app import create_app
from plugins.simulators.demo_lms.course import load

CONFIG = Path(__file__).parents[3] / "config" / "demo" / "lms.yaml"
BRIDGE = "http://127.0.0.1:9"  # nothing listens there: a launch ends before the tool
SECRET = b"secret-of-the-test"
PLATFORM_PEM = RSAKey.generate_key(2048).as_pem(private=True)
TOOL_KEY = RSAKey.generate_key(2048, {"kid": "tool-1", "use": "sig", "alg": "RS256"})


def with_key(state: Path) -> Path:
    """Return the state folder with a platform key in it: one for all tests, since keys take long to make."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = state / "platform-key.pem"
    if not key.exists():
        key.write_bytes(PLATFORM_PEM)
        key.chmod(0o600)
    return state


class DemoLmsServer:
    """The simulator under a clock that stands, with a tool that has a key set and takes webhooks."""

    def __init__(self, state: Path) -> None:
        self.clock = FixedClock(datetime(2026, 11, 23, 8, 0, tzinfo=UTC))
        self.webhooks: list[tuple[dict[str, str], bytes]] = []
        self.webhook_replies: list[tuple[int, dict[str, object]]] = []
        self._servers: list[tuple[BaseWSGIServer, threading.Thread]] = []
        tool_url = self._serve(self._tool())
        server = make_server("127.0.0.1", 0, Flask("starting"), threaded=True)
        self.url = f"http://127.0.0.1:{server.server_port}"
        lms = load(CONFIG, lms_url=self.url, bridge_url=BRIDGE)
        tool = lms.tool.model_copy(
            update={"jwks_url": f"{tool_url}/lti/jwks", "webhook_url": f"{tool_url}/webhooks/v1/reg_demo_lms"}
        )
        lms = type(lms)(lms.issuer, lms.bridge_url, lms.platform, tool, lms.users, lms.course)
        self.app = create_app(lms, state=with_key(state), clock=self.clock, webhook_secret=SECRET)
        self.desk = self.app.extensions["demo_lms"]
        server.app = self.app
        self._run(server)

    def _tool(self) -> Flask:
        tool = Flask("tool")
        tool.add_url_rule("/lti/jwks", "jwks", lambda: jsonify(keys=[TOOL_KEY.as_dict(private=False)]))

        @tool.post("/webhooks/v1/<registration>")
        def webhook(registration: str) -> tuple[Response, int]:
            self.webhooks.append(
                ({"registration": registration, **dict(request.headers)}, request.get_data())
            )
            status, body = (
                self.webhook_replies.pop(0) if self.webhook_replies else (202, {"message": "msg_1"})
            )
            return jsonify(body), status

        return tool

    def _serve(self, app: Flask) -> str:
        server = make_server("127.0.0.1", 0, app, threaded=True)
        self._run(server)
        return f"http://127.0.0.1:{server.server_port}"

    def _run(self, server: BaseWSGIServer) -> None:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        self._servers.append((server, thread))

    def stop(self) -> None:
        for server, thread in self._servers:
            server.shutdown()
            thread.join(5)
            server.server_close()
        self.desk.store.close()

    def form_token(self, session: requests.Session, path: str = "/") -> str:
        """The token that this browser's forms carry."""
        found = re.search(r'name="form_token" value="([^"]+)"', session.get(f"{self.url}{path}").text)
        assert found is not None
        return unescape(found[1])

    def sign_in(self, session: requests.Session, sub: str) -> None:
        token = self.form_token(session)
        reply = session.post(f"{self.url}/sign-in", data={"form_token": token, "sub": sub})
        assert reply.status_code == 200
        assert reply.url.endswith("/course")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DemoLmsServer]:
    running = DemoLmsServer(tmp_path / "state")
    yield running
    running.stop()
