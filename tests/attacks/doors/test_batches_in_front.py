"""A batch is taken in front of the framework, and nobody can tell: the same headers, the same refusals."""

import io
from typing import Any

import pytest
import requests
from werkzeug.exceptions import ClientDisconnected

from bridge.web.agent_batches import PATH, REFUSED, AgentBatches
from tests.attacks.doors.agent import Agent, encoded
from tests.attacks.doors.server import BridgeServer, refused

_OF_THE_SERVER = frozenset({"Date", "Server", "Connection", "Content-Length"})


def told_by(answer: requests.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in _OF_THE_SERVER}


@pytest.mark.parametrize("origin", ["", "platform", "https://stranger.example"])
def test_the_headers_are_those_of_the_framework(bridge: BridgeServer, origin: str) -> None:
    agent = Agent.ready(bridge)
    headers = {"Origin": bridge.platform.issuer if origin == "platform" else origin} if origin else {}
    in_front = agent.post(agent.batch(), **headers)
    agent.nonce, agent.seq = in_front.json()["nonce"], in_front.json()["next_seq"]
    body = f"{agent.secret}\n".encode() + encoded(agent.batch())
    last = bridge.post("/agent/v1/batches/last", body, **{"Content-Type": "text/plain", **headers})

    assert (in_front.status_code, last.status_code) == (200, 200)
    assert told_by(in_front) == told_by(last)
    assert ("Access-Control-Allow-Origin" in in_front.headers) == (origin == "platform")


@pytest.mark.parametrize("origin", ["platform", "https://stranger.example"])
def test_a_refusal_has_them_too(bridge: BridgeServer, origin: str) -> None:
    agent = Agent.ready(bridge)
    headers = {"Origin": bridge.platform.issuer if origin == "platform" else origin}
    taken = agent.post(agent.batch(), **headers)
    answer = agent.post(agent.batch(seq=9), **headers)

    assert refused(answer, 409, "seq_out_of_order")["expected_seq"] == 2
    assert told_by(answer) == told_by(taken)


class Framework:
    """Notes what it was handed."""

    def __init__(self) -> None:
        self.handed: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.handed.append(environ)
        start_response("418 Framework", [])
        return [b"framework"]


class Front:
    """The middleware over made-up parts."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.framework = Framework()
        self.taken: list[tuple[bytes, str]] = []
        self.fault = fault
        self.statuses: list[str] = []
        self.app = AgentBatches(self.framework, self.take, lambda origin: {"Vary": origin or "none"}, 10)

    def take(self, body: bytes, authorization: str) -> bytes:
        if self.fault is not None:
            raise self.fault
        self.taken.append((body, authorization))
        return b"{}"

    def ask(self, body: bytes = b"12345", **changes: Any) -> bytes:
        environ = {
            "PATH_INFO": PATH,
            "REQUEST_METHOD": "POST",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            **changes,
        }
        return b"".join(self.app(environ, lambda status, headers: self.statuses.append(status)))


def test_a_batch_is_taken_and_answered() -> None:
    front = Front()
    assert front.ask(HTTP_AUTHORIZATION="Bearer x") == b"{}"
    assert (front.taken, front.statuses) == ([(b"12345", "Bearer x")], ["200 OK"])


@pytest.mark.parametrize(
    "changes",
    [
        {"PATH_INFO": PATH + "/"},
        {"PATH_INFO": PATH + "/last"},
        {"REQUEST_METHOD": "GET"},
        {"REQUEST_METHOD": "OPTIONS"},
        {"CONTENT_LENGTH": ""},
        {"CONTENT_LENGTH": "-1"},
        {"CONTENT_LENGTH": "many"},
        {"CONTENT_LENGTH": "٥"},
        {"CONTENT_LENGTH": "11"},
        {"CONTENT_LENGTH": "9" * 5000},
        {"HTTP_TRANSFER_ENCODING": "chunked"},
    ],
    ids=str,
)
def test_whatever_is_unusual_is_the_frameworks(changes: dict[str, Any]) -> None:
    front = Front()
    assert front.ask(**changes) == b"framework"
    assert front.taken == []
    assert REFUSED not in front.framework.handed[0]
    assert front.framework.handed[0]["wsgi.input"].read() == b"12345"


def test_a_refusal_is_handed_on_to_be_answered() -> None:
    fault = ValueError("no")
    front = Front(fault)
    assert front.ask() == b"framework"
    assert front.framework.handed[0][REFUSED] is fault


def test_a_batch_that_broke_off_is_not_taken() -> None:
    front = Front()
    assert front.ask(CONTENT_LENGTH="9") == b"framework"
    assert isinstance(front.framework.handed[0][REFUSED], ClientDisconnected)
    assert front.taken == []
