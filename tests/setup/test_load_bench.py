"""What the load tests say of what they saw."""

import os
import re
import socket
import threading
from collections.abc import Iterator

import pytest

from bridge.bench.agents import Agent, at_full_rate, at_pace, taken_seconds
from bridge.bench.loaded_bridge import OpenSession
from bridge.bench.memory import after_warm_up, is_flat, processes_under, resident_bytes, slope
from bridge.kernel.errors import Unavailable

_MIB = 2**20


def grown(per_second: float, *, size: float = 100 * _MIB) -> list[tuple[float, int]]:
    return [(at, round(size + per_second * at)) for at in range(0, 600, 5)]


def test_the_trend_is_the_slope_of_the_samples() -> None:
    assert slope(grown(1000.0)) == pytest.approx(1000.0, rel=1e-3)
    assert slope([(1.0, 5)]) == 0.0


@pytest.mark.parametrize(("mib_in_ten_minutes", "flat"), [(0, True), (4, True), (-50, True), (7, False)])
def test_a_process_is_flat_below_five_percent(mib_in_ten_minutes: int, flat: bool) -> None:
    assert is_flat(grown(mib_in_ten_minutes * _MIB / 600), 600) is flat


def test_what_grows_in_the_warm_up_alone_is_flat() -> None:
    samples = [(at, round(min(at, 150) * _MIB)) for at in range(5, 600, 5)]
    assert is_flat(samples, 600)
    assert after_warm_up(samples, 600)[0][0] == 180


def test_processes_are_found_and_have_a_size() -> None:
    assert processes_under(os.getpid())[os.getpid()] == "serve"
    assert resident_bytes(os.getpid()) > _MIB


class Door:
    """A server that takes batches and gives nonces; it refuses the one after `until`."""

    def __init__(self, until: int) -> None:
        self.until = until
        self.bodies: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while stream.readline():
                length = 0
                while (line := stream.readline()) != b"\r\n":
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                self.bodies.append(stream.read(length).decode())
                taken = len(self.bodies) <= self.until
                content = b'{"nonce":"%x"}' % len(self.bodies) if taken else b'{"reason":"no"}'
                status = b"200 OK" if taken else b"409 Conflict"
                head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(content))
                # In two pieces, as a network may bring it.
                connection.sendall(head)
                connection.sendall(content)


@pytest.fixture
def door() -> Iterator[Door]:
    built = Door(until=10**9)
    yield built
    built.close()


def test_each_batch_takes_its_turn_with_the_nonce_it_was_told(door: Door) -> None:
    agent = Agent(OpenSession("ss_1", "secret", "f"), door.url)
    for _ in range(3):
        agent.send()
    agent.close()
    turns = [re.search(r'"seq":(\d+),"nonce":"(\w+)"', body) for body in door.bodies]
    assert [turn and turn.groups() for turn in turns] == [("1", "f"), ("2", "1"), ("3", "2")]
    assert [body.count("client_ms") for body in door.bodies] == [100] * 3


def test_a_pace_sends_so_many_and_the_full_rate_more(door: Door) -> None:
    agents = [Agent(OpenSession(f"ss_{n}", "secret", "f"), door.url) for n in range(2)]
    at_pace(agents, 40, warm_up=0.1, seconds=0.5)
    assert len(taken_seconds(agents)) == 20
    at_full_rate(agents, warm_up=0.0, seconds=0.2)
    assert taken_seconds(agents) != []
    assert taken_seconds(agents) == []


def test_a_refusal_ends_the_measurement() -> None:
    door = Door(until=2)
    with pytest.raises(Unavailable) as refused:
        at_full_rate([Agent(OpenSession("ss_1", "secret", "f"), door.url)], warm_up=0.0, seconds=30.0)
    assert refused.value.reason == "bench_refused"
    door.close()
