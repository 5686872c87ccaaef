"""The guarded network (B19): addresses, redirects, sizes, slowness; against real sockets on loopback."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from werkzeug.wrappers import Request, Response

from lti.errors import LaunchRefused, ServiceFailed
from lti.http import GuardedHttp, address_allowed
from lti.keys import KeySource
from lti.registration import NetworkPolicy
from tests.lti.platform import Platform, StandingClock
from tests.lti.served import served

PUBLIC = NetworkPolicy()
DEMO = NetworkPolicy(demo=True)
ALLOWED = NetworkPolicy(frozenset({"lms.internal"}))


@pytest.mark.parametrize(
    ("address", "scheme", "policy", "allowed"),
    [
        ("93.184.216.34", "https", PUBLIC, True),
        ("2606:4700::1111", "https", PUBLIC, True),
        ("93.184.216.34", "http", PUBLIC, False),
        ("93.184.216.34", "http", DEMO, False),
        ("10.1.2.3", "https", PUBLIC, False),
        ("172.16.0.1", "https", PUBLIC, False),
        ("192.168.1.1", "https", PUBLIC, False),
        ("100.64.0.1", "https", PUBLIC, False),
        ("127.0.0.1", "https", PUBLIC, False),
        ("::1", "https", PUBLIC, False),
        ("0.0.0.0", "https", PUBLIC, False),  # noqa: S104  # refused, not bound
        ("169.254.169.254", "https", PUBLIC, False),
        ("fe80::1%eth0", "https", PUBLIC, False),
        ("fd00::1", "https", PUBLIC, False),
        ("224.0.0.1", "https", PUBLIC, False),
        ("255.255.255.255", "https", PUBLIC, False),
        ("::ffff:127.0.0.1", "https", PUBLIC, False),
        ("::ffff:10.0.0.1", "https", PUBLIC, False),
        ("64:ff9b::a9fe:a9fe", "https", PUBLIC, False),
        ("2002:a00:1::", "https", PUBLIC, False),
        ("not-an-address", "https", PUBLIC, False),
        ("127.0.0.1", "http", DEMO, True),
        ("127.0.0.1", "https", DEMO, True),
        ("::1", "http", DEMO, True),
        ("10.1.2.3", "https", DEMO, False),
        ("10.1.2.3", "https", ALLOWED, True),
        ("10.1.2.3", "http", ALLOWED, False),
        ("169.254.169.254", "https", ALLOWED, False),
        ("0.0.0.0", "https", ALLOWED, False),  # noqa: S104  # refused, not bound
    ],
)
def test_address_rules(address: str, scheme: str, policy: NetworkPolicy, allowed: bool) -> None:
    assert address_allowed(address, "lms.internal", scheme, policy) is allowed


def test_an_allowed_host_lends_its_leave_to_no_other() -> None:
    assert not address_allowed("10.1.2.3", "other.internal", "https", ALLOWED)


class Odd:
    """A platform's server that answers as told and counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.bodies: list[bytes] = []
        self.answer: Callable[[Request], Response] = lambda _: Response("{}", content_type="application/json")

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        self.bodies.append(request.get_data())
        self.asked.append(request)
        return self.answer(request)(environ, start_response)


@pytest.fixture
def odd() -> Odd:
    return Odd()


@pytest.fixture
def origin(odd: Odd) -> Iterator[str]:
    with served(odd) as address:
        yield address


def failure(url: str, policy: NetworkPolicy = DEMO, **limits: Any) -> str:
    with pytest.raises(ServiceFailed) as failed:
        GuardedHttp(**limits).get_json(url, policy)
    return failed.value.reason


def test_b19_a_good_answer_comes_through(odd: Odd, origin: str) -> None:
    odd.answer = lambda _: Response('{"keys": []}')
    assert GuardedHttp().get_json(origin + "/jwks", DEMO) == {"keys": []}
    assert odd.asked[0].headers["Accept"] == "application/json"


def test_b19_http_is_refused_without_a_call(odd: Odd, origin: str) -> None:
    assert failure(origin, PUBLIC) == "https_required"
    assert odd.asked == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]"]
)
def test_b19_private_addresses_are_refused_without_a_connection(host: str) -> None:
    assert failure(f"https://{host}/jwks", PUBLIC) == "address_refused"


@pytest.mark.parametrize("url", ["http://10.0.0.1/jwks", "http://169.254.169.254/latest/meta-data"])
def test_b19_a_demo_reaches_loopback_alone(url: str) -> None:
    assert failure(url) == "address_refused"


