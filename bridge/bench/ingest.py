"""Bench `ingest`: events a second through the agent's door of a real `serve`, against a bare insert.

A whole bridge (web, worker, beat) is started on a fresh folder; clients post batches of 100 events, each in its
turn of the nonce chain, over kept-alive connections, until the time is over. Every batch that counts was
answered 200, which the door does only after a durable commit (SQLite: synchronous=FULL). The peer inserts
the same events as rows into a SQLite file, one durable commit for each batch, and does nothing else.
"""

import http.client
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import ClassRunId, CourseUnitId, InstitutionId, LearnerRef, random_ref
from bridge.presence.model import Activity, CheckState
from bridge.settings import ROOT, Settings

EVENTS_IN_BATCH = 100
SESSIONS = 12
SECONDS = 15.0
_WARM_UP_SECONDS = 2.0
_READY_SECONDS = 40.0


def run() -> dict[str, Any]:
    """Return {"name", "n", "events_per_second", "ratio", "ms_per_batch_p50", "ms_per_batch_p99", "peers"}."""
    with tempfile.TemporaryDirectory(prefix="anxue-bench-") as folder:
        environment = {
            # The made-up class run comes with a demonstration platform; study time runs 1:1 all the same.
            "ANXUE_MODE": "demonstration",
            "ANXUE_STUDY_FACTOR": "1",
            "ANXUE_DATA": folder,
            "ANXUE_PORT": str(_free_port()),
            "ANXUE_HOST": "127.0.0.1",
            "ANXUE_PUBLIC_URL": "",
        }
        os.environ.update(environment)
        settings = Settings()
        serving = subprocess.Popen(
            [sys.executable, "-m", "bridge.cli", "serve"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            _wait_until_ready(settings, serving)
            sessions = _open_sessions(settings)
            latencies, elapsed = _load(settings.public_url, sessions)
        finally:
            serving.terminate()
            serving.wait(30)
        bare = _bare_insert(Path(folder) / "bare.sqlite3")
    events = len(latencies) * EVENTS_IN_BATCH
    rate = events / elapsed
    latencies.sort()
    return {
        "name": "ingest",
        "n": events,
        "events_per_second": rate,
        "ratio": rate / bare,
        "batch": EVENTS_IN_BATCH,
        "sessions": SESSIONS,
        "ms_per_batch_p50": latencies[len(latencies) // 2] * 1000,
        "ms_per_batch_p99": latencies[len(latencies) * 99 // 100] * 1000,
        "peers": [{"name": "bare SQLite insert", "figure": bare, "unit": "events/s", "ratio": rate / bare}],
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(settings: Settings, serving: "subprocess.Popen[bytes]") -> None:
    from bridge.start import is_ready

    deadline = time.monotonic() + _READY_SECONDS
    while not is_ready(settings):
        if serving.poll() is not None or time.monotonic() > deadline:
            raise Unavailable(
                "bench_bridge_not_ready", "测量用的安学桥没有启动,请先运行 ./anxue serve 查看原因。"
            )
        time.sleep(0.1)


def _open_sessions(settings: Settings) -> list[tuple[str, str, str]]:
    """Return (session, secret, first nonce) of sessions whose entry check was passed, in a made-up class run."""
    from bridge.operator_commands import load_catalogue, photographs_from
    from bridge.wiring import House

    house = House.build(settings)
    opened: list[tuple[str, str, str]] = []
    try:
        variables = {"lms_url": "http://127.0.0.1:9", "webhook_secret": "0" * 40}
        loaded = load_catalogue(house, settings.config / "demo", variables, photographs_from("demo"))
        institution, class_run = InstitutionId(loaded["institution"]), ClassRunId(loaded["class_runs"][0])
        for _ in range(SESSIONS):
            with house.uow.for_institution(institution) as tx:
                stations = house.at(tx)
                learner = LearnerRef(random_ref("lr"))
                stations.registry.enrol(learner, class_run, "bench")
                sheet = stations.registry.class_run_sheet(class_run, learner)
                unit = next(u for u in sheet.course.units if u.activity == "study")
                one = stations.presence.open_session(
                    learner=learner,
                    class_run=class_run,
                    unit=CourseUnitId(unit.id),
                    activity=Activity.STUDY,
                    attempt=None,
                    account_id="bench",
                    token_id=random_ref("tok"),
                )
                check = stations.presence_store.open_check(one.session.id)
                if check is not None:
                    stations.presence.decide(
                        check, CheckState.PASSED, check.attempts_left, one.session.opened_ms
                    )
                opened.append((one.session.id, one.secret, one.nonce))
    finally:
        house.close()
    return opened


def _load(url: str, sessions: list[tuple[str, str, str]]) -> tuple[list[float], float]:
    """Return the seconds of each accepted batch after the warm-up, and over how long they were taken."""
    begin = time.monotonic()
    counted_from, end = begin + _WARM_UP_SECONDS, begin + _WARM_UP_SECONDS + SECONDS
    results: list[list[float]] = [[] for _ in sessions]
    faults: list[str] = []
    threads = [
        threading.Thread(target=_client, args=(url, *session, counted_from, end, result, faults))
        for session, result in zip(sessions, results, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise Unavailable("bench_refused", f"测量中有请求被拒绝:{faults[0]}", permanent=True)
    return [one for result in results for one in result], SECONDS


def _client(
    url: str,
    session: str,
    secret: str,
    nonce: str,
    counted_from: float,
    end: float,
    taken: list[float],
    faults: list[str],
) -> None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    seq, media = 1, 0
    while True:
        started = time.monotonic()
        if started >= end:
            break
        body = _body(session, seq, nonce, media)
        connection.request("POST", "/agent/v1/batches", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        finished = time.monotonic()
        if answer.status != 200:
            faults.append(content.decode()[:200])
            break
        if started >= counted_from and finished <= end:
            taken.append(finished - started)
        nonce = json.loads(content)["nonce"]
        seq, media = seq + 1, media + EVENTS_IN_BATCH * 100
    connection.close()


_EVENTS: dict[int, str] = {}


def _body(session: str, seq: int, nonce: str, media: int) -> bytes:
    # The events are formatted once for each position, so that the client costs the machine little.
    events = _EVENTS.get(media)
    if events is None:
        events = _EVENTS[media] = ",".join(
            f'{{"client_ms":{media + 100 * i},"media_ms":{media + 100 * i},"visible":true,'
            f'"interaction_ms":{media},"rate":1}}'
            for i in range(EVENTS_IN_BATCH)
        )
    return f'{{"v":1,"session":"{session}","seq":{seq},"nonce":"{nonce}","events":[{events}]}}'.encode()


def _bare_insert(path: Path) -> float:
    """Return events a second of plain inserts, one durable commit for each batch."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(
        "CREATE TABLE event (id INTEGER PRIMARY KEY, session TEXT, client_ms INTEGER, media_ms INTEGER,"
        " visible INTEGER, interaction_ms INTEGER, rate_permille INTEGER)"
    )
    rows = [("session", 100 * i, 100 * i, 1, 0, 1000) for i in range(EVENTS_IN_BATCH)]
    begin = time.perf_counter()
    batches = 0
    while time.perf_counter() - begin < 3.0:
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            "INSERT INTO event (session, client_ms, media_ms, visible, interaction_ms, rate_permille)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
        db.execute("COMMIT")
        batches += 1
    elapsed = time.perf_counter() - begin
    db.close()
    return batches * EVENTS_IN_BATCH / elapsed
