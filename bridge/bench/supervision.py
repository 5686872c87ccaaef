"""Bench `supervision`: an authority's overview and one learner of a made-up province, on a PostgreSQL of its own.

The rows are made by the database itself and the set-up is not measured. Ours reads the figures by division that jobs
keep; the peer counts the same overview from the cells of all class runs, in the same run, as a page without them would.
"""

import random
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, text

from bridge.bench.made_up_province import DAYS, LAST, PER_RUN, synthesise
from bridge.bench.postgresql import postgresql, url_of
from bridge.db.engine import open_engine
from bridge.db.schema import upgrade
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import SystemClock
from bridge.supervision.dashboard import dashboard
from bridge.supervision.model import Area, AreaOfRecord, RunFilter
from bridge.supervision.rollup_tables import FIGURES
from bridge.supervision.scope import Scope
from bridge.supervision.signals_store import SqlAreaSignals
from bridge.supervision.store import SqlSupervisionStore

LEARNERS = 1_000_000
SESSIONS_PER_LEARNER = 50
_REPEATS = 40
_AREAS = ("440000", "440100", "440106", "441900")
_SEED = 20261120


def run(learners: int = LEARNERS, sessions_per_learner: int = SESSIONS_PER_LEARNER) -> dict[str, Any]:
    """Return the bench's object.

    Args:
        learners: of the made-up province, a multiple of 50 (one class run each fifty).
    """
    with postgresql() as address:
        engine = open_engine(url_of(address))
        try:
            upgrade(engine)
            began = time.perf_counter()
            synthesise(engine, learners, sessions_per_learner)
            made = time.perf_counter() - began
            return {
                **_measure(engine, learners),
                "learners": learners,
                "sessions": learners * sessions_per_learner,
                "set_up_seconds": made,
            }
        finally:
            engine.dispose()


def _measure(engine: Engine, learners: int) -> dict[str, Any]:
    uow = UnitOfWork(engine, SystemClock())
    dice = random.Random(_SEED)  # noqa: S311  # which rows are looked at; nothing secret
    first = LAST - timedelta(days=DAYS - 1)

    def overview(code: str, rule: AreaOfRecord = AreaOfRecord.INSTITUTION) -> None:
        with uow.across_institutions("bench: overview", read_only=True) as tx:
            scope = Scope(tx, Area(code), {"guangdong": rule})
            store = SqlSupervisionStore(scope)
            dashboard(store.days(first, LAST), store.taught(first, LAST), first, LAST)
            week = RunFilter(opens_from=LAST - timedelta(days=6), opens_until=LAST)
            store.class_runs(week, 20)
            store.class_runs(limit=20)
            store.class_run_count()

    def drill_down(_code: str) -> None:
        number = dice.randrange(learners)
        learner, class_run = LearnerRef(f"ln_{number}"), ClassRunId(f"run_{number // PER_RUN}")
        with uow.across_institutions("bench: one learner", read_only=True) as tx:
            scope = Scope(tx, Area("440000"), {"guangdong": AreaOfRecord.EITHER})
            store = SqlSupervisionStore(scope)
            if store.class_run(class_run) is None or not store.learner(learner):
                raise RuntimeError("the made-up province has no such learner")
            store.checks(learner, class_run)
            store.tests(learner, class_run)
            store.records(learner, class_run)
            SqlAreaSignals(scope).of_learner(learner, class_run)

    def counted_from_cells(code: str) -> None:
        prefix = Area(code).prefix
        sums = ", ".join(f"sum({name})" for name in FIGURES)
        with uow.across_institutions("bench: without sums", read_only=True) as tx:
            tx.session.execute(
                text(
                    f"SELECT day, substr(institution_division, 1, 4), {sums} FROM supervised_class_day"  # noqa: S608  # our own names
                    " WHERE institution_division LIKE :area AND day BETWEEN :first AND :last GROUP BY 1, 2"
                ),
                {"area": f"{prefix}%", "first": first, "last": LAST},
            ).all()

    either = _times(lambda code: overview(code, AreaOfRecord.EITHER))
    ours, looked, peer = (_times(one) for one in (overview, drill_down, counted_from_cells))
    figures = {"dashboard_p50_ms": _share(ours, 50), "dashboard_p95_ms": _share(ours, 95)}
    figures |= {"drill_down_p50_ms": _share(looked, 50), "drill_down_p95_ms": _share(looked, 95)}
    figures["dashboard_either_p95_ms"] = _share(either, 95)
    slow = _share(peer, 95)
    return {
        "name": "supervision",
        "n": _REPEATS,
        **figures,
        "peers": [
            {
                "name": "the same figures summed over the cells of all class runs",
                "figure": slow,
                "unit": "ms (p95)",
                "ratio": slow / figures["dashboard_p95_ms"],
            }
        ],
    }


def _times(work: Callable[[str], None]) -> list[float]:
    """Return milliseconds of each repeat, after each area was asked once."""
    for code in _AREAS:
        work(code)
    taken = []
    for number in range(_REPEATS):
        began = time.perf_counter()
        work(_AREAS[number % len(_AREAS)])
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _share(taken: list[float], percent: int) -> float:
    return statistics.quantiles(taken, n=100, method="inclusive")[percent - 1]
