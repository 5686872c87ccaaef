"""Our tool for the peers: a small Flask application around `lti.flask`, which keeps what was launched."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Request, Response, jsonify

from lti.clock import SystemClock
from lti.errors import LaunchRefused
from lti.flask import lti_blueprint
from lti.http import GuardedHttp
from lti.keys import KeySource, ToolKey, ToolKeyRing
from lti.launch import Launch
from lti.registration import NetworkPolicy, Registration
from lti.registration_memory import MemoryRegistrations
from lti.services import ServiceCall, ServiceTokens
from lti.state import STATE_KEY_BYTES, MemoryUsedStates, StateSeal
from lti.tool import LtiTool
from tests.lti.served import served


class CountingHttp(GuardedHttp):
    """The guarded client, which tells how many documents (key sets) it fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.fetches = 0

    def get_json(self, url: str, policy: NetworkPolicy) -> Any:
        self.fetches += 1
        return super().get_json(url, policy)


class OurTool:
    """The tool on loopback. Registrations are of demonstration: http, on this machine alone."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.http = CountingHttp()
        self.clock = SystemClock()
        self.published = [ToolKey.generate()]  # the first signs
        self.calls = self.calls_signed_by(ToolKeyRing(self.published))
        self.launches: dict[str, Launch] = {}
        self.lti: LtiTool
        self._app: Flask | None = None

    def register(self, registrations: Iterable[Registration]) -> None:
        """Know these platforms, and no other."""
        self.lti = LtiTool(
            public_url=self.origin,
            registrations=MemoryRegistrations(list(registrations)),
            seal=StateSeal(secrets.token_bytes(STATE_KEY_BYTES)),
            used_states=MemoryUsedStates(),
            platform_keys=KeySource(self.http, self.clock),
            tool_keys=ToolKeyRing(self.published),
            clock=self.clock,
        )
        app = Flask(__name__)
        app.register_blueprint(lti_blueprint(self.lti, self._on_launch, _error_page))
        self._app = app

    def calls_signed_by(self, keys: ToolKeyRing) -> ServiceCall:
        """Return calls to services that hold no token yet and ask for theirs with `keys`."""
        return ServiceCall(self.http, ServiceTokens(self.http, keys, self.clock), self.clock)

    def _on_launch(self, launch: Launch, _request: Request) -> Response:
        held = secrets.token_hex(8)
        self.launches[held] = launch
        return jsonify(launch=held)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Answer as a WSGI application; before `register` there is nothing but 404."""
        return (self._app or Flask(__name__))(environ, start_response)


def _error_page(refusal: LaunchRefused) -> Response:
    return Response(refusal.message_zh)


@contextmanager
def running_tool() -> Iterator[OurTool]:
    """Serve a tool without registrations on a free port of loopback until the block ends."""
    held: list[OurTool] = []

    def answer(environ: Any, start_response: Any) -> Any:
        return held[0](environ, start_response)  # which address the tool has is known once it is served

    with served(answer) as origin:
        held.append(OurTool(origin))
        yield held[0]
