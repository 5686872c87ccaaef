"""Who writes an address into a header, over real HTTP: only a proxy of ours is believed, and only what it added."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import request

from bridge.app import create_app
from tests.lti.served import served
from tests.web.furnished import Furnished, furnish

LIMIT = 30
"""Of looking up a paper: requests a minute."""
PROXY, VISITOR, OTHER = "127.0.0.1", "198.51.100.7", "198.51.100.8"


@pytest.fixture
def furnished(tmp_path: Path) -> Iterator[Furnished]:
    made = furnish(tmp_path)
    yield made
    made.house.close()


class Edge:
    """The bridge behind HTTP on loopback, as peers of several addresses reach it."""

    def __init__(self, origin: str) -> None:
        self.host = urlsplit(origin).netloc

    def get(self, path: str, *headers: tuple[str, str], peer: str = PROXY) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.host, timeout=10, source_address=(peer, 0))
        connection.putrequest("GET", path)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        content = answer.read().decode()
        connection.close()
        return answer.status, content

    def look_up(self, said: str | None = None, *, peer: str = PROXY) -> int:
        headers = () if said is None else (("X-Forwarded-For", said),)
        return self.get("/verify/AX-0", *headers, peer=peer)[0]

    def seen(self, *headers: tuple[str, str], peer: str = PROXY) -> str:
        """Return what the application sees of who asks: address, host and scheme."""
        return self.get("/healthz/who", *headers, peer=peer)[1]


@contextmanager
def edge(furnished: Furnished, trusted: str) -> Iterator[Edge]:
    settings = furnished.house.settings.model_copy(update={"trusted_proxies": trusted})
    app = create_app(settings, furnished.house)
    app.add_url_rule(
        "/healthz/who",
        "who",
        lambda: f"{request.remote_addr} {request.host} {request.scheme} {request.headers}",
    )
    with served(app) as origin:
        yield Edge(origin)


@pytest.mark.parametrize("trusted", ["", "127.0.0.2", "10.0.0.0/8"], ids=["nobody", "another", "a network"])
def test_an_untrusted_peer_buys_no_further_tries_by_a_header(furnished: Furnished, trusted: str) -> None:
    with edge(furnished, trusted) as bridge:
        answers = [bridge.look_up(f"203.0.113.{number}") for number in range(LIMIT + 5)]

    assert 429 not in answers[:LIMIT]
    assert answers[LIMIT:] == [429] * 5


def test_a_trusted_proxys_visitors_are_counted_apart(furnished: Furnished) -> None:
    with edge(furnished, PROXY) as bridge:
        assert 429 not in [bridge.look_up(VISITOR) for _ in range(LIMIT)]
        assert bridge.look_up(VISITOR) == 429
        assert bridge.look_up(OTHER) != 429


def test_what_a_visitor_wrote_before_the_proxy_did_buys_nothing(furnished: Furnished) -> None:
    with edge(furnished, PROXY) as bridge:
        answers = [bridge.look_up(f"203.0.113.{number}, 127.0.0.1, {VISITOR}") for number in range(LIMIT + 1)]

    assert 429 not in answers[:LIMIT]
    assert answers[LIMIT] == 429


def test_a_visitor_cannot_use_up_anothers_tries(furnished: Furnished) -> None:
    with edge(furnished, PROXY) as bridge:
        for _ in range(LIMIT + 1):
            bridge.look_up(f"{VISITOR}, {OTHER}")
            bridge.look_up(VISITOR, peer="127.0.0.2")

        assert bridge.look_up(VISITOR) != 429


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        (f"{VISITOR}", VISITOR),
        (f"{OTHER}, {VISITOR}, 10.1.2.3", VISITOR),
        (f"{VISITOR}, 10.1.2.3, 10.1.2.4", VISITOR),
        ("10.1.2.3", "10.1.2.3"),
        ("unknown", PROXY),
        (f"{VISITOR}, _hidden, 10.1.2.3", "10.1.2.3"),
        (f"{VISITOR}:443", PROXY),
        ("", PROXY),
        (", ,", PROXY),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:198.51.100.7", VISITOR),
        ("x" * 5000, PROXY),
    ],
)
def test_a_chain_is_read_from_its_end(furnished: Furnished, said: str, seen: str) -> None:
    with edge(furnished, f"{PROXY}, 10.0.0.0/8") as bridge:
        assert bridge.seen(("X-Forwarded-For", said)).split()[0] == seen


@pytest.mark.parametrize("peer", [PROXY, "127.0.0.2"], ids=["proxy", "stranger"])
def test_no_other_header_says_where_from_or_what_we_are_called(furnished: Furnished, peer: str) -> None:
    lies = (
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Port", "1"),
        ("X-Forwarded-Prefix", "/evil.example"),
        ("X-Real-IP", "203.0.113.1"),
        ("Forwarded", "for=203.0.113.1;host=evil.example;proto=https"),
    )
    with edge(furnished, PROXY) as bridge:
        plain, told = bridge.seen(peer=peer), bridge.seen(("Host", bridge.host), *lies, peer=peer)

    assert told.split()[0] == plain.split()[0] == peer
    assert "evil.example" not in told
    assert "203.0.113.1" not in told
    assert " https " not in told
