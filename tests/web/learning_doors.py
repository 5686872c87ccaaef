"""Two institutions behind the doors for Caliper and Canvas, over real HTTP, and a made-up Instructure that signs."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from joserfc.jwk import RSAKey
from joserfc.jws import serialize_compact
from werkzeug.serving import make_server

from bridge.app import create_app
from bridge.intake.canvas_sources import CanvasSource
from bridge.intake.xapi.credentials import Issued
from bridge.intake.xapi.model import Scope
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import FixedClock
from bridge.registry.tables import InstitutionRow
from bridge.settings import Mode, Settings
from bridge.wiring import House
from bridge.wiring.learning import canvas_sources
from bridge.wiring.xapi import credentials
from tests.intake.learning_vectors import ACCOUNT, HOST, NOW
from tests.servers.tables import migrate

ORG, OTHER = InstitutionId("org_a"), InstitutionId("org_b")


@dataclass
class Instructure:
    """Publishes keys at a URL on loopback and counts who asks."""

    url: str = ""
    keys: list[RSAKey] = field(default_factory=list)
    asked: int = 0

    def new_key(self, kid: str) -> RSAKey:
        """Return a key that is not published yet."""
        return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})

    def signed(self, payload: Any, key: RSAKey, **header: Any) -> str:
        """Return the payload as a compact JWS."""
        head = {"alg": "RS256", "kid": key.kid, **header}
        return serialize_compact(
            {name: item for name, item in head.items() if item is not None}, json.dumps(payload).encode(), key
        )


@contextmanager
def instructure() -> Iterator[Instructure]:
    """Run it on loopback until the block ends."""
    made = Instructure()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's name
            made.asked += 1
            body = json.dumps({"keys": [key.as_dict(private=False) for key in made.keys]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: Any) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        made.url = f"http://127.0.0.1:{port}/main/jwks"
        made.keys = [made.new_key(kid) for kid in ("previous", "current", "next")]
        yield made


@contextmanager
def serving(server: Any) -> Iterator[int]:
    """Run a server in a thread until the block ends; its port."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Doors:
    """The bridge as senders see it."""

    house: House
    url: str
    folder: Path
    clock: FixedClock

    def credential(self, source: str, *scopes: Scope, institution: InstitutionId = ORG) -> Issued:
        return credentials(self.house).add(institution, source, scopes, by="test")

    def canvas(self, keys: Instructure, source: str = "canvas-1", **change: str) -> CanvasSource:
        told = {"root_account_uuid": ACCOUNT, "hostname": HOST, "jwks_url": keys.url, **change}
        return canvas_sources(self.house).add(ORG, source, **told, by="test")

    def post(
        self, path: str, body: bytes | str, *, bearer: str | None = None, **headers: str
    ) -> requests.Response:
        """Send it over HTTP."""
        given = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        if bearer is not None:
            given["Authorization"] = f"Bearer {bearer}"
        sent = body if isinstance(body, bytes) else body.encode()
        return requests.post(f"{self.url}{path}", data=sent, headers=given, timeout=20)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.house.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def written(self) -> bytes:
        """Return every byte that the bridge has written."""
        self.rows("SELECT 1")
        return b"".join(path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file())


def token(issued: Issued) -> str:
    """Return a credential as the sender's bearer token."""
    return f"{issued.credential.id}.{issued.secret}"


@contextmanager
def open_doors(folder: Path, database_url: str = "") -> Iterator[Doors]:
    """Serve two institutions on loopback until the block ends; every file stands below `folder`."""
    clock = FixedClock(NOW)
    told: dict[str, object] = {"mode": Mode.DEMONSTRATION, "data": folder}
    if database_url:
        told["database_url"] = database_url
    house = House(Settings.model_validate(told), clock=clock)
    migrate(house.engine)
    for one in (ORG, OTHER):
        with house.uow.for_institution(one) as tx:
            tx.session.add(
                InstitutionRow(
                    id=one,
                    institution_id=one,
                    uscc=f"9144010{one}",
                    name="机构",
                    operator_name="运营",
                    provincial_connected=False,
                )
            )
    server = make_server("127.0.0.1", 0, create_app(house.settings, house), threaded=True)
    with serving(server) as port:
        yield Doors(house, f"http://127.0.0.1:{port}", folder, clock)
    house.close()


def statuses(response: requests.Response) -> Sequence[str]:
    """Return what became of each event."""
    return [one["status"] for one in response.json()["results"]]
