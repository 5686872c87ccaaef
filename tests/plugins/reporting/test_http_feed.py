"""The regulator's door keeps its time: what comes drop by drop is cut off; a broken line is no wrong certificate."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.kernel.errors import Unavailable
from plugins.reporting.guangdong.http_feed import HttpFeed
from plugins.simulators.province.certificates import HOST, make_certificates, server_context

DROPS = 400
"""More than a request waits for, and an end all the same: without the deadline a test fails, and does not hang."""
_PATIENCE_SECONDS = 10
ENOUGH = b"<r/>"


@dataclass
class Line:
    """A port of this machine, and of each connection whether the other side had enough before we had said it all."""

    port: int
    cut: list[bool] = field(default_factory=list)


@contextmanager
def _listening(answer: Callable[[socket.socket], None]) -> Iterator[Line]:
    """Answer each connection on a free port of this machine by `answer`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closing = threading.Event()
        line = Line(server.getsockname()[1])

        def serve() -> None:
            while not closing.is_set():
                try:
                    connection, _address = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        answer(connection)
                        line.cut.append(False)
                    except OSError:
                        line.cut.append(True)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield line
        finally:
            closing.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _read_request(connection: socket.socket) -> None:
    said = b""
    while not said.endswith((b"<Batch/>", b"\r\n\r\n") if said.startswith(b"GET") else b"<Batch/>"):
        said += connection.recv(65536) or b"<Batch/>"


def _drip(connection: socket.socket, start: bytes, drop: bytes, end: bytes) -> None:
    _read_request(connection)
    connection.sendall(start)
    pause = threading.Event()
    for _ in range(DROPS):
        pause.wait(0.02)
        connection.sendall(drop)
    connection.sendall(end)


def _drip_body(connection: socket.socket) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (DROPS + len(ENOUGH))
    _drip(connection, head, b" ", ENOUGH)


def _drip_body_until_closed(connection: socket.socket) -> None:
    _drip(connection, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" ", ENOUGH)


def _drip_headers(connection: socket.socket) -> None:
    _drip(connection, b"HTTP/1.1 200 OK\r\nX: ", b"x", b"\r\nContent-Length: 4\r\n\r\n" + ENOUGH)


@pytest.mark.parametrize("drip", [_drip_body, _drip_body_until_closed, _drip_headers])
def test_an_answer_drop_by_drop_is_cut_off(drip: Callable[[socket.socket], None]) -> None:
    with _listening(drip) as line:
        feed = HttpFeed(f"http://127.0.0.1:{line.port}", "key", whole_seconds=0.5)
        with pytest.raises(Unavailable) as slow:
            feed.send(b"<Batch/>", "batch_1")
        assert (slow.value.reason, slow.value.permanent) == ("regulator_too_slow", False)
        with pytest.raises(Unavailable, match="regulator_too_slow"):
            feed.books("91440101MA59EXAMPX", "440100", "2026-11-29")
    assert line.cut == [True, True]


def test_a_connection_that_is_kept_is_watched_as_well() -> None:
    def twice(connection: socket.socket) -> None:
        _read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + ENOUGH)
        _drip_body(connection)

    with _listening(twice) as line:
        feed = HttpFeed(f"http://127.0.0.1:{line.port}", "key", whole_seconds=3)
        assert feed.send(b"<Batch/>", "batch_1") == ENOUGH
        with pytest.raises(Unavailable, match="regulator_too_slow"):
            feed.send(b"<Batch/>", "batch_2")
    assert line.cut == [True]


def test_a_handshake_that_hangs_is_cut_off(tmp_path: Path) -> None:
    def silence(connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE_SECONDS)
        try:
            while connection.recv(65536):
                pass
        except TimeoutError:
            return
        raise ConnectionError

    with _listening(silence) as line:
        feed = HttpFeed(
            f"https://{HOST}:{line.port}",
            "key",
            ca_file=make_certificates(tmp_path),
            connect_seconds=2 * _PATIENCE_SECONDS,
            whole_seconds=0.5,
        )
        with pytest.raises(Unavailable, match="regulator_too_slow"):
            feed.send(b"<Batch/>", "batch_1")
    assert line.cut == [True]


@pytest.mark.parametrize(
    ("wrong", "reason", "permanent"),
    [(True, "regulator_certificate", True), (None, "regulator_unreachable", False)],
)
def test_a_wrong_certificate_stops_the_door_and_a_broken_handshake_does_not(
    tmp_path: Path, *, wrong: bool | None, reason: str, permanent: bool
) -> None:
    ca_file = make_certificates(tmp_path)

    def answer(connection: socket.socket) -> None:
        connection.recv(1 if wrong is None else 0)
        if wrong is not None:
            server_context(tmp_path, lambda: True).wrap_socket(connection, server_side=True)

    with _listening(answer) as line:
        feed = HttpFeed(f"https://{HOST}:{line.port}", "key", ca_file=ca_file)
        with pytest.raises(Unavailable) as refused:
            feed.send(b"<Batch/>", "batch_1")
    assert (refused.value.reason, refused.value.permanent) == (reason, permanent)


def test_a_door_in_time_is_not_disturbed() -> None:
    def answer(connection: socket.socket) -> None:
        _read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\n" + ENOUGH)

    with _listening(answer) as line:
        feed = HttpFeed(f"http://127.0.0.1:{line.port}", "key")
        assert [feed.send(b"<Batch/>", f"batch_{number}") for number in range(3)] == [ENOUGH] * 3
