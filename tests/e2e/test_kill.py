"""kill -9 of web and worker in the middle of the road: nothing is lost, nothing is doubled."""

import itertools
import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.settings import ROOT
from plugins.simulators.demonstration.cast import read_cast
from plugins.simulators.demonstration.http_walk import HttpWalk, window
from plugins.simulators.demonstration.processes import Town

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

_ONLINE_SECONDS = 45 * 60


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Return three fresh processes on a shorter outline: one class hour online."""
    catalogue = tmp_path / "catalogue"
    shutil.copytree(ROOT / "config" / "demo", catalogue)
    course = catalogue / "course.yaml"
    course.write_text(
        course.read_text()
        .replace("class_hours: 2", "class_hours: 1")
        .replace("theory_class_hours: 4", "theory_class_hours: 2")
    )
    folder = tmp_path / "town"
    folder.mkdir()
    here = Town(folder, 18180, catalogue, study_factor=150)
    here.start()
    try:
        here.load_catalogue()
        here.wait_until_ready(lambda _title: None)
        yield here
    finally:
        here.stop()


def _kill(town: Town, part: str) -> None:
    """Send SIGKILL to a part of the bridge, and to all that it started."""
    supervisor = town.pid("bridge")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(stat[1]) == supervisor and command[-2:-1] == [part.encode()]:
            os.killpg(int(entry.name), signal.SIGKILL)
            return
    raise AssertionError(f"{part} does not run")


class _Killer:
    """Kills web and worker in turn at each `every`-th beat, up to `most` times."""

    def __init__(self, town: Town, every: int, most: int) -> None:
        self._town = town
        self._every = every
        self._most = most
        self._beats = itertools.count(1)
        self._parts = itertools.cycle(("web", "worker"))
        self.kills: list[str] = []

    def __call__(self) -> None:
        if next(self._beats) % self._every == 0 and len(self.kills) < self._most:
            part = next(self._parts)
            _kill(self._town, part)
            self.kills.append(part)


class _PatientWalk(HttpWalk):
    """Walks over HTTP, tries again while the bridge is away, and lets somebody interfere after each beat."""

    def __init__(self, after_beat: Callable[[], None]) -> None:
        super().__init__(patient=True)
        self._after_beat = after_beat
        self.acknowledged: dict[str, int] = {}

    def agent(self, tab: Any, page_url: str, element_id: str) -> Any:
        client = super().agent(tab, page_url, element_id)
        beat = client.beat

        def interfered(media_ms: int, *, ending: bool = False) -> None:
            beat(media_ms, ending=ending)
            self.acknowledged[client.session] = self.acknowledged.get(client.session, 0) + 1
            self._after_beat()

        setattr(client, "beat", interfered)  # noqa: B010  # mypy would not have a method replaced openly
        return client


def test_kills_in_the_middle_of_the_road_lose_nothing_and_double_nothing(town: Town, tmp_path: Path) -> None:
    cast = read_cast(town.catalogue)
    killer = _Killer(town, every=45, most=4)
    walk = _PatientWalk(killer)
    with window() as tab:
        tab.open(town.lms_url)
        tab.click(f"user-{cast.learner.user}")
        tab.click("launch-entry")
        tab.click("consent-agree")
        tab.fill("real-name-name", cast.learner.name)
        tab.fill("real-name-id", cast.learner.citizen_id)
        tab.click("real-name-submit")
        assert tab.count("real-name-masked")
        walk.capture_face(tab, town.bridge_url)
        for unit in cast.units:
            walk.study(tab, f"{town.lms_url}/study/{unit}", _ONLINE_SECONDS + 300)
        walk.take_quiz(tab, f"{town.lms_url}/quiz", cast.answers)
    assert killer.kills == ["web", "worker", "web", "worker"]
    _kill(town, "worker")

    database = tmp_path / "town" / "bridge" / "anxue.sqlite3"
    _wait(lambda: _one(database, "SELECT count(*) FROM report_receipt") == 1, 60)
    _wait(lambda: _one(database, "SELECT count(*) FROM job WHERE state != 'done'") == 0, 60)

    learner = str(_one(database, "SELECT id FROM learner"))
    out = tmp_path / "out"
    exported = town.command(
        "export", "learner", "--institution", "org_demo", "--learner", learner,
        "--class-run", "run_demo", "--by", "test", "--out", str(out),
    )  # fmt: skip
    ledger = [json.loads(line) for line in (out / "ledger.jsonl").read_text().splitlines()[1:]]

    # Each batch that was acknowledged stands in the ledger, once; a batch more may have been lost on the way back.
    recorded: dict[str, list[int]] = {}
    for entry in ledger:
        if entry["kind"] == "beats":
            recorded.setdefault(entry["data"]["session"], []).append(entry["data"]["received_ms"])
    assert {session: len(received) for session, received in recorded.items()} == walk.acknowledged
    assert all(len(set(received)) == len(received) for received in recorded.values())
    checks = [entry["data"]["check"] for entry in ledger if entry["kind"] == "check"]
    assert len(checks) == len(set(checks)) == _one(database, "SELECT count(*) FROM presence_check")
    assert sum(entry["kind"] == "test" for entry in ledger) == 1
    assert sum(entry["kind"] == "anchor" for entry in ledger) == 1

    # One paper, one file, one batch with one receipt, each event told once.
    assert exported["class_hours"] == exported["certificate_class_hours"] == 1
    assert _one(database, "SELECT count(*) FROM certificate") == 1
    assert _one(database, "SELECT count(*) FROM report_batch") == 1
    told = "SELECT count(*) FROM report_record WHERE kind"
    assert _one(database, "SELECT max(revision) FROM report_record") == 1
    assert _one(database, f"{told} = 'Check'") == len(checks)
    assert _one(database, f"{told} = 'StudySession'") == _one(database, "SELECT count(*) FROM study_session")
    # Of institution, class run, learner, hours, test and paper one each.
    assert _one(database, f"{told} NOT IN ('Check', 'StudySession')") == 6
    assert _one(database, "SELECT count(*) - count(DISTINCT type || idempotency_key) FROM event") == 0
    assert (
        json.loads(town.run(("hours", "recompute", "--ledger", str(out / "ledger.jsonl"), "--json")).stdout)[
            "ledger_head"
        ]
        == exported["ledger_head"]
    )
    assert town.run(("archive", "verify", str(out / "bag"))).returncode == 0


def _one(database: Path, query: str) -> Any:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        row = connection.execute(query).fetchone()
    connection.close()
    return row[0]


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not done in time"
        time.sleep(0.2)
