"""One rehearsal for each fault and one for all of them together: records go in, people correct, everything arrives."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bridge.kernel.time import legal_date
from bridge.reporting.door import Circuit
from bridge.reporting.door_store import SqlDoorStore
from bridge.reporting.model import RecordKind
from bridge.reporting.reconciliation import Reconciliation
from bridge.wiring import feed_desk
from plugins.reporting.rehearsal.books import Outcome, outcome
from plugins.reporting.rehearsal.processes import KEY, regulator, start_carrier
from plugins.reporting.rehearsal.stand import CITY, CLASS_RUN, INSTITUTION, Stand, open_again, open_stand
from plugins.simulators.province.faults import FAULTS

WAVES, LEARNERS = 40, 2
"""Records come in waves, so that there are many batches; each learner has nine records."""
SESSIONS = 2
_BETWEEN_WAVES_SECONDS = 0.3
_LOOK_SECONDS = 0.15
_PATIENCE_SECONDS = 240.0
BY = "rehearsal"


@dataclass(frozen=True, slots=True)
class Run:
    """What one rehearsal showed.

    Args:
        struck: how often each fault struck.
        corrected: records that people had sent again after the regulator returned them.
        put_right: how often people put the stopped door or a stopped batch right.
        withdrawn: records that were taken back.
        reconciled: how the last comparison of the day ended: "agrees", or what it found.
    """

    name: str
    struck: dict[str, int]
    outcome: Outcome
    corrected: int
    put_right: int
    withdrawn: int
    reconciled: str
    seconds: float

    @property
    def passes(self) -> bool:
        return self.outcome.sound and self.reconciled == "agrees"


def fault_runs(folder: Path, names: Sequence[str] = (), *, seed: int = 1) -> Iterator[Run]:
    """Yield a run without faults, one for each fault, and one with all of them at once."""
    for number, name in enumerate(names or ("none", *FAULTS, "all")):
        faults = {"none": (), "all": tuple(FAULTS)}.get(name, (name,))
        yield one_run(folder / name, name, faults, seed=seed + number)


def one_run(folder: Path, name: str, faults: Sequence[str], *, seed: int) -> Run:
    """Run one rehearsal in `folder` and return what it showed; it ends when nothing waits, or after four minutes."""
    folder.mkdir(parents=True)
    state = folder / "regulator"
    chance = 0.3 if len(faults) < 2 else 0.12
    started = time.monotonic()
    with (
        regulator(state, faults, chance=chance, seed=seed) as of,
        open_stand(folder, of.url, KEY, of.ca_file) as stand,
    ):
        carrier = start_carrier(folder, of)
        try:
            corrected, put_right, withdrawn = _live(stand)
        finally:
            carrier.kill()
            carrier.wait()
            carrier.communicate()
        struck = of.struck()
        # Copies that are still under way arrive before the books are read.
        time.sleep(2)
    with regulator(state, seed=seed) as quiet, open_again(folder, quiet.url, KEY) as stand:
        reconciled = _reconcile(stand)
        found = outcome(stand, state)
    return Run(name, struck, found, corrected, put_right, withdrawn, reconciled, time.monotonic() - started)


def _live(stand: Stand) -> tuple[int, int, int]:
    """Queue in waves and do what people do, until nothing waits; return how much of that there was."""
    corrected = put_right = withdrawn = waves = 0
    stand.queue_class()
    until = time.monotonic() + _PATIENCE_SECONDS
    next_wave = 0.0
    while time.monotonic() < until:
        if waves < WAVES and time.monotonic() >= next_wave:
            stand.queue_learners(LEARNERS, SESSIONS)
            waves += 1
            next_wave = time.monotonic() + _BETWEEN_WAVES_SECONDS
        corrected += feed_desk.correct_all(stand.house, INSTITUTION, BY)
        put_right += _put_right(stand)
        counts = feed_desk.states(stand.house, INSTITUTION)
        if waves == WAVES and not withdrawn and _is_done(counts):
            withdrawn = _withdraw(stand)
        elif waves == WAVES and _is_done(counts):
            break
        time.sleep(_LOOK_SECONDS)
    return corrected, put_right, withdrawn


def _is_done(counts: dict[str, dict[str, int]]) -> bool:
    waiting = ("waiting", "batched")
    undelivered = counts["batches"].get("ready", 0) + counts["batches"].get("failed", 0)
    return not undelivered and not any(counts["records"].get(state) for state in waiting)


def _put_right(stand: Stand) -> int:
    with stand.house.uow.across_institutions("see the door of a rehearsal", read_only=True) as tx:
        stopped = SqlDoorStore(tx).door().circuit is Circuit.STOPPED
    failed = feed_desk.states(stand.house, INSTITUTION)["batches"].get("failed", 0)
    if not stopped and not failed:
        return 0
    feed_desk.send_all_again(stand.house, INSTITUTION, BY)
    return 1


def _withdraw(stand: Stand) -> int:
    """Take back the evaluations of three learners."""
    taken = stand.learners[:3]
    for learner in taken:
        number = f"{CLASS_RUN}.{learner}.e1"
        feed_desk.withdraw(stand.house, INSTITUTION, RecordKind.EVALUATION, number, "entered_in_error", BY)
    return len(taken)


def _reconcile(stand: Stand) -> str:
    """Compare today and, near midnight, yesterday as well; return what was found."""
    today = legal_date(datetime.now(UTC))
    kept: Reconciliation = feed_desk.reconcile_day(stand.house, INSTITUTION, CITY, today, BY)
    if kept.failure:
        return kept.failure
    return "agrees" if kept.agrees else f"{len(kept.differences)} differences"
