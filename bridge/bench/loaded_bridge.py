"""A whole bridge (web, worker, beat) on a fresh folder, and learners whose agents may send: what load tests load."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from bridge.bench.postgresql import free_port, postgresql, url_of
from bridge.db.engine import READ_ONLY, open_engine
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import ClassRunId, CourseUnitId, InstitutionId, LearnerRef, random_ref
from bridge.presence.model import Activity, CheckState
from bridge.settings import ROOT, Settings

if TYPE_CHECKING:
    from bridge.presence.service import OpenedSession
    from bridge.wiring import House
    from bridge.wiring.stations import Stations

DATABASES = ("sqlite", "postgresql")
_READY_SECONDS = 60.0
_STOP_SECONDS = 60.0
_DONE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A study session whose entry check was passed."""

    id: str
    secret: str
    nonce: str


@dataclass(frozen=True, slots=True)
class LoadedBridge:
    """A bridge that runs.

    Args:
        database: libpq's address of its PostgreSQL; "" on SQLite.
        pid: of the supervisor.
    """

    settings: Settings
    folder: Path
    database: str
    pid: int
    sessions: Sequence[OpenSession]

    def batches_in_ledger(self) -> int:
        """Return how many batches the worker has entered in the ledgers."""
        return self._count("SELECT count(*) FROM ledger_entry WHERE kind = 'beats'")

    def wait_until_done(self) -> None:
        """Wait until the worker has done what it was asked for; Unavailable("bench_work_left") if it does not."""
        deadline = time.monotonic() + _DONE_SECONDS
        while self._count("SELECT count(*) FROM job WHERE wanted > done"):
            if time.monotonic() > deadline:
                raise Unavailable("bench_work_left", "后台任务没有按时做完,无法测量,请在空闲的机器上重试。")
            time.sleep(0.5)

    def _count(self, query: str) -> int:
        engine = open_engine(self.settings.database_url)
        try:
            with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
                return int(connection.execute(text(query)).scalar_one())
        finally:
            engine.dispose()


@contextmanager
def loaded_bridge(database: str, sessions: int) -> Iterator[LoadedBridge]:
    """Start a bridge and open study sessions, each of a learner of its own; end and remove it with the block."""
    with tempfile.TemporaryDirectory(prefix="anxue-bench-") as name:
        folder = Path(name)
        if database == "postgresql":
            with postgresql() as address, _running(folder, url_of(address), address, sessions) as bridge:
                yield bridge
        else:
            with _running(folder, "", "", sessions) as bridge:
                yield bridge


@contextmanager
def _running(folder: Path, url: str, address: str, sessions: int) -> Iterator[LoadedBridge]:
    with served(folder, url) as (settings, pid):
        yield LoadedBridge(settings, folder, address, pid, _open_sessions(settings, sessions))


@contextmanager
def served(folder: Path, url: str, config: Path = ROOT / "config") -> Iterator[tuple[Settings, int]]:
    """Run a bridge (web, worker, beat) over a folder and a database; yield its settings and its supervisor's pid.

    Args:
        url: of the database; "" for SQLite in the folder.
    """
    os.environ.update(
        {
            # The made-up class run comes with a demonstration platform; study time runs 1:1 all the same.
            "ANXUE_MODE": "demonstration",
            "ANXUE_STUDY_FACTOR": "1",
            "ANXUE_DATA": str(folder),
            "ANXUE_PORT": str(free_port()),
            "ANXUE_HOST": "127.0.0.1",
            "ANXUE_PUBLIC_URL": "",
            "ANXUE_DATABASE_URL": url,
            "ANXUE_CONFIG": str(config),
        }
    )
    settings = Settings()
    serving = subprocess.Popen(
        [sys.executable, "-m", "bridge.cli", "serve"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(settings, serving)
        yield settings, serving.pid
    finally:
        serving.terminate()
        serving.wait(_STOP_SECONDS)


def _wait_until_ready(settings: Settings, serving: "subprocess.Popen[bytes]") -> None:
    from bridge.start import is_ready

    deadline = time.monotonic() + _READY_SECONDS
    while not is_ready(settings):
        if serving.poll() is not None or time.monotonic() > deadline:
            raise Unavailable(
                "bench_bridge_not_ready", "测量用的安学桥没有启动,请先运行 ./anxue serve 查看原因。"
            )
        time.sleep(0.1)


def _open_sessions(settings: Settings, count: int) -> list[OpenSession]:
    from bridge.wiring import House

    house = House.build(settings)
    try:
        return open_sessions(house, count)
    finally:
        house.close()


def open_sessions(house: "House", count: int) -> list[OpenSession]:
    """Load the demonstration's class run and open a study session for each of `count` made-up learners in it."""
    opened = []
    for _, stations, one in sessions_at_their_entry(house, count):
        check = stations.presence_store.open_check(one.session.id)
        if check is not None:
            stations.presence.decide(check, CheckState.PASSED, check.attempts_left, one.session.opened_ms)
        opened.append(OpenSession(one.session.id, one.secret, one.nonce))
    return opened


def sessions_at_their_entry(
    house: "House",
    count: int,
    learner_in: Callable[[Tx, "Stations"], LearnerRef] = lambda _tx, _stations: LearnerRef(random_ref("lr")),
) -> Iterator[tuple[InstitutionId, "Stations", "OpenedSession"]]:
    """Open sessions as `open_sessions` does; yield each in the unit of work that opened it, its entry check open.

    Args:
        learner_in: makes a learner; without it one who is known by nothing but a reference.
    """
    from bridge.commands.catalogue import load_catalogue, photographs_from

    variables = {"lms_url": "http://127.0.0.1:9", "webhook_secret": "0" * 40}
    loaded = load_catalogue(house, house.settings.config / "demo", variables, photographs_from("demo"))
    institution, class_run = InstitutionId(loaded["institution"]), ClassRunId(loaded["class_runs"][0])
    for _ in range(count):
        with house.uow.for_institution(institution) as tx:
            stations = house.at(tx)
            learner = learner_in(tx, stations)
            stations.registry.enrol(learner, class_run, "bench")
            sheet = stations.registry.class_run_sheet(class_run, learner)
            unit = next(u for u in sheet.course.units if u.activity == "study")
            yield (
                institution,
                stations,
                stations.presence.open_session(
                    learner=learner,
                    class_run=class_run,
                    unit=CourseUnitId(unit.id),
                    activity=Activity.STUDY,
                    attempt=None,
                    account_id="bench",
                    token_id=random_ref("tok"),
                ),
            )
