"""What the load tests say of what they saw."""

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.bench import loaded_bridge
from bridge.bench.agents import Agent, at_full_rate, at_pace, taken_seconds
from bridge.bench.loaded_bridge import LoadedBridge, OpenSession
from bridge.bench.memory import (
    BATCHES_IN_SESSION,
    SEATS,
    Seat,
    processes_under,
    resident_bytes,
    seats,
    sessions_needed,
)
from bridge.db.engine import open_engine
from bridge.kernel.errors import Unavailable
from bridge.settings import Settings


def test_processes_are_found_and_have_a_size() -> None:
    assert processes_under(os.getpid())[os.getpid()] == "serve"
    assert (resident_bytes(os.getpid()) or 0) > 2**20


def test_a_process_that_ended_has_no_size() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert resident_bytes(ended.pid) is None


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


def test_seats_change_their_learners_one_after_the_other_and_have_sessions_enough() -> None:
    batches = 2 * BATCHES_IN_SESSION + 5
    sessions = [OpenSession(f"ss_{n}", "secret", "f") for n in range(sessions_needed(batches))]
    taken = seats(sessions, "http://127.0.0.1:9", batches)
    assert len(taken) == SEATS
    assert len({seat.session.id for seat in taken}) == SEATS
    lengths = [seat._left for seat in taken]  # how long each one's first session is
    assert (min(lengths), max(lengths)) == (1, BATCHES_IN_SESSION)


def test_a_seat_goes_on_with_the_next_session(door: Door) -> None:
    sessions = iter([OpenSession(f"ss_{n}", "secret", "f") for n in range(2)])
    seat = Seat(sessions, door.url, first_batches=2)
    for _ in range(2 + BATCHES_IN_SESSION):
        seat.send()
    seat.close()
    turns = [re.search(r'"session":"(\w+)","seq":(\d+),"nonce":"(\w+)"', body) for body in door.bodies]
    assert [turn and turn.groups() for turn in turns[:4]] == [
        ("ss_0", "1", "f"),
        ("ss_0", "2", "1"),
        ("ss_1", "1", "f"),
        ("ss_1", "2", "3"),
    ]
    assert seat.sent == 2 + BATCHES_IN_SESSION
    with pytest.raises(StopIteration):
        seat.send()


def test_a_measurement_waits_until_the_worker_has_done_its_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'made-up.sqlite3'}")
    bridge = LoadedBridge(settings, tmp_path, "", 0, [])
    engine = open_engine(settings.database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE job (wanted INTEGER, done INTEGER)"))
        connection.execute(text("INSERT INTO job VALUES (3, 3), (2, 1)"))
    monkeypatch.setattr(loaded_bridge, "_DONE_SECONDS", -1.0)
    with pytest.raises(Unavailable) as left:
        bridge.wait_until_done()
    assert left.value.reason == "bench_work_left"
    with engine.begin() as connection:
        connection.execute(text("UPDATE job SET done = wanted"))
    bridge.wait_until_done()
    engine.dispose()
