"""Bench `supervision`: the pages of authorities over a made-up province, asked of a running bridge on PostgreSQL.

Set-up is not measured. Officials of the province, of cities and of counties open each page over HTTP while people go on
studying and the worker keeps the figures current; afterwards a full recount must find no difference. The peer counts
the overview's figures from the cells of all class runs, in the same run, as a page without kept sums would.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select, text

from bridge.bench.made_up_province import PER_RUN
from bridge.bench.official import Official
from bridge.bench.province_bridge import AREAS, Province, bridge, database, forget, made_in, make
from bridge.bench.province_learners import Watched, settle, studying
from bridge.db.outbox import JobRow
from bridge.db.schema import upgrade
from bridge.db.unit_of_work import EVENT_JOB, UnitOfWork
from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.kernel.time import SystemClock
from bridge.registry.tables import ClassRunRow
from bridge.supervision.model import Area
from bridge.supervision.recount import differences
from bridge.supervision.rollup_tables import FIGURES
from bridge.supervision.rollups import CLASS_DAY, LEARNER_DAYS, cells

LEARNERS = 1_000_000
SESSIONS_PER_LEARNER = 50
_ROUNDS = 12
"""How often each official opens each page, after the first time."""
_STUDY_SECONDS = 1.0
_DONE_SECONDS = 900.0
_SEED = 20261120
_DASHBOARDS: Mapping[str, str] = {
    "overview, 14 days": "/authority?days=14",
    "overview, 30 days": "/authority?days=30",
    "overview, 90 days": "/authority?days=90",
    "institutions": "/authority/institutions",
    "class runs": "/authority/class-runs",
    "class runs opening this week": "/authority/class-runs?when=week",
    "class runs being taught, last page": "/authority/class-runs?when=now&page=99999",
    "signals": "/authority/signals",
    "reports": "/authority/reports",
    "spot checks": "/authority/spot-checks",
    "exports": "/authority/exports",
}
_DRILL_DOWN = ("class run", "learner, purpose asked", "learner, timeline and evidence", "a picture")
_OVERVIEW = ("overview, 14 days", "overview, 30 days", "overview, 90 days")
_PURPOSE = {"purpose": "核查投诉事项"}
_Look = tuple[str, str, Mapping[str, str] | None]
"""Name of the page, its address, and the form that is sent."""


@dataclass(slots=True)
class Timed:
    """Milliseconds of one page: of each official's first look, and of all others."""

    first: list[float] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)

    def figures(self, name: str) -> dict[str, Any]:
        return {
            "page": name,
            "n": len(self.taken),
            "p50_ms": _share(self.taken, 50),
            "p95_ms": _share(self.taken, 95),
            "first_ms": max(self.first),
        }


