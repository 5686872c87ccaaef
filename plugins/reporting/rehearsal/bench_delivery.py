"""How fast records reach the simulator and come back with their verdicts: the product's own job, over real HTTP."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bridge.db.outbox import LEASE
from bridge.kernel.errors import Unavailable
from bridge.reporting.model import FEED
from bridge.wiring.feed_desk import states
from plugins.reporting.rehearsal.processes import KEY, regulator
from plugins.reporting.rehearsal.stand import INSTITUTION, Stand, open_stand

_ROUNDS = 3
_LEARNERS, _SESSIONS = 20, 250


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


def _deliver(stand: Stand) -> None:
    stand.house.runner.run_all({FEED: LEASE})
