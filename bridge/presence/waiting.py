"""Frames that wait for us: what a queue of ours means for checks. Nobody loses by it.

A frame in the queue keeps its check open; what the wait took is added to the check's time. While frames wait too long,
checks that nobody has been asked for yet are put off: sooner asked, they would only wait as well.
"""

from dataclasses import dataclass
from typing import Protocol

from bridge.presence.model import CheckRules, CheckState

_SOONEST_MS = 80
_LATEST_MS = 2_000
_FRAME_MS = 12
"""About what a frame takes where two judges work (docs/benchmarks.md, `face`)."""


def look_again_ms(frames: int) -> int:
    """Return after how long a page looks again for its verdict when so many frames wait: sooner would only cost."""
    return min(_LATEST_MS, _SOONEST_MS + _FRAME_MS * frames)


class FrameQueue(Protocol):
    """The frames of all institutions that wait for a worker."""

    def waited_ms(self) -> int:
        """Return how long the one that came first has waited, real ms; 0 if none does."""
        ...


@dataclass(frozen=True, slots=True)
class LastEnd:
    """How the latest check of a session ended, and when (study ms)."""

    state: CheckState
    at_ms: int


def put_off_until(rules: CheckRules, queue: FrameQueue, last: LastEnd | None, now_ms: int) -> int | None:
    """Return the later moment of a check that is due now; None if it is asked for now.

    Only after a passed check, since after any other time does not count until the next; and never further from it
    than the pack's longest gap, so that no queue, also not one that somebody fills on purpose, does away with checks.
    """
    if rules.backlog is None or last is None or last.state is not CheckState.PASSED:
        return None
    until = min(now_ms + rules.backlog.put_off_ms, last.at_ms + rules.gap_max_ms)
    if until <= now_ms or queue.waited_ms() <= rules.backlog.wait_limit_ms:
        return None
    return until
