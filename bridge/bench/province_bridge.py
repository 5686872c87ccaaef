"""The made-up province with a bridge before it: made in a folder that may stay, and run from there."""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from bridge.bench.loaded_bridge import served
from bridge.bench.made_up_province import synthesise
from bridge.bench.postgresql import postgresql, url_of
from bridge.bench.province_learners import Watched, make_watched
from bridge.db.engine import open_engine
from bridge.db.schema import upgrade
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import SystemClock, legal_date
from bridge.settings import ROOT, Settings
from bridge.wiring import House
from bridge.wiring.adapters import division_names

AREAS = ("440000", "440100", "440300", "441900", "440200", "440106", "440305")
"""Whose officials look: the province, three cities with counties and one without, two counties."""
_OF_EACH = 5
_SETTING_UP = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "autovacuum": "off",
    "shared_buffers": "1GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "1GB",
}
"""While nothing is kept that could not be made again; measured is with the server as it comes."""
_RULE = Path("rulepacks/anxue-practice/parameters/supervision/area_of_record.yaml")
_MADE = "province.json"


@dataclass(frozen=True, slots=True)
class Province:
    """What was made.

    Args:
        password: of the officials; their logins are `official-<area>`.
        last_day: the last day on which anything was studied.
    """

    learners: int
    sessions: int
    last_day: str
    password: str
    watched: tuple[Watched, ...]


def made_in(folder: Path) -> Province | None:
    """Return what was made in the folder; None if nothing was."""
    path = folder / _MADE
    if not path.exists():
        return None
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    known["watched"] = tuple(Watched(**one) for one in known["watched"])
    return Province(**known)


def make(folder: Path, learners: int, sessions: int, say: Callable[[str], None]) -> Province:
    """Make a province in the folder.

    Raises:
        InvalidInput("bench_folder_taken"): something stands there that is not a whole province.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InvalidInput("bench_folder_taken", f"{folder} 中已有其他内容,请换一个空目录。")
    last = legal_date(SystemClock().now())
    with database(folder, **_SETTING_UP) as (url, engine):
        upgrade(engine)
        synthesise(engine, division_names(ROOT / "config/divisions"), learners, sessions, last, say)
        engine.dispose()
        say("…")
        _settings_of(folder, url)
        return finish(folder, learners, sessions, last)


def finish(folder: Path, learners: int, sessions: int, last: date) -> Province:
    """Add what the bridge makes itself, over the environment's database: officials and watched learners."""
    house = House.build(Settings())
    try:
        password = secrets.token_urlsafe(12)
        with house.uow.across_institutions("bench: officials") as tx:
            staff = house.at(tx).staff
            for area in AREAS:
                staff.accept(
                    staff.invite("authority", f"official-{area}", division_code=area).token, password
                )
        watched = make_watched(house, [area for area in AREAS if area != "440000"], _OF_EACH, last)
    finally:
        house.close()
    made = Province(learners, sessions, last.isoformat(), password, tuple(watched))
    (folder / _MADE).write_text(json.dumps(asdict(made)), encoding="utf-8")
    return made


@contextmanager
def database(folder: Path, **options: str) -> Iterator[tuple[str, Engine]]:
    """Run the province's server; yield its URL and an engine."""
    with postgresql(folder / "postgresql", **options) as address:
        engine = open_engine(url_of(address))
        try:
            yield url_of(address), engine
        finally:
            engine.dispose()


@contextmanager
def bridge(folder: Path, url: str, rule: str) -> Iterator[tuple[Settings, House]]:
    """Run the bridge with a rule of whose area counts; yield its settings and a house beside it."""
    config = folder / f"config-{rule}"
    shutil.rmtree(config, ignore_errors=True)
    shutil.copytree(ROOT / "config", config)
    path = config / _RULE
    said = path.read_text(encoding="utf-8")
    path.write_text(said.replace("  - value: institution\n", f"  - value: {rule}\n"), encoding="utf-8")
    (folder / "bridge").mkdir(exist_ok=True)
    with served(folder / "bridge", url, config) as (settings, _pid):
        house = House.build(settings)
        try:
            yield settings, house
        finally:
            house.close()


def forget(folder: Path) -> None:
    """Have the system let go of the server's files, so that the first look at each page reads them from the disk."""
    for path in (folder / "postgresql").rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)


def _settings_of(folder: Path, url: str) -> None:
    (folder / "bridge").mkdir(exist_ok=True)
    os.environ.update(
        {
            "ANXUE_MODE": "demonstration",
            "ANXUE_STUDY_FACTOR": "1",
            "ANXUE_DATA": str(folder / "bridge"),
            "ANXUE_DATABASE_URL": url,
        }
    )
