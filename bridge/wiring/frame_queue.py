"""The frames that wait for a judge, as presence and the door ask for them; the jobs are looked at now and then."""

import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select

from bridge.db.outbox import LEASE, JobRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.time import epoch_ms
from bridge.presence.challenges import BURST_WAITING
from bridge.presence.frames import FRAME_WAITING

JUDGED: Mapping[str, timedelta] = {FRAME_WAITING: timedelta(seconds=5), BURST_WAITING: LEASE}
"""What judges do → for how long it is theirs before another takes it up. A frame takes a fraction of a second."""

_LOOK_SECONDS = 0.1


class FramesWaiting:
    """What this process last saw of the queue."""

    def __init__(self) -> None:
        self._seen: tuple[float, int, int | None] = (0.0, 0, None)
        self._looking = threading.Lock()

    def within(self, tx: Tx) -> "WaitWithin":
        """Return `presence.waiting.FrameQueue` that looks, where it must, in this unit of work."""
        return WaitWithin(self, tx)

    def waited_ms(self, tx: Tx) -> int:
        """Return how long the first of the frames that nobody has in hand has waited; 0 if there is none."""
        _, since_ms = self._look(tx)
        return 0 if since_ms is None else max(0, epoch_ms(tx.clock.now()) - since_ms)

    def count(self, tx: Tx) -> int:
        """Return how many frames nobody has in hand."""
        return self._look(tx)[0]

    def _look(self, tx: Tx) -> tuple[int, int | None]:
        with self._looking:
            seen_at, count, since_ms = self._seen
            if seen_at == 0.0 or time.monotonic() - seen_at >= _LOOK_SECONDS:
                row = tx.session.execute(
                    select(func.count(), func.min(JobRow.run_after)).where(
                        JobRow.kind.in_(JUDGED), JobRow.state == "open"
                    )
                ).one()
                first: datetime | None = row[1]  # of no rows there is no first, whatever the column says
                count = row[0]
                since_ms = None if first is None else epoch_ms(first)
                self._seen = (time.monotonic(), count, since_ms)
            return count, since_ms


class WaitWithin:
    """`presence.waiting.FrameQueue` in one unit of work."""

    def __init__(self, waiting: FramesWaiting, tx: Tx) -> None:
        self._waiting = waiting
        self._tx = tx

    def waited_ms(self) -> int:
        return self._waiting.waited_ms(self._tx)
