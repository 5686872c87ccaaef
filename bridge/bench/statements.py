"""Bench `statements`: xAPI statements a second through the door of a real `serve`, against Ralph.

Both take the same made-up statements of the video profile over two kept-alive connections, one after the other in
one run. Ours checks, blinds, cleans and chains them and answers after a durable commit (SQLite, synchronous=FULL);
Ralph checks them and puts them into a dictionary (see `ralph_peer` for why). Each starts empty for each size, and is
asked once it is at rest.
"""

import base64
import http.client
import json
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from os import environ
from pathlib import Path
from uuid import uuid4

from bridge.bench.settling import wait_until_at_rest
from bridge.intake.xapi.model import Scope
from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import InstitutionId
from bridge.settings import ROOT, Mode, Settings
from bridge.setup.peer_environment import RALPH, ensure_peer

SIZES = (100, 10, 1)
"""Statements in a request."""
SECONDS = 8.0
CONNECTIONS = 2
_STORAGES = ("file", "memory")
_WARM_UP_SECONDS = 1.0
_READY_SECONDS = 60.0
_STOP_SECONDS = 30.0
_PEOPLE, _UNITS = 50, 20
_VIEWERS = 100
"""Of a connection: each watches one unit; a person watches two."""
_VIEWING = 20
"""Statements of a viewing, each at another time; then another begins, with a session of its own."""
_VERBS = {"played": "播放", "paused": "暂停", "seeked": "跳转"}
_ID, _SESSION, _TIME, _AT = (f"%({name})s" for name in ("id", "session", "time", "at"))


@dataclass(frozen=True, slots=True)
class _Door:
    """Where statements are taken, and by which key."""

    port: int
    path: str
    key: str
    secret: str


def run() -> dict[str, object]:
    """Return {"name", "n", "statements_per_second", "ratio", "ratio_10", "ratio_1", …, "peers"}."""
    python = ensure_peer(RALPH)
    ours: dict[int, float] = {}
    peers: dict[str, dict[int, float]] = {storage: {} for storage in _STORAGES}
    counted = 0
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="anxue-bench-") as folder, _bridge(Path(folder)) as door:
            taken, ours[size] = _load(door, size)
            counted += taken
        for storage, theirs in peers.items():
            with (
                tempfile.TemporaryDirectory(prefix="anxue-bench-") as folder,
                _ralph(Path(folder), python, storage) as door,
            ):
                _taken, theirs[size] = _load(door, size)
    first, *others = SIZES
    best = peers[_STORAGES[0]]
    result: dict[str, object] = {
        "name": "statements",
        "n": counted,
        "statements_per_second": ours[first],
        "ratio": ours[first] / best[first],
        "batch": first,
    }
    for size in others:
        result[f"statements_per_second_{size}"] = ours[size]
        result[f"ratio_{size}"] = ours[size] / best[size]
    result["peers"] = [
        {
            "name": f"ralph ({storage}), batches of {size}",
            "figure": theirs[size],
            "unit": "statements/s",
            "ratio": ours[size] / theirs[size],
        }
        for storage, theirs in peers.items()
        for size in SIZES
    ]
    return result


@contextmanager
def _bridge(folder: Path) -> Iterator[_Door]:
    from bridge.start import set_up
    from bridge.wiring import House
    from bridge.wiring.xapi import credentials

    port = _free_port()
    # Production asks for https outside loopback; the people are made up, so it is the demonstration's mode.
    settings = Settings(
        mode=Mode.DEMONSTRATION, data=folder, port=port, public_url=f"http://127.0.0.1:{port}"
    )
    set_up(settings)
    house = House.build(settings)
    try:
        scopes = (Scope.WRITE, Scope.READ_OWN)
        issued = credentials(house).add(InstitutionId("org_bench"), "bench", scopes, by="bench")
    finally:
        house.close()
    environment = {
        **{name: value for name, value in environ.items() if not name.startswith("ANXUE_")},
        "ANXUE_MODE": settings.mode,
        "ANXUE_DATA": str(folder),
        "ANXUE_PORT": str(port),
        "ANXUE_STUDY_FACTOR": "1",
    }
    command = [sys.executable, "-m", "bridge.cli", "serve"]
    with _running(command, environment, port, "/readyz"):
        yield _Door(port, "/xAPI/statements", issued.credential.id, issued.secret)


