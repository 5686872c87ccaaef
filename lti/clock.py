"""The clock that every check of a token reads; injected, so that tests can stand still."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Real time."""

    def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def epoch_seconds(clock: Clock) -> int:
    """Return whole seconds since the Unix epoch (NumericDate of RFC 7519, floored)."""
    return int(clock.now().timestamp())
