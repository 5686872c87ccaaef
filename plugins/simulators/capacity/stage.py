"""A real bridge to measure: `serve` in a folder of its own, sessions of made-up learners, batches at a given pace."""

import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import select, text

from bridge.bench.loaded_bridge import open_sessions
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.registry.tables import InstitutionRow
from bridge.settings import ROOT, Settings
from bridge.start import is_ready
from bridge.wiring import House
from plugins.simulators.capacity.queueing import poisson

EVENTS_IN_BATCH = 10
"""An agent that looks once a second and reports every ten."""
_READY_SECONDS = 60.0
_SENDERS = 12
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Sender:
    """One session, and what its next batch must say."""

    session: str
    secret: str
    nonce: str
    seq: int = 1


@dataclass(frozen=True)
class Sent:
    """What came of a stretch of sending.

    Args:
        seconds: how long each batch took, in the order of their answers; open-loop: from when it was due.
        over: how long the stretch lasted.
    """

    seconds: Sequence[float]
    over: float
    request_bytes: int
    reply_bytes: int


class Stage:
    """A running bridge."""

    def __init__(self, settings: Settings, house: House, supervisor: int, senders: Sequence[Sender]) -> None:
        self.settings = settings
        self.house = house
        self.senders = senders
        self._supervisor = supervisor
        self._backend = 0
        if house.engine.dialect.name == "postgresql":
            # Of a server on this machine a backend's parent is the server; of one elsewhere nothing is seen.
            self._lookout = house.engine.connect()
            self._backend = int(self._lookout.scalar(text("SELECT pg_backend_pid()")) or 0)
        parts = urlsplit(settings.public_url)
        self._address = (parts.hostname or "", parts.port)

    def close(self) -> None:
        """Let go of the connection that shows which server the database's is."""
        if self._backend:
            self._lookout.close()

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds that web, worker and the processes of this database's server have used."""
        used = {"web": 0.0, "worker": 0.0, "database": 0.0}
        for part, seconds, _pid, _parent in self._processes():
            used[part] += seconds
        return used

    def web_processes(self) -> int:
        """Return how many processes answer requests: those of the web that are nobody's parent."""
        web = [(pid, parent) for part, _seconds, pid, parent in self._processes() if part == "web"]
        return len({pid for pid, _ in web} - {parent for _, parent in web})

    def _processes(self) -> Iterator[tuple[str, float, int, int]]:
        """Yield part, CPU seconds, process and parent of each process that belongs to the bridge or its database."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            fields = rest.split()
            seconds = (int(fields[11]) + int(fields[12])) / _TICKS
            found[int(folder.name)] = (name, words, int(fields[1]), seconds)
        backend = found.get(self._backend)
        postmaster = 0 if backend is None else backend[2]
        for pid, (name, words, parent, seconds) in found.items():
            above = parent
            while above in found and above not in (self._supervisor, postmaster):
                above = found[above][2]
            if name == "postgres" and postmaster in (pid, above):
                yield "database", seconds, pid, parent
            elif above == self._supervisor and len(words) > 2 and words[-2] in (b"web", b"worker"):
                yield words[-2].decode(), seconds, pid, parent

    def send_in_turn(self, batches: int) -> Sent:
        """Send one after another over one connection: what a batch takes when nobody else is there."""
        connection = http.client.HTTPConnection(*self._address, timeout=20)
        begin = time.perf_counter()
        taken, sizes = [], (0, 0)
        for number in range(batches):
            started = time.perf_counter()
            sizes = _send(connection, self.senders[number % len(self.senders)])
            taken.append(time.perf_counter() - started)
        connection.close()
        return Sent(taken, time.perf_counter() - begin, *sizes)

    def send_at(self, rate: float, seconds: float, *, seed: int = 1) -> Sent:
        """Send `rate` batches a second at moments that are independent of the answers; a late one counts its delay."""
        due = list(_until(seconds, rate, seed))
        taken: list[float] = []
        faults: list[str] = []
        turn = iter(enumerate(due))
        lock = threading.Lock()
        begin = time.perf_counter()
        sizes = [(0, 0)]

        def work() -> None:
            connection = http.client.HTTPConnection(*self._address, timeout=20)
            while not faults:
                with lock:
                    number, at = next(turn, (0, -1.0))
                if at < 0:
                    break
                time.sleep(max(0.0, begin + at - time.perf_counter()))
                try:
                    sizes[0] = _send(connection, self.senders[number % len(self.senders)])
                except (Unavailable, OSError) as error:
                    faults.append(str(error))
                    break
                taken.append(time.perf_counter() - begin - at)
            connection.close()

        threads = [threading.Thread(target=work) for _ in range(_SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if faults:
            raise Unavailable("capacity_refused", f"测量中有请求失败:{faults[0]}", permanent=True)
        return Sent(taken, time.perf_counter() - begin, *sizes[0])


@contextmanager
def stage(database_url: str = "", sessions: int = 120) -> Iterator[Stage]:
    """Run a bridge until the block ends.

    Args:
        database_url: an empty PostgreSQL database; SQLite in the folder if there is none.

    Raises:
        InvalidInput: capacity_database_used.
        Unavailable: capacity_not_ready.
    """
    with tempfile.TemporaryDirectory(prefix="anxue-capacity-") as folder:
        port = _free_port()
        named = {
            # The made-up class run comes with a demonstration platform; study time runs 1:1 all the same.
            "mode": "demonstration",
            "study_factor": "1",
            "data": folder,
            "host": "127.0.0.1",
            "port": str(port),
            "public_url": f"http://127.0.0.1:{port}",
            "database_url": database_url,
            "var": str(Settings().var),
        }
        settings = Settings.model_validate(named)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANXUE_")}
        environment |= {f"ANXUE_{name.upper()}": value for name, value in named.items()}
        command = [sys.executable, "-m", "bridge.cli", "serve"]
        serving = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait_until_ready(settings, serving)
            house = House.build(settings)
            try:
                one = Stage(settings, house, serving.pid, _open(house, sessions))
                yield one
                one.close()
            finally:
                house.close()
        finally:
            serving.terminate()
            serving.wait(30)


def _open(house: House, count: int) -> Sequence[Sender]:
    with house.uow.across_institutions("whether the database is empty", read_only=True) as tx:
        if tx.session.scalar(select(InstitutionRow.id).limit(1)) is not None:
            raise InvalidInput("capacity_database_used", "测量需要一个空的数据库,请新建一个再试")
    return [Sender(one.id, one.secret, one.nonce) for one in open_sessions(house, count)]


def _send(connection: http.client.HTTPConnection, sender: Sender) -> tuple[int, int]:
    """Send the session's next batch; return the bytes of request and reply, headers included (estimated by line)."""
    begin_ms = sender.seq * EVENTS_IN_BATCH * 1000
    events = [
        {"client_ms": begin_ms + 1000 * i, "media_ms": begin_ms + 1000 * i, "visible": True,
         "interaction_ms": begin_ms, "rate": 1}
        for i in range(EVENTS_IN_BATCH)
    ]  # fmt: skip
    body = json.dumps(
        {"v": 1, "session": sender.session, "seq": sender.seq, "nonce": sender.nonce, "events": events}
    ).encode()
    headers = {"Authorization": f"Bearer {sender.secret}", "Content-Type": "application/json"}
    connection.request("POST", "/agent/v1/batches", body, headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise Unavailable("capacity_refused", content.decode(errors="replace")[:200], permanent=True)
    sender.nonce, sender.seq = json.loads(content)["nonce"], sender.seq + 1
    sent = sum(len(name) + len(value) + 4 for name, value in headers.items()) + 120
    came = sum(len(name) + len(value) + 4 for name, value in answer.getheaders()) + 20
    return len(body) + sent, len(content) + came


def _until(seconds: float, rate: float, seed: int) -> Iterator[float]:
    for at in poisson(rate, random.Random(seed)):  # noqa: S311  # a simulation
        if at > seconds:
            return
        yield at


def _wait_until_ready(settings: Settings, serving: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not is_ready(settings):
        if serving.poll() is not None or time.monotonic() > deadline:
            raise Unavailable(
                "capacity_not_ready", "测量用的安学桥没有启动,请先运行 ./anxue serve 查看原因。"
            )
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
