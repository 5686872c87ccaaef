"""Instants, legal days and the two clocks.

`Clock` is real time: tokens, nonces, webhooks, leases, sessions, signatures.
`StudyClock` is the time that is credited: study, caps, due times of checks. Only it can be scaled, and
only in the demonstration. Both give aware UTC; a naive datetime is a bug.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

LEGAL_ZONE = ZoneInfo("Asia/Shanghai")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Real time."""

    def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        ...


class StudyClock(Protocol):
    """Time as it is credited; equal to real time but in the demonstration."""

    def now(self) -> datetime:
        """Return the present study instant, aware, UTC; never goes back."""
        ...

    def factor(self) -> int:
        """Return how many study seconds pass in one real second (1 but in the demonstration)."""
        ...


class SystemClock:
    """The machine's clock; serves as `Clock` and, unscaled, as `StudyClock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def factor(self) -> int:
        return 1


@dataclass(slots=True)
class FixedClock:
    """A clock that stands until it is moved; for tests and for recomputing the past."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def factor(self) -> int:
        return 1

    def advance(self, **delta: int) -> None:
        """Move on by `timedelta(**delta)`."""
        self.at += timedelta(**delta)


@dataclass(frozen=True, slots=True)
class StudyRate:
    """From `real_from` on, study time starts at `study_from` and runs `factor` times as fast."""

    real_from: datetime
    study_from: datetime
    factor: int

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise ValueError("study time never stands still or goes back")

    def at(self, real: datetime) -> datetime:
        """Return the study instant at the real instant `real` (not before `real_from`)."""
        return self.study_from + max(real - self.real_from, timedelta(0)) * self.factor

    def changed(self, real: datetime, factor: int) -> "StudyRate":
        """Return the rate that goes on from here with another factor, without a jump."""
        return StudyRate(real_from=real, study_from=self.at(real), factor=factor)


def require_utc(instant: datetime) -> datetime:
    """Return `instant` if it is aware and UTC, else raise ValueError."""
    if instant.tzinfo is None or instant.utcoffset() != timedelta(0):
        raise ValueError("instants are aware and UTC")
    return instant


def legal_date(instant: datetime) -> date:
    """Return the day of `instant` in Asia/Shanghai: the day on which caps and deadlines fall."""
    return require_utc(instant).astimezone(LEGAL_ZONE).date()


def epoch_ms(instant: datetime) -> int:
    """Return whole milliseconds since the Unix epoch, exactly (no float)."""
    return (require_utc(instant) - _EPOCH) // timedelta(milliseconds=1)


def from_epoch_ms(milliseconds: int) -> datetime:
    """Return the UTC instant `milliseconds` after the Unix epoch."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def rfc3339(instant: datetime) -> str:
    """Return e.g. "2026-11-23T08:00:00.000Z" (milliseconds, RFC 3339)."""
    return require_utc(instant).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """Return the aware UTC instant that `text` names; ValueError if it has no offset."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return instant.astimezone(UTC)
