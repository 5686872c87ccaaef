"""A simulator of a key service that speaks our contract, over real HTTP on loopback. It is no key service.

Its keys lie in this process's memory, unprotected; it exists so that the adapter and outages can be tested.
"""

import base64
import hmac
import json
import secrets
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CALLER, SECRET = "bridge-test", "made-up-secret-of-the-simulator-000000"


class KmsSimulator:
    """Serves one key named "anxue"; `fault` makes it answer wrongly or not at all.

    Args:
        fault: "" · "away" (503) · "refuse" (403) · "unsigned" · "other" (an answer signed for another question).
    """

    def __init__(self, port: int = 0) -> None:
        self.keys = {"v1": AESGCM(secrets.token_bytes(32))}
        self.current = "v1"
        self.fault = ""
        self.asked: list[str] = []
        self.nonces: set[str] = set()
        simulator = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                simulator.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def make_version(self) -> str:
        """Make another version the current one, as the service's administrator does."""
        self.current = f"v{len(self.keys) + 1}"
        self.keys[self.current] = AESGCM(secrets.token_bytes(32))
        return self.current

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        what = request.path.rpartition("/")[2]
        self.asked.append(what)
        at, nonce = request.headers["X-Anxue-Timestamp"], request.headers["X-Anxue-Nonce"]
        signed = _sign(b"POST", request.path.encode(), at.encode(), nonce.encode(), body)
        known = request.headers["X-Anxue-Key"] == CALLER and request.headers["X-Anxue-Signature"] == signed
        if self.fault == "away":
            _send(request, 503, b"", "")
        elif self.fault == "refuse" or not known or nonce in self.nonces:
            _send(request, 403, b"", "")
        elif request.path != f"/v1/keys/anxue/{what}":
            _send(request, 404, b"", "")
        else:
            self.nonces.add(nonce)
            status, said = self._do(what, json.loads(body))
            content = json.dumps({"v": 1, **said}).encode()
            over = "0" * 32 if self.fault == "other" else nonce
            signature = "" if self.fault == "unsigned" else _sign(b"ANSWER", over.encode(), content)
            _send(request, status, content, signature)

    def _do(self, what: str, said: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if what == "describe":
            older = [name for name in self.keys if name != self.current]
            return 200, {"key_id": self.current, "algorithm": "simulated AES-256-GCM", "older": older}
        try:
            if what == "wrap":
                items = [self._wrap(_bytes(one["plain"]), _bytes(one["context"])) for one in said["items"]]
                return 200, {"key_id": self.current, "items": items}
            items = []
            for one in said["items"]:
                key, sealed = self.keys.get(one["key_id"]), _bytes(one["wrapped"])
                if key is None:
                    return 410, {}
                bare = key.decrypt(sealed[:12], sealed[12:], _bytes(one["context"]))
                items.append(base64.b64encode(bare).decode())
            return 200, {"items": items}
        except InvalidTag:
            return 422, {}

    def _wrap(self, plain: bytes, context: bytes) -> str:
        nonce = secrets.token_bytes(12)
        sealed = nonce + self.keys[self.current].encrypt(nonce, plain, context)
        return base64.b64encode(sealed).decode()


def _sign(*parts: bytes) -> str:
    return "v1=" + hmac.new(SECRET.encode(), b"\n".join(parts), sha256).hexdigest()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _send(request: BaseHTTPRequestHandler, status: int, content: bytes, signature: str) -> None:
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(content)))
    request.send_header("X-Anxue-Signature", signature)
    request.end_headers()
    request.wfile.write(content)
