"""kill -9 at random in delivery, again and again: the carrier dies, another goes on, the books are counted."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select, update

from bridge.db.outbox import JobRow
from bridge.reporting.model import FEED
from bridge.reporting.tables import ReportAttemptRow
from bridge.wiring import feed_desk
from plugins.reporting.rehearsal.books import Outcome, outcome
from plugins.reporting.rehearsal.processes import KEY, Carriers, kill, regulator
from plugins.reporting.rehearsal.stand import INSTITUTION, Stand, open_stand

_LATEST_SECONDS = 0.25
"""A carrier is killed at a random moment within so long after it began to send; every fourth after it began at all."""
_BEGIN_SECONDS = 30.0
_LEARNERS = 4
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Kills:
    """What the kills showed.

    Args:
        in_flight: attempts that a kill cut off: begun, and never ended.
        resent: batches that were sent more than once.
    """

    kills: int
    in_flight: int
    resent: int
    outcome: Outcome
    seconds: float

    @property
    def passes(self) -> bool:
        return self.outcome.sound and self.in_flight >= self.kills // 4


def kill_runs(
    folder: Path, kills: int, *, seed: int = 1, told: Callable[[int], None] = lambda _number: None
) -> Kills:
    """Kill carriers so often while they deliver, then let one finish; return what both books say.

    The simulator takes a little while over each batch, so that there is something to be killed in.
    """
    folder.mkdir(parents=True)
    state = folder / "regulator"
    dice = random.Random(seed)  # noqa: S311  # when to kill, not a secret
    started = time.monotonic()
    with (
        regulator(state, ("slow",), chance=0.6, seed=seed, slow_seconds=0.15) as of,
        open_stand(folder, of.url, KEY) as stand,
    ):
        stand.queue_class()
        carriers = Carriers(folder, of)
        for number in range(kills):
            stand.queue_learners(_LEARNERS, 1)
            sent = _attempts(stand)
            carrier = carriers.start()
            if number % 4:
                _wait_until_sending(stand, sent)
            time.sleep(dice.uniform(0, _LATEST_SECONDS))
            kill(carrier)
            _end_leases(stand)
            told(number + 1)
        carrier = carriers.start()
        try:
            _wait_until_done(stand)
        finally:
            kill(carrier)
            carriers.close()
        found = outcome(stand, state)
        resent, in_flight = _resent(stand), _cut_off(stand)
    return Kills(kills, in_flight, resent, found, time.monotonic() - started)


def _attempts(stand: Stand) -> int:
    with stand.house.uow.for_institution(INSTITUTION, read_only=True) as tx:
        return tx.session.scalar(select(func.count()).select_from(ReportAttemptRow)) or 0


def _wait_until_sending(stand: Stand, before: int) -> None:
    """Wait until an attempt began that was not there before."""
    until = time.monotonic() + _BEGIN_SECONDS
    while _attempts(stand) == before and time.monotonic() < until:
        time.sleep(0.01)


def _cut_off(stand: Stand) -> int:
    """Return how many attempts never ended: begun, and their carrier killed."""
    with stand.house.uow.for_institution(INSTITUTION, read_only=True) as tx:
        cut = select(func.count()).select_from(ReportAttemptRow).where(ReportAttemptRow.outcome == "started")
        return tx.session.scalar(cut) or 0


def _end_leases(stand: Stand) -> None:
    """Let the dead carrier's lease be over: what twenty seconds of waiting would do."""
    now = stand.house.clock.now()
    with stand.house.uow.across_institutions("end the lease of a killed carrier") as tx:
        tx.session.execute(
            update(JobRow)
            .where(JobRow.kind == FEED, JobRow.state == "leased")
            .values(lease_until=now - timedelta(seconds=1), lost=0)
            .execution_options(synchronize_session=False)
        )


def _wait_until_done(stand: Stand) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        found = feed_desk.states(stand.house, INSTITUTION)
        waiting = sum(found["records"].get(name, 0) for name in ("waiting", "batched"))
        if not waiting and not found["batches"].get("ready", 0):
            return
        time.sleep(0.25)


def _resent(stand: Stand) -> int:
    with stand.house.uow.for_institution(INSTITUTION, read_only=True) as tx:
        rows = tx.session.scalars(select(ReportAttemptRow.batch_id).where(ReportAttemptRow.number == 2))
        return len(rows.all())
