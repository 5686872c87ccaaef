"""The measuring step: what a batch costs a real bridge here, and whether the model foretells more of them."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text

from bridge.commands.catalogue import photographs_from
from bridge.db.outbox import JobRow
from bridge.kernel.errors import Unavailable
from bridge.kernel.time import SystemClock, rfc3339
from plugins.simulators.capacity.costs import Costs
from plugins.simulators.capacity.queueing import run, share
from plugins.simulators.capacity.stage import EVENTS_IN_BATCH, Sent, Stage

_IDLE_SECONDS = 3.0
_ALONE = 200
_DRAIN_SECONDS = 120.0
_FRAMES = 20


@dataclass(frozen=True, slots=True)
class Foretold:
    """One rate at which the bridge was measured, beside what the model said from the costs alone."""

    rate: float
    web_busy: float
    web_busy_foretold: float
    worker_busy: float
    worker_busy_foretold: float
    p50: float
    p50_foretold: float
    p99: float
    p99_foretold: float


def measure(one: Stage, *, rate: float = 15.0, seconds: float = 15.0) -> Costs:
    """Return the costs of batches that come `rate` a second from many sessions, each followed by all its jobs.

    Raises:
        Unavailable: capacity_work_left.
    """
    before = _sizes(one)
    alone = one.send_in_turn(_ALONE)
    _drain(one)
    idle = _idle(one)
    used, sent, over = _used(one, rate, seconds, seed=1)
    batches = len(sent.seconds)
    per_batch = {name: max(0.0, used[name] - idle[name] * over) / batches for name in used}
    by_days = one.house.engine.dialect.name == "postgresql"
    inbox, ledger, other = (
        (now - then) / (batches + _ALONE) for now, then in zip(_sizes(one), before, strict=True)
    )
    frame_cpu, frame_bytes = _frame(one)
    return Costs(
        measured_at=rfc3339(SystemClock().now()),
        machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        cores=os.cpu_count() or 1,
        load=round(os.getloadavg()[0], 2),
        database="postgresql" if by_days else "sqlite",
        web_processes=one.web_processes(),
        batch_events=EVENTS_IN_BATCH,
        batches=batches,
        door_seconds=[round(share(sorted(alone.seconds), part / 100), 6) for part in range(100)],
        web_cpu=per_batch["web"],
        worker_cpu=per_batch["worker"],
        database_cpu=per_batch["database"] if by_days else 0.0,
        frame_cpu=frame_cpu,
        frame_bytes=frame_bytes,
        request_bytes=sent.request_bytes,
        reply_bytes=sent.reply_bytes,
        inbox_bytes=inbox,
        ledger_bytes=ledger,
        other_bytes=other,
    )


def foretell(one: Stage, costs: Costs, rates: Sequence[float], *, seconds: float = 10.0) -> list[Foretold]:
    """Measure the bridge at each rate and put beside it what the queue of its web processes makes of the costs."""
    found = []
    for number, rate in enumerate(rates):
        idle = _idle(one)
        used, sent, over = _used(one, rate, seconds, seed=number + 2)
        real = len(sent.seconds) / sent.over
        model = run(real, costs.door_seconds, costs.web_processes, jobs=20_000, seed=number)
        ordered = sorted(sent.seconds)
        found.append(
            Foretold(
                rate=real,
                web_busy=(used["web"] - idle["web"] * over) / sent.over,
                web_busy_foretold=real * costs.web_cpu,
                worker_busy=(used["worker"] - idle["worker"] * over) / sent.over,
                worker_busy_foretold=real * costs.worker_cpu,
                p50=share(ordered, 0.5),
                p50_foretold=model.in_p50,
                p99=share(ordered, 0.99),
                p99_foretold=model.in_p99,
            )
        )
    return found


def _used(one: Stage, rate: float, seconds: float, *, seed: int) -> tuple[Mapping[str, float], Sent, float]:
    """Send, wait until every job that follows is done; return the CPU that all of it took, and over how long."""
    before, begin = one.cpu(), time.perf_counter()
    sent = one.send_at(rate, seconds, seed=seed)
    _drain(one)
    after, over = one.cpu(), time.perf_counter() - begin
    return {name: after[name] - before[name] for name in after}, sent, over


def _idle(one: Stage) -> Mapping[str, float]:
    before = one.cpu()
    time.sleep(_IDLE_SECONDS)
    after = one.cpu()
    return {name: (after[name] - before[name]) / _IDLE_SECONDS for name in after}


def _drain(one: Stage) -> None:
    deadline = time.monotonic() + _DRAIN_SECONDS
    while time.monotonic() < deadline:
        with one.house.uow.across_institutions("whether jobs wait", read_only=True) as tx:
            waiting = tx.session.scalar(
                select(func.count()).where(JobRow.state.in_(("open", "leased")), JobRow.kind != "ledger.seal")
            )
        if not waiting:
            return
        time.sleep(0.2)
    raise Unavailable("capacity_work_left", "后台任务没有按时做完,无法测量,请在空闲的机器上重试。")


def _sizes(one: Stage) -> tuple[float, float, float]:
    """Return the bytes of inbox, ledger and all else that grows with batches, indexes included."""
    with one.house.uow.across_institutions("how large the tables are", read_only=True) as tx:
        if one.house.engine.dialect.name == "postgresql":
            size = text(
                "SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_partition_tree('inbox_beats')"
            )
            inbox = float(tx.session.scalar(size) or 0)
            ledger = float(tx.session.scalar(text("SELECT pg_total_relation_size('ledger_entry')")) or 0)
            others = text("SELECT sum(pg_total_relation_size(c)) FROM unnest(ARRAY['event','job','ledger_leaf',"
                          "'ledger_subtree','ledger_tree_head']::regclass[]) c")  # fmt: skip
            other = float(tx.session.scalar(others) or 0)
        else:
            # SQLite of Python tells no sizes by table: the columns' own bytes, and their keys once more.
            inbox, ledger, other = (
                float(tx.session.scalar(text(statement)) or 0) for statement in _SQLITE_SIZES
            )
    return inbox, ledger, other


_SQLITE_SIZES = (
    "SELECT sum(length(payload) + 2 * length(idempotency_key) + 2 * length(chain) + 2 * length(id)"
    " + length(original_sha256) + length(previous_hash) + length(hash) + length(verification) + 3"
    " * length(institution_id) + 40) FROM inbox_message WHERE source = 'agent'",
    "SELECT sum(length(body) + 2 * length(natural_key) + 3 * length(learner_ref) + 3 * length(class_run_id)"
    " + 2 * length(id) + 3 * 64 + 2 * length(session_id) + 40) FROM ledger_entry",
    "SELECT sum(length(data) + 2 * length(id) + 3 * length(idempotency_key) + 80) FROM event",
)


def _frame(one: Stage) -> tuple[float, int]:
    """Return the CPU seconds to judge a frame, with the models loaded, and a frame's bytes."""
    jpeg = photographs_from("demo")("learner")
    engine: Any = one.house.engine_for_faces
    engine.observe(jpeg)
    begin = time.process_time()
    for _ in range(_FRAMES):
        engine.observe(jpeg)
    return (time.process_time() - begin) / _FRAMES, len(jpeg)
