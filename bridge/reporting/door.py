"""When the regulator's door may be knocked at: breaker, pauses, maintenance windows, room for more batches. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Self

from bridge.kernel.time import LEGAL_ZONE


class Circuit(StrEnum):
    """Whether batches go out."""

    CLOSED = "closed"
    """They do."""
    OPEN = "open"
    """Too many failures in a row: not before `until`, then one goes to see."""
    STOPPED = "stopped"
    """Trying again cannot help: until a person has put it right."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which the regulator is not called, every day or on some (legal time).

    Args:
        ends: past midnight if it is before `starts`.
        weekdays: 1 (Monday) to 7; empty: all.
        first_day, last_day: both included; None: no end.
    """

    starts: time
    ends: time
    weekdays: frozenset[int] = frozenset()
    first_day: date | None = None
    last_day: date | None = None
    note: str = ""

    def until(self, now: datetime) -> datetime | None:
        """Return when the window ends that `now` is in; None if it is in none."""
        here = now.astimezone(LEGAL_ZONE)
        for day in (here.date(), here.date() - timedelta(days=1)):
            if not self._is_on(day):
                continue
            starts = datetime.combine(day, self.starts, LEGAL_ZONE)
            ends = datetime.combine(day, self.ends, LEGAL_ZONE)
            if ends <= starts:
                ends += timedelta(days=1)
            if starts <= here < ends:
                return ends.astimezone(now.tzinfo)
        return None

    def _is_on(self, day: date) -> bool:
        return (
            (not self.weekdays or day.isoweekday() in self.weekdays)
            and (self.first_day is None or self.first_day <= day)
            and (self.last_day is None or day <= self.last_day)
        )


@dataclass(frozen=True, slots=True)
class DoorRules:
    """The values of config/feeds/, all practice.

    Args:
        failures_until_open: so many in a row open the circuit.
        open_seconds, longest_open_seconds: how long, doubling while it stays bad.
        pause_seconds, longest_pause_seconds: between two attempts of one batch, doubling.
        most_undelivered: batches of a city that wait for a receipt; no more are built (back-pressure).
        reconcile_at: the legal time of day from which yesterday is compared with the regulator.
    """

    failures_until_open: int = 5
    open_seconds: int = 60
    longest_open_seconds: int = 1800
    pause_seconds: int = 2
    longest_pause_seconds: int = 900
    most_undelivered: int = 4
    reconcile_at: time = time(1, 30)
    maintenance: tuple[Window, ...] = ()

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """Return the rules as the YAML has them; KeyError, TypeError or ValueError for another shape."""
        door = data["door"]
        return cls(
            **{name: _positive(door[name]) for name in (
                "failures_until_open", "open_seconds", "longest_open_seconds",
                "pause_seconds", "longest_pause_seconds", "most_undelivered",
            )},
            reconcile_at=time.fromisoformat(data["reconcile_at"]),
            maintenance=tuple(
                Window(
                    time.fromisoformat(one["starts"]),
                    time.fromisoformat(one["ends"]),
                    frozenset(one.get("weekdays", ())),
                    one.get("first_day"),
                    one.get("last_day"),
                    one.get("note", ""),
                )
                for one in data["maintenance"]
            ),
        )  # fmt: skip

    def maintenance_until(self, now: datetime) -> datetime | None:
        """Return when the maintenance ends that is under way; None if none is."""
        ends = [end for one in self.maintenance if (end := one.until(now)) is not None]
        return max(ends) if ends else None

    def pause(self, failures: int, chance: float, asked: timedelta | None = None) -> timedelta:
        """Return how long a batch waits after so many failures in a row, with up to a quarter of it more.

        Args:
            chance: in [0, 1); spreads batches that failed together.
            asked: how long the regulator asks to be left alone.
        """
        seconds = min(self.pause_seconds << min(failures - 1, 16), self.longest_pause_seconds)
        return max(timedelta(seconds=seconds * (1 + chance / 4)), asked or timedelta(0))


@dataclass(frozen=True, slots=True)
class Door:
    """The regulator's door as it stands.

    Args:
        failures: in a row, of all batches.
        openings: how often the circuit opened in a row.
    """

    circuit: Circuit = Circuit.CLOSED
    failures: int = 0
    openings: int = 0
    reason: str | None = None
    until: datetime | None = None
    changed_at: datetime | None = None

    def lets_through(self, now: datetime) -> bool:
        """Return whether a batch may go now; of an open circuit, whether it is time to see."""
        if self.circuit is Circuit.STOPPED:
            return False
        return self.until is None or self.until <= now

    @property
    def cannot_sign(self) -> bool:
        """Whether it was stopped because nothing can be signed."""
        return self.circuit is Circuit.STOPPED and self.reason in SIGNING_REASONS

    def after_success(self, now: datetime) -> "Door":
        """Return the door after a receipt."""
        return self if self.circuit is Circuit.CLOSED and not self.failures else Door(changed_at=now)

    def after_failure(
        self, now: datetime, reason: str, rules: DoorRules, *, asked: timedelta | None = None
    ) -> "Door":
        """Return the door after an attempt without a receipt."""
        failures = self.failures + 1
        if failures < rules.failures_until_open and self.circuit is Circuit.CLOSED:
            return replace(
                self,
                failures=failures,
                reason=reason,
                until=None if asked is None else now + asked,
                changed_at=now,
            )
        seconds = min(rules.open_seconds << min(self.openings, 16), rules.longest_open_seconds)
        until = now + max(timedelta(seconds=seconds), asked or timedelta(0))
        return Door(Circuit.OPEN, failures, self.openings + 1, reason, until, now)

    def stopped(self, now: datetime, reason: str) -> "Door":
        """Return the door after a failure that only a person can put right."""
        return Door(Circuit.STOPPED, self.failures + 1, self.openings, reason, None, now)


def _positive(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("a positive whole number")
    return value


DOOR_REASONS = frozenset(
    {
        "regulator_key_refused",
        "regulator_certificate",
        "regulator_refused",
        "regulator_schema_version",
        "regulator_redirect",
    }
)
"""Failures of the door and not of a batch: every other batch would fail alike, so that the door is stopped."""

SIGNING_REASONS = frozenset(
    {
        "signer_missing",
        "sm2_library_missing",
        "sm2_profile_malformed",
        "signing_key_missing",
        "signing_key_unreadable",
    }
)
"""Why no batch can be signed: the door is stopped, and records wait as records until a person has put it right."""


def first_due(batches: Sequence[tuple[str, datetime | None]], now: datetime) -> str | None:
    """Return the batch that goes next, of (id, not before) in order; None while the first one waits.

    A batch never overtakes an earlier one: what it holds may build on what that one tells.
    """
    if not batches:
        return None
    batch_id, not_before = batches[0]
    return batch_id if not_before is None or not_before <= now else None
