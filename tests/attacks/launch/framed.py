"""A platform and a tool on two sites over HTTPS, for launches in a cross-site frame of a real browser."""

import html
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from flask import Flask, Request, Response, make_response, request, session
from werkzeug.serving import WSGIRequestHandler, make_server

from lti.errors import LaunchRefused
from lti.flask import lti_blueprint
from lti.launch import Launch
from lti.registration_memory import MemoryRegistrations
from lti.tool import LtiTool
from tests.lti.doors import World, tool_of
from tests.lti.platform import START, Platform
from tests.servers.children import free_port

LMS_HOST, TOOL_HOST, THIEF_HOST = "lms.example", "tool.test", "thief.invalid"
STORAGE = "lti_storage"
# What a platform's storage frame does (1EdTech LTI postMessage Storage 0.1).
_STORAGE_FRAME = """<!doctype html><script>
  var kept = {};
  addEventListener('message', function (event) {
    var asked = event.data || {}, answer = { subject: asked.subject + '.response', message_id: asked.message_id };
    if (event.origin !== TOOL) return;
    if (asked.subject === 'lti.put_data') kept[asked.key] = asked.value;
    else if (asked.subject !== 'lti.get_data') return;
    answer.key = asked.key;
    answer.value = asked.value || (FORGETS ? 'made-up' : kept[asked.key]);
    event.source.postMessage(answer, event.origin);
  });
</script>"""
_CAPABILITIES = """<script>
  addEventListener('message', function (event) {
    if (!event.data || event.data.subject !== 'lti.capabilities') return;
    event.source.postMessage({ subject: 'lti.capabilities.response', message_id: event.data.message_id,
      supported_messages: [{ subject: 'lti.put_data', frame: NAME }, { subject: 'lti.get_data', frame: NAME }] },
      event.origin);
  });
</script>"""


def certificate(folder: Path) -> ssl.SSLContext:
    """Return a server's TLS context with a certificate made for this run."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made for tests")])
    names = [x509.DNSName(host) for host in (LMS_HOST, TOOL_HOST, THIEF_HOST)]
    hosts = x509.SubjectAlternativeName([*names, x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START - timedelta(days=1))
        .not_valid_after(START + timedelta(days=3650))
        .add_extension(hosts, critical=False)
        .sign(key, SHA256())
    )
    path = folder / "tls.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        return


@contextmanager
def _served(app: Any, port: int, tls: ssl.SSLContext) -> Iterator[None]:
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet, ssl_context=tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class RefusesCookiesInFrames:
    """Stands for a browser that refuses every cookie of a third party, the partitioned ones too (older Safari)."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.on = False

    def __call__(self, environ: Any, start_response: Callable[..., Any]) -> Any:
        if not self.on or environ.get("HTTP_SEC_FETCH_DEST") == "document":
            return self.app(environ, start_response)
        environ.pop("HTTP_COOKIE", None)

        def without_cookies(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            kept = [(name, value) for name, value in headers if name.lower() != "set-cookie"]
            return start_response(status, kept, *rest)

        return self.app(environ, without_cookies)


def _tool_app(tool: LtiTool) -> Flask:
    app = Flask("tool")
    app.secret_key = "for this test alone"
    app.config.update(
        SESSION_COOKIE_SAMESITE="None", SESSION_COOKIE_SECURE=True, SESSION_COOKIE_PARTITIONED=True
    )

    def on_launch(launch: Launch, _: Request) -> Response:
        session.clear()
        session["role"] = launch.claims.role.value
        response = make_response("", 303)
        response.headers["Location"] = "/inside"
        response.set_cookie("plain", "1", secure=True, samesite="None")
        return response

    def error_page(refusal: LaunchRefused) -> Response:
        return Response(f'<p id="refused">{refusal.reason}</p>', content_type="text/html; charset=utf-8")

    @app.get("/inside")
    def inside() -> str:
        role, plain = session.get("role", "nobody"), request.cookies.get("plain", "none")
        return f'<p id="inside">{role}</p><p id="plain">{plain}</p>'

    @app.after_request
    def policy(response: Response) -> Response:
        # As strict as the bridge's own, so that the pages are shown to work under it.
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'"
        )
        return response

    app.register_blueprint(lti_blueprint(tool, on_launch, error_page))
    return app


class Stage:
    """Both sites; what the platform's page offers is set before it is opened. `tls`: the certificate's file."""

    def __init__(self, tool_url: str, lms_url: str, world: World, tls: Path) -> None:
        self.tool_url, self.lms_url, self.world, self.tls = tool_url, lms_url, world, tls
        registrations = MemoryRegistrations(world.registrations())
        self.tool = RefusesCookiesInFrames(
            _tool_app(tool_of(world, public_url=tool_url, registrations=registrations))
        )
        self.storage = self.forgets = self.tells_capabilities = False
        self.tokens_given = 0
        self._hints: set[str] = set()

    @property
    def lms(self) -> Platform:
        return self.world.lms

    def login_address(self) -> str:
        """Return where the platform sends a browser to begin, with a message hint that works once, as Moodle's."""
        hint = f"hint-{len(self._hints)}"
        self._hints.add(hint)
        extra = {"lti_storage_target": STORAGE} if self.storage else {}
        query = urlencode({**self.lms.login_params(lti_message_hint=hint), **extra})
        return f"{self.tool_url}/lti/login?{query}"

    def platform_app(self) -> Flask:
        """Return the platform: a course page with the tool in a frame, a storage frame, authentication."""
        app = Flask("platform")

        @app.get("/course")
        def course() -> str:
            frames = f'<iframe name="tool" src="{html.escape(self.login_address())}"></iframe>'
            if self.storage:
                frames = f'<iframe name="{STORAGE}" src="/storage"></iframe>{frames}'
            told = _CAPABILITIES.replace("NAME", json.dumps(STORAGE)) if self.tells_capabilities else ""
            return f"<!doctype html>{told}{frames}"

        @app.get("/storage")
        def storage() -> str:
            return _STORAGE_FRAME.replace("TOOL", json.dumps(self.tool_url)).replace(
                "FORGETS", json.dumps(self.forgets)
            )

        @app.get("/lms/auth")
        def auth() -> str:
            if request.args["lti_message_hint"] not in self._hints:
                return '<p id="refused">the hint was used before</p>'
            self._hints.remove(request.args["lti_message_hint"])
            self.tokens_given += 1
            fields = {"state": request.args["state"], "id_token": self.lms.token(request.args["nonce"])}
            inputs = "".join(
                f'<input type="hidden" name="{n}" value="{html.escape(v)}">' for n, v in fields.items()
            )
            action = html.escape(request.args["redirect_uri"])
            return f'<form method="post" action="{action}">{inputs}</form><script>document.forms[0].submit()</script>'

        return app


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Serve both sites until the block ends."""
    tls = certificate(folder)
    lms_port, tool_port = free_port(), free_port()
    lms_url, tool_url = f"https://{LMS_HOST}:{lms_port}", f"https://{TOOL_HOST}:{tool_port}"
    world = World.new(tool_url, (f"{lms_url}/lms", f"{lms_url}/other", f"{lms_url}/open"))
    made = Stage(tool_url, lms_url, world, folder / "tls.pem")
    with _served(made.tool, tool_port, tls), _served(made.platform_app(), lms_port, tls):
        yield made