def test_b19_a_name_is_judged_by_the_address_that_is_connected_to(
    odd: Odd, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that answers with a public address first and a private one next gains nothing."""
    real, port = socket.getaddrinfo, int(origin.rsplit(":", 1)[1])
    answers = iter(["93.184.216.34", "127.0.0.1"])

    def rebinding(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real(next(answers) if host == "rebinding.example" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    tried: list[Any] = []

    def no_connection(address: Any, timeout: int) -> socket.socket:
        tried.append(address)
        raise OSError("not in a test")

    monkeypatch.setattr(socket, "create_connection", no_connection)
    assert failure(f"https://rebinding.example:{port}/", PUBLIC) == "platform_unreachable"
    assert tried == [("93.184.216.34", port)]
    assert failure(f"https://rebinding.example:{port}/", PUBLIC) == "address_refused"
    assert (len(tried), odd.asked) == (1, [])


def test_b19_one_private_address_among_public_ones_refuses_all(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    assert failure("https://mixed.example/", PUBLIC) == "address_refused"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_b19_redirects_are_not_followed(odd: Odd, origin: str, status: int) -> None:
    odd.answer = lambda _: Response(status=status, headers={"Location": origin + "/elsewhere"})
    assert failure(origin) == "redirect_refused"
    assert len(odd.asked) == 1


def test_b19_large_answers_are_cut(odd: Odd, origin: str) -> None:
    odd.answer = lambda _: Response(b" " * (2 << 20))
    assert failure(origin) == "reply_too_large"


def test_b19_compressed_bombs_are_counted_unpacked(odd: Odd, origin: str) -> None:
    import gzip

    bomb = gzip.compress(b" " * (8 << 20))
    assert len(bomb) < 1 << 20
    odd.answer = lambda _: Response(bomb, headers={"Content-Encoding": "gzip"})
    assert failure(origin) == "reply_too_large"


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff", b"[" * 100000])
def test_b19_what_is_not_json_is_refused(odd: Odd, origin: str, body: bytes) -> None:
    odd.answer = lambda _: Response(body)
    assert failure(origin) == "reply_not_json"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (500, "platform_error"),
        (503, "platform_error"),
        (429, "platform_error"),
        (408, "platform_error"),
        (425, "platform_error"),
        (404, "request_refused"),
        (201, "request_refused"),
    ],
)
def test_b19_errors_are_errors(odd: Odd, origin: str, status: int, reason: str) -> None:
    odd.answer = lambda _: Response('{"keys": []}', status=status)
    assert failure(origin) == reason


def _drip(listener: socket.socket, head: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        try:
            connection.sendall(head)
            while True:
                connection.sendall(b" ")
                time.sleep(0.05)
        except OSError:
            return


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["headers", "body"])
def test_b19_dripping_bytes_do_not_outlast_the_limit(head: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dripping = threading.Thread(target=_drip, args=(listener, head), daemon=True)
        dripping.start()
        start = time.monotonic()
        assert failure(f"http://127.0.0.1:{listener.getsockname()[1]}/", total_seconds=1) == "platform_slow"
        assert time.monotonic() - start < 3
        dripping.join(timeout=5)
        assert not dripping.is_alive()


def test_b19_silence_is_bounded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert failure(url, read_seconds=1) == "platform_slow"


def test_b19_nobody_there_is_worth_another_try() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServiceFailed) as failed:
        GuardedHttp().get_json(f"http://127.0.0.1:{port}/", DEMO)
    assert (failed.value.reason, failed.value.permanent) == ("platform_unreachable", False)


def test_b19_a_name_with_many_dead_addresses_buys_no_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"93.184.216.{n}", 443)) for n in range(100)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: many)
    tried: list[Any] = []

    def dead(address: Any, timeout: int) -> socket.socket:
        tried.append(address)
        time.sleep(0.4)
        raise OSError("no answer")

    monkeypatch.setattr(socket, "create_connection", dead)
    assert failure("https://dead.example/", PUBLIC, total_seconds=1) == "platform_slow"
    assert len(tried) < 10


def test_b19_a_connection_that_comes_too_late_is_not_used(
    odd: Odd, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.create_connection

    def late(address: Any, timeout: int) -> socket.socket:
        time.sleep(1.3)
        return real(address, timeout=timeout)

    monkeypatch.setattr(socket, "create_connection", late)
    assert failure(origin, total_seconds=1) == "platform_slow"
    assert odd.asked == []


@pytest.mark.parametrize("error", [socket.gaierror("no such name"), UnicodeError("label too long")])
def test_a_name_that_nobody_knows_is_worth_another_try(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ServiceFailed) as failed:
        GuardedHttp().get_json("https://nobody.example/", PUBLIC)
    assert (failed.value.reason, failed.value.permanent) == ("host_not_found", False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The files of a certificate for 127.0.0.1 that nobody vouches for, and of its key; made for this run."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a platform of the tests")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_b19_an_unknown_authority_is_refused_until_it_is_named(
    odd: Odd, certificate: tuple[str, str]
) -> None:
    policy = NetworkPolicy(frozenset({"127.0.0.1"}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with served(odd, context) as origin:
        assert origin.startswith("https:")
        assert failure(origin, policy) == "certificate_refused"
        assert odd.asked == []
        assert GuardedHttp(ca_bundle=certificate[0]).get_json(origin, policy) == {}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_every_method_carries_its_headers_and_body_and_brings_the_answers_back(
    odd: Odd, origin: str, method: str
) -> None:
    headers = {"Link": '<https://lms.example/2>; rel="next"', "Retry-After": "7"}
    odd.answer = lambda _: Response(b"\x00 as is", status=418, headers=headers)
    body = None if method == "GET" else b'{"a": 1}'
    reply = GuardedHttp().request(
        method, origin + "/x?y=1", DEMO, headers={"Content-Type": "application/x+json"}, body=body
    )
    asked = odd.asked[0]
    assert (asked.method, asked.full_path, odd.bodies[0]) == (method, "/x?y=1", body or b"")
    assert asked.headers["Content-Type"] == "application/x+json"
    assert (reply.status, reply.body) == (418, b"\x00 as is")
    assert reply.headers["link"] == '<https://lms.example/2>; rel="next"'
    assert reply.headers["retry-after"] == "7"


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "get", "CONNECT", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"])
def test_other_methods_are_refused(odd: Odd, origin: str, method: str) -> None:
    with pytest.raises(ValueError, match="GET, POST"):
        GuardedHttp().request(method, origin, DEMO, headers={})
    assert odd.asked == []


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_b19_no_method_follows_a_redirect(odd: Odd, origin: str, method: str) -> None:
    odd.answer = lambda _: Response(status=307, headers={"Location": origin + "/elsewhere"})
    with pytest.raises(ServiceFailed, match="redirect_refused"):
        GuardedHttp().request(method, origin, DEMO, headers={"Authorization": "Bearer t"}, body=None)
    assert len(odd.asked) == 1


@pytest.mark.parametrize(
    "url", ["", "file:///etc/passwd", "https://user@lms.example/", "https://lms.example:99999/"]
)
def test_odd_urls_are_refused(url: str) -> None:
    assert failure(url) == "url_invalid"


def test_the_environment_lends_no_proxy_and_no_password(
    odd: Odd, origin: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    GuardedHttp().get_json(origin, DEMO)
    assert "Authorization" not in odd.asked[0].headers


def _slow(_: Request) -> Response:
    time.sleep(1.5)
    return Response("{}")


FAULTS: dict[str, Callable[[Request], Response]] = {
    "500": lambda _: Response("<html>oops</html>", status=500),
    "redirect": lambda _: Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    "too-large": lambda _: Response(b'{"keys": []' + b" " * (1 << 20) + b"}"),
    "slow": _slow,
    "no-json": lambda _: Response("<html>maintenance</html>"),
    "no-jwks": lambda _: Response('{"keys": {}}'),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_b19_old_keys_serve_on_when_a_real_server_fails(odd: Odd, origin: str, fault: str) -> None:
    clock = StandingClock()
    platform = Platform(origin, "client-1", clock, "https://tool.example")
    registration = platform.registration(demo=True)
    source = KeySource(GuardedHttp(read_seconds=1, total_seconds=2), clock)
    odd.answer = FAULTS[fault]
    with pytest.raises(LaunchRefused, match="platform_keys_unavailable"):
        source.key(registration, "key-1")
    clock.advance(30)
    odd.answer = lambda _: Response(json.dumps(platform.jwks))
    source.key(registration, "key-1")
    odd.answer = FAULTS[fault]
    clock.advance(4000)
    assert source.key(registration, "key-1").key_type == "RSA"
    assert len(odd.asked) == 3
