"""How fast records reach the simulator and come back with their verdicts: the product's own job, over real HTTP.

And how much memory the process takes that does it: the whole product, as a worker of its own has it loaded.
"""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bridge.db.outbox import LEASE
from bridge.kernel.errors import Unavailable
from bridge.reporting.model import FEED
from bridge.wiring.feed_desk import states
from plugins.reporting.guangdong.bench_memory import peak_mib
from plugins.reporting.rehearsal.processes import KEY, Regulator, regulator, start_carrier
from plugins.reporting.rehearsal.stand import INSTITUTION, Stand, open_stand

_ROUNDS = 3
_LEARNERS, _SESSIONS = 20, 250
_CARRIED = (10, 50)
"""Batches after which the carrier's memory is read."""
_PATIENCE_SECONDS = 300.0
_LOOK_SECONDS = 0.2


def measure() -> dict[str, Any]:
    """Return `delivered_per_second`: from waiting records to verdicts in the database, the median of three rounds.

    Building, names, gate, signature, encryption of the kept batch, transport, the simulator's judgement (on the same
    machine) and the receipt are all in it.
    """
    rates = []
    with tempfile.TemporaryDirectory(prefix="anxue-feed-") as name:
        folder = Path(name)
        with regulator(folder / "regulator") as of, open_stand(folder, of.url, KEY) as stand:
            stand.queue_class()
            _deliver(stand)
            for _ in range(_ROUNDS):
                before = states(stand.house, INSTITUTION)["records"].get("accepted", 0)
                stand.queue_learners(_LEARNERS, _SESSIONS)
                start = time.perf_counter()
                _deliver(stand)
                taken = time.perf_counter() - start
                found = states(stand.house, INSTITUTION)["records"]
                if set(found) != {"accepted"}:
                    raise Unavailable("bench_not_delivered", "测量中有记录没有被接收,无法测量。")
                rates.append((found["accepted"] - before) / taken)
    return {
        "delivered_per_second": round(statistics.median(rates)),
        "delivered_records": _LEARNERS * (2 * _SESSIONS + 5),
    }


def measure_memory() -> dict[str, Any]:
    """Return `carrier_memory_mib`: the peak of a process with the whole product that carried fifty full batches.

    `carrier_idle_mib` is what it takes before the first, `carrier_growth_mib` how much more fifty take than ten.
    """
    with tempfile.TemporaryDirectory(prefix="anxue-feed-") as name:
        folder = Path(name)
        with (
            regulator(folder / "regulator") as of,
            open_stand(folder, of.url, KEY) as stand,
            _carrier(folder, of) as pid,
        ):
            idle = peak_mib(pid)
            stand.queue_class()
            peaks = []
            carried = 0
            for batches in _CARRIED:
                while carried < batches:
                    # Two batches: two learners with 497 sessions, 497 checks and five more records each.
                    stand.queue_learners(2, 497)
                    carried += 2
                    _wait_until_carried(stand)
                peaks.append(peak_mib(pid))
    return {
        "carrier_memory_mib": round(peaks[-1], 1),
        "carrier_growth_mib": round(peaks[-1] - peaks[0], 1),
        "carrier_idle_mib": round(idle, 1),
        "carrier_batches": _CARRIED[-1],
    }


@contextmanager
def _carrier(folder: Path, of: Regulator) -> Iterator[int]:
    carrier: subprocess.Popen[str] = start_carrier(folder, of)
    try:
        yield carrier.pid
    finally:
        carrier.kill()
        carrier.communicate()


def _wait_until_carried(stand: Stand) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while set(states(stand.house, INSTITUTION)["records"]) != {"accepted"}:
        if time.monotonic() > until:
            raise Unavailable("bench_not_delivered", "测量中有记录没有被接收,无法测量。")
        time.sleep(_LOOK_SECONDS)


def _deliver(stand: Stand) -> None:
    stand.house.runner.run_all({FEED: LEASE})
