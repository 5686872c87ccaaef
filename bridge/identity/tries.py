"""How often somebody may try, and how long they wait after that: a delay that doubles, and never grows without end."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class TryLimit:
    """What wrong tries cost.

    Args:
        free: wrong tries after which the first wait begins.
        first_wait: that wait; each further wrong try doubles it.
        longest_wait: no wait is longer.
        forgotten_after: this long without a try, and all are forgotten.
    """

    free: int
    first_wait: timedelta
    longest_wait: timedelta
    forgotten_after: timedelta

    def wait_after(self, failures: int) -> timedelta:
        """Return how long to wait after so many wrong tries in a row."""
        over = failures - self.free
        if over < 0:
            return timedelta(0)
        # Beyond this many doublings every first wait is longer than any longest one.
        return min(self.longest_wait, self.first_wait * (1 << min(over, 32)))


@dataclass(frozen=True, slots=True)
class Tries:
    """The wrong tries of one account, address or browser."""

    failures: int = 0
    last_at: datetime | None = None
    blocked_until: datetime | None = None

    def blocked(self, now: datetime) -> timedelta | None:
        """Return how long is left to wait; None if one may try."""
        if self.blocked_until is None or now >= self.blocked_until:
            return None
        return self.blocked_until - now

    def counted(self, limit: TryLimit, now: datetime) -> "Tries":
        """Return the tries with one more that was wrong at `now`."""
        forgotten = self.last_at is None or now - self.last_at >= limit.forgotten_after
        failures = 1 if forgotten else self.failures + 1
        wait = limit.wait_after(failures)
        return Tries(failures, now, now + wait if wait else None)

    def taken_back(self) -> "Tries":
        """Return the tries without the last one, which was right after all."""
        return Tries(max(0, self.failures - 1), self.last_at, None)
