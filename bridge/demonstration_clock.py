"""The demonstration's study clock: faster than real time, but not while a check is open, and it waits for a beat.

At 600 times real time a beat is due every 20 milliseconds, and a busy machine's hiccup would read as minutes of
silence. So from each beat on study time runs at most `WAIT_SECONDS` ahead until the next one, for
`PATIENCE_SECONDS` of real time; who really falls silent is found out three seconds later.

All processes of one bridge share its state through a small file. Production never builds one: `Settings`
refuses a study factor above 1 there, and `build` refuses the mode once more.
"""

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from bridge.kernel.time import Clock, StudyRate, parse_rfc3339
from bridge.settings import Settings

WAIT_SECONDS = 10
"""Study seconds: one beat. A machine whose answers take longer sets the pace, and loses no study."""
PATIENCE_SECONDS = 3
"""Real seconds."""


class Pace(NamedTuple):
    """How study time runs; `waits` while a session is being heard."""

    rate: StudyRate
    waits: bool

    def at(self, real: datetime) -> datetime:
        """Return the study instant at the real instant `real`; never goes back as `real` goes on."""
        rate = self.rate
        if not self.waits or rate.factor == 1:
            return rate.at(real)
        patience = timedelta(seconds=PATIENCE_SECONDS)
        # A small factor never gets as far as the wait within the patience, and must not jump there after it.
        ahead = min(timedelta(seconds=WAIT_SECONDS), patience * rate.factor)
        waited = real - rate.real_from
        if waited <= patience:
            return min(rate.at(real), rate.study_from + ahead)
        return rate.study_from + ahead + (waited - patience) * rate.factor


class DemonstrationClock:
    """A `StudyClock` that runs `factor` times as fast, and a `StudyPace` that slows it to 1.

    Args:
        path: shared file; made if missing.
        count_open_checks: how many checks are open now; read after each commit that may have changed it.
    """

    def __init__(self, path: Path, clock: Clock, factor: int, count_open_checks: Callable[[], int]) -> None:
        self._path = path
        self._clock = clock
        self._factor = factor
        self._count_open_checks = count_open_checks
        self._seen: tuple[int, Pace] | None = None
        if not path.exists():
            now = clock.now()
            self._write(Pace(StudyRate(real_from=now, study_from=now, factor=factor), waits=False))

    @classmethod
    def build(
        cls, settings: Settings, clock: Clock, count_open_checks: Callable[[], int]
    ) -> "DemonstrationClock":
        """Return the clock of this demonstration; RuntimeError in production."""
        if not settings.demonstration:
            raise RuntimeError("study time is scaled in the demonstration only")
        return cls(settings.data_dir / "study_clock.json", clock, settings.study_factor, count_open_checks)

    def now(self) -> datetime:
        return self._pace().at(self._clock.now())

    def factor(self) -> int:
        return self._pace().rate.factor

    def check_opening(self) -> None:
        """Go on at 1 before the check's moment is taken: a commit may take longer than its window would last."""
        if self.factor() != 1:
            with self._alone():
                self._go_on(1)

    def checks_changed(self) -> None:
        """Set the pace that the number of open checks asks for."""
        wanted = 1 if self._count_open_checks() else self._factor
        if self.factor() == wanted:
            return
        with self._alone():
            # Counted again under the lock: of two processes the later one has the later truth.
            wanted = 1 if self._count_open_checks() else self._factor
            if self.factor() != wanted:
                self._go_on(wanted)

    def heard(self) -> None:
        """Note that a session beat just now: study time waits for its next beat."""
        if self._factor == 1:
            return
        if self.factor() == 1:
            # A check that was about to be opened may have come to nothing.
            self.checks_changed()
        with self._alone():
            self._go_on(self.factor())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _go_on(self, factor: int) -> None:
        now = self._clock.now()
        self._write(
            Pace(StudyRate(real_from=now, study_from=self._pace().at(now), factor=factor), waits=True)
        )

    def _pace(self) -> Pace:
        stamp = os.stat(self._path)  # noqa: PTH116  # called for every beat
        version = stamp.st_mtime_ns ^ stamp.st_ino
        if self._seen is None or self._seen[0] != version:
            stored = json.loads(self._path.read_text())
            rate = StudyRate(
                real_from=parse_rfc3339(stored["real_from"]),
                study_from=parse_rfc3339(stored["study_from"]),
                factor=stored["factor"],
            )
            self._seen = (version, Pace(rate, stored["waits"]))
        return self._seen[1]

    def _write(self, pace: Pace) -> None:
        fresh = self._path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.new")
        fresh.write_text(
            json.dumps(
                {
                    "real_from": pace.rate.real_from.isoformat(),
                    "study_from": pace.rate.study_from.isoformat(),
                    "factor": pace.rate.factor,
                    "waits": pace.waits,
                }
            )
        )
        fresh.replace(self._path)


class ConstantPace:
    """The pace of real use: study time is real time, whatever checks are open."""

    def check_opening(self) -> None:
        """Nothing changes."""

    def checks_changed(self) -> None:
        """Nothing changes."""

    def heard(self) -> None:
        """Nothing changes."""
