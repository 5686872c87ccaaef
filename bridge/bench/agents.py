"""Agents that send batches as fast as they are answered, or at a pace. They cost the machine as little as can be."""

import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bridge.bench.loaded_bridge import OpenSession
from bridge.kernel.errors import Unavailable

EVENTS_IN_BATCH = 100
_NONCE = re.compile(rb'"nonce":"([0-9a-f]+)"')
_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
Load = Callable[["Agent", int], None]
_EVENTS: dict[int, str] = {}


@dataclass(slots=True)
class Agent:
    """One session's agent over one kept-alive connection."""

    session: OpenSession
    url: str
    seq: int = 1
    nonce: str = ""
    seconds: list[float] = field(default_factory=list)
    _socket: socket.socket | None = None

    def send(self) -> None:
        """Send the batch whose turn it is; Unavailable("bench_refused") unless it is taken."""
        body = self._body()
        parts = urlsplit(self.url)
        if self._socket is None:
            self._socket = socket.create_connection((parts.hostname or "", parts.port or 80), 60)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(
            f"POST /agent/v1/batches HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Authorization: Bearer {self.session.secret}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head, content = self._answer(self._socket)
        nonce = _NONCE.search(content)
        if not head.startswith(b"HTTP/1.1 200 ") or nonce is None:
            raise Unavailable("bench_refused", f"测量中有请求被拒绝:{content.decode()[:200]}", permanent=True)
        self.nonce = nonce[1].decode()
        self.seq += 1

    def close(self) -> None:
        """Let go of the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _body(self) -> bytes:
        # The events are formatted once for each position, so that the client costs the machine little.
        media = (self.seq - 1) * EVENTS_IN_BATCH * 100
        events = _EVENTS.get(media)
        if events is None:
            events = _EVENTS[media] = ",".join(
                f'{{"client_ms":{media + 100 * i},"media_ms":{media + 100 * i},"visible":true,'
                f'"interaction_ms":{media},"rate":1}}'
                for i in range(EVENTS_IN_BATCH)
            )
        return (
            f'{{"v":1,"session":"{self.session.id}","seq":{self.seq},"nonce":"{self.nonce or self.session.nonce}",'
            f'"events":[{events}]}}'
        ).encode()

    @staticmethod
    def _answer(connection: socket.socket) -> tuple[bytes, bytes]:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += _more(connection)
        head, content = received[:end], received[end + 4 :]
        length = _LENGTH.search(head)
        while length is not None and len(content) < int(length[1]):
            content += _more(connection)
        return head, content


def at_full_rate(agents: Sequence[Agent], *, warm_up: float, seconds: float) -> None:
    """Have each agent send as soon as it is answered; note how long each batch after the warm-up took."""
    begin = time.monotonic()
    counted_from, end = begin + warm_up, begin + warm_up + seconds

    def load(agent: Agent, _place: int) -> None:
        while (started := time.monotonic()) < end:
            agent.send()
            finished = time.monotonic()
            if started >= counted_from and finished <= end:
                agent.seconds.append(finished - started)

    _all(agents, load)


def all_at_once(agents: Sequence[Agent], batches: int) -> None:
    """Have each agent send so many batches, each as soon as the one before is answered."""

    def load(agent: Agent, _place: int) -> None:
        for _ in range(batches):
            agent.send()

    _all(agents, load)


def at_pace(agents: Sequence[Agent], batches_per_second: float, *, warm_up: float, seconds: float) -> None:
    """Have the agents together send so many batches a second, and note how long each after the warm-up took.

    A batch's time begins when it was due: who is answered late is late with the next as well, and that counts.
    """
    begin = time.monotonic()
    every = len(agents) / batches_per_second

    def load(agent: Agent, place: int) -> None:
        due = begin + (place + 0.5) / batches_per_second
        while due < begin + warm_up + seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            agent.send()
            if due >= begin + warm_up:
                agent.seconds.append(time.monotonic() - due)
            due += every

    _all(agents, load)


def taken_seconds(agents: Sequence[Agent]) -> list[float]:
    """Return what the agents noted, the shortest first, and have them forget it."""
    found = sorted(one for agent in agents for one in agent.seconds)
    for agent in agents:
        agent.seconds.clear()
    return found


def _all(agents: Sequence[Agent], load: Load) -> None:
    faults: list[Exception] = []

    def run(agent: Agent, place: int) -> None:
        try:
            load(agent, place)
        except (OSError, Unavailable) as fault:
            faults.append(fault)
        finally:
            agent.close()

    threads = [
        threading.Thread(target=run, args=(agent, place), daemon=True) for place, agent in enumerate(agents)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def _more(connection: socket.socket) -> bytes:
    more = connection.recv(65_536)
    if not more:
        raise ConnectionError("the bridge closed the connection")
    return more