def run(
    learners: int | None = None, *, kept: Path | None = None, reuse: Path | None = None
) -> dict[str, Any]:
    """Return the bench's object.

    Args:
        learners: of the made-up province, a million if it is not said; one class run each fifty.
        kept: where the province is made and stays.
        reuse: where one was made before; nothing is made then.

    Raises:
        InvalidInput: bench_folder_taken.
        Unavailable: bench_province_missing, bench_refused, bench_work_left, bench_figures_differ.
    """
    if reuse is not None:
        return _measured(reuse, 0.0)
    with tempfile.TemporaryDirectory(prefix="anxue-province-", dir="/tmp") as name:
        # The server's own account must reach its folder.
        Path(name).chmod(0o755)
        folder = kept or Path(name) / "province"
        began = time.perf_counter()
        make(folder, (learners or LEARNERS) // PER_RUN * PER_RUN, SESSIONS_PER_LEARNER, _say)
        return _measured(folder, time.perf_counter() - began)


def _measured(folder: Path, set_up_seconds: float) -> dict[str, Any]:
    province = made_in(folder)
    if province is None:
        raise Unavailable("bench_province_missing", f"{folder} 中没有已建成的虚构全省数据。", permanent=True)
    with database(folder) as (_url, engine):
        upgrade(engine)
    forget(folder)
    with database(folder) as (url, engine):
        pages, begun, recount = _with_bridge(folder, url, engine, province, "institution")
        peer = _times(lambda: _counted_from_cells(engine, date.fromisoformat(province.last_day)))
        either, _, _ = _with_bridge(folder, url, engine, province, "either", prove=False)
    overview = [ms for name in _OVERVIEW for ms in pages[name].taken]
    looked = pages["learner, timeline and evidence"].taken
    slow = _share(peer, 95)
    return {
        "name": "supervision",
        "n": sum(len(one.taken) for one in pages.values()),
        "dashboard_p50_ms": _share(overview, 50),
        "dashboard_p95_ms": _share(overview, 95),
        "drill_down_p50_ms": _share(looked, 50),
        "drill_down_p95_ms": _share(looked, 95),
        "dashboard_either_p95_ms": _share([ms for name in _OVERVIEW for ms in either[name].taken], 95),
        "slowest_dashboard_p95_ms": max(_share(pages[name].taken, 95) for name in _DASHBOARDS),
        "slowest_drill_down_p95_ms": max(_share(pages[name].taken, 95) for name in _DRILL_DOWN),
        "slowest_either_p95_ms": max(_share(either[name].taken, 95) for name in _DASHBOARDS),
        "pages": [one.figures(name) for name, one in pages.items()],
        "pages_either": [one.figures(name) for name, one in either.items()],
        "recount": recount,
        "began_to_study_meanwhile": begun,
        "learners": province.learners,
        "sessions": province.learners * province.sessions,
        "set_up_seconds": set_up_seconds,
        "peers": [
            {
                "name": "the overview's figures summed over the cells of all class runs",
                "figure": slow,
                "unit": "ms (p95)",
                "ratio": slow / _share(overview, 95),
            }
        ],
    }


def _with_bridge(
    folder: Path, url: str, engine: Engine, province: Province, rule: str, *, prove: bool = True
) -> tuple[Mapping[str, Timed], int, dict[str, Any]]:
    """Measure each page; return that, how many began to study meanwhile, and what a full recount found."""
    with bridge(folder, url, rule) as (settings, house):
        settle(house, province.watched)
        _wait_until_done(engine)
        with studying(settings, _STUDY_SECONDS) as ended:
            officials = [
                Official(settings.port, area, number, province.password) for number, area in enumerate(AREAS)
            ]
            try:
                pages = _pages(officials, province)
            finally:
                for one in officials:
                    one.close()
            begun = ended()
        if not prove:
            return pages, begun, {}
        _say("等待后台任务完成,然后与全部来源逐项重新核对 …")
        _wait_until_done(engine)
        return pages, begun, _recounted(engine)


def _pages(officials: Sequence[Official], province: Province) -> Mapping[str, Timed]:
    found = {name: Timed() for name in (*_DASHBOARDS, *_DRILL_DOWN)}
    dice = random.Random(_SEED)  # noqa: S311  # who is looked into; nothing secret
    for number in range(_ROUNDS + 1):
        _say(f"第 {number + 1}/{_ROUNDS + 1} 轮 …")
        for official in officials:
            looks: list[_Look] = [(name, path, None) for name, path in _DASHBOARDS.items()]
            mine = [one for one in province.watched if Area(official.area).holds(one.area)]
            looks += _drill_down(dice.choice(mine)) if mine else []
            for name, path, form in looks:
                (found[name].taken if number else found[name].first).append(official.timed(path, form))
    return found


def _drill_down(who: Watched) -> list[_Look]:
    """Return name, address and form of each look, from the class run to a picture."""
    run = f"/authority/class-runs/{who.class_run}"
    learner = f"{run}/learners/{who.learner}"
    paths = (run, learner, learner, f"{learner}/frames/{who.frame}")
    forms = (None, None, _PURPOSE, None)
    return list(zip(_DRILL_DOWN, paths, forms, strict=True))


def _recounted(engine: Engine) -> dict[str, Any]:
    began = time.perf_counter()
    with UnitOfWork(engine, SystemClock()).across_institutions("bench: recount", read_only=True) as tx:
        runs = [
            (InstitutionId(owner), ClassRunId(run))
            for owner, run in tx.session.execute(select(ClassRunRow.institution_id, ClassRunRow.id))
        ]
        found, kept = differences(tx, runs), cells(tx)
    if found:
        raise Unavailable("bench_figures_differ", f"统计与来源不符:{found[0]}", permanent=True)
    return {
        "class_runs": len(runs),
        "cells": kept,
        "differences": 0,
        "seconds": time.perf_counter() - began,
    }


def _counted_from_cells(engine: Engine, last: date) -> None:
    sums = ", ".join(f"sum({name})" for name in FIGURES)
    with engine.connect() as connection:
        connection.execute(
            text(
                f"SELECT day, substr(institution_division, 1, 4), {sums} FROM supervised_class_day"  # noqa: S608  # our own names
                " WHERE institution_division LIKE '44%' AND day BETWEEN :first AND :last GROUP BY 1, 2"
            ),
            {"first": last - timedelta(days=13), "last": last},
        ).all()


def _wait_until_done(engine: Engine) -> None:
    """Wait for what figures come of: events and what they asked for; Unavailable("bench_work_left")."""
    deadline = time.monotonic() + _DONE_SECONDS
    while True:
        with engine.connect() as connection:
            left = connection.scalar(
                select(func.count())
                .select_from(JobRow)
                .where(JobRow.wanted > JobRow.done, JobRow.kind.in_((EVENT_JOB, LEARNER_DAYS, CLASS_DAY)))
            )
        if not left:
            return
        if time.monotonic() > deadline:
            raise Unavailable("bench_work_left", "后台任务没有按时做完,无法测量,请在空闲的机器上重试。")
        time.sleep(1)


def _times(work: Callable[[], None]) -> list[float]:
    """Return milliseconds of each of some repeats, after one that is not counted."""
    work()
    taken = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _share(taken: list[float], percent: int) -> float:
    return statistics.quantiles(taken, n=100, method="inclusive")[percent - 1]


def _say(sentence: str) -> None:
    sys.stderr.write(f"anxue: {sentence}\n")