@contextmanager
def _ralph(folder: Path, python: Path, storage: str) -> Iterator[_Door]:
    port, secret = _free_port(), secrets.token_hex(16)
    # What the shell knows of the product's environment must not lead the peer into it.
    environment = {name: value for name, value in environ.items() if not name.startswith(("PYTHON", "RALPH"))}
    program = str(Path(__file__).with_name("ralph_peer.py"))
    command = [str(python), program, storage, str(port), str(folder), "bench", secret]
    with _running(command, environment, port, "/__lbheartbeat__"):
        yield _Door(port, "/xAPI/statements/", "bench", secret)


@contextmanager
def _running(command: Sequence[str], environment: dict[str, str], port: int, path: str) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while not _answers(port, path):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable("bench_not_ready", f"测量用的服务没有启动:{command[1]}", permanent=True)
            time.sleep(0.1)
        wait_until_at_rest(process.pid)
        yield
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _load(door: _Door, size: int) -> tuple[int, float]:
    """Return how many statements were taken after the warm-up, and how many a second."""
    begin = time.monotonic()
    counted_from, end = begin + _WARM_UP_SECONDS, begin + _WARM_UP_SECONDS + SECONDS
    taken = [0] * CONNECTIONS
    faults: list[str] = []

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=30)
        pair = base64.b64encode(f"{door.key}:{door.secret}".encode()).decode()
        headers = {
            "Authorization": f"Basic {pair}",
            "X-Experience-API-Version": "1.0.3",
            "Content-Type": "application/json",
        }
        said = watching()
        while not faults:
            started = time.monotonic()
            if started >= end:
                break
            body = "[" + ",".join(said() for _ in range(size)) + "]"
            connection.request("POST", door.path, body.encode(), headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != http.HTTPStatus.OK:
                faults.append(content.decode()[:200])
            elif started >= counted_from and time.monotonic() <= end:
                taken[number] += size
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise Unavailable("bench_refused", f"测量中有请求被拒绝:{faults[0]}", permanent=True)
    return sum(taken), sum(taken) / SECONDS


def watching() -> Callable[[], str]:
    """Return what tells the next statement of a connection: `_VIEWERS` people watch and take turns to speak.

    As of real ones, none is like another: each has an id, an instant and a place in the video of its own.
    """
    viewers = [[_statement(number, verb) for verb in _VERBS] for number in range(_VIEWERS)]
    sessions = [str(uuid4()) for _ in viewers]
    numbers = count()

    def next_statement() -> str:
        said, viewer = divmod(next(numbers), _VIEWERS)
        if (said + viewer) % _VIEWING == 0:
            sessions[viewer] = str(uuid4())
        milliseconds = said * 1_700 + viewer
        seconds = milliseconds // 1000
        return viewers[viewer][said % len(_VERBS)] % {
            "id": uuid4(),
            "session": sessions[viewer],
            "time": milliseconds % 3_600_000 / 1000,
            "at": f"2026-11-28T{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
            f".{milliseconds % 1000:03}Z",
        }

    return next_statement


def _statement(number: int, verb: str) -> str:
    """Return what a viewer says of a stretch of a video, with holes for what differs from one to the next."""
    extensions = "https://w3id.org/xapi/video/extensions"
    whole = json.dumps(
        {
            "id": _ID,
            "actor": {"objectType": "Agent", "mbox": f"mailto:learner-{number % _PEOPLE}@lms.example"},
            "verb": {
                "id": f"https://w3id.org/xapi/video/verbs/{verb}",
                "display": {"en-US": verb, "zh-CN": _VERBS[verb]},
            },
            "object": {
                "id": f"https://lms.example/mod/video/{number % _UNITS}",
                "objectType": "Activity",
                "definition": {
                    "type": "https://w3id.org/xapi/video/activity-type/video",
                    "name": {"zh-CN": "高处作业安全"},
                },
            },
            "result": {
                "extensions": {f"{extensions}/time": _TIME, f"{extensions}/played-segments": f"0[.]{_TIME}"}
            },
            "context": {
                "registration": str(uuid4()),
                "contextActivities": {"category": [{"id": "https://w3id.org/xapi/video"}]},
                "extensions": {f"{extensions}/session-id": _SESSION},
            },
            "timestamp": _AT,
        },
        ensure_ascii=False,
    )
    return whole.replace(f'"{_TIME}"', _TIME)  # a number
