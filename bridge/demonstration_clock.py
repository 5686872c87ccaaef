"""The demonstration's study clock: faster than real time, but not while a check is open.

All processes of one bridge share its state through a small file. Production never builds one: `Settings`
refuses a study factor above 1 there, and `build` refuses the mode once more.
"""

import fcntl
import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from bridge.kernel.time import Clock, StudyRate, parse_rfc3339
from bridge.settings import Settings


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
        self._seen: tuple[int, StudyRate] | None = None
        if not path.exists():
            now = clock.now()
            self._write(StudyRate(real_from=now, study_from=now, factor=factor))

    @classmethod
    def build(
        cls, settings: Settings, clock: Clock, count_open_checks: Callable[[], int]
    ) -> "DemonstrationClock":
        """Return the clock of this demonstration; RuntimeError in production."""
        if not settings.demonstration:
            raise RuntimeError("study time is scaled in the demonstration only")
        return cls(settings.data_dir / "study_clock.json", clock, settings.study_factor, count_open_checks)

    def now(self) -> datetime:
        return self._rate().at(self._clock.now())

    def factor(self) -> int:
        return self._rate().factor

    def checks_changed(self) -> None:
        """Set the pace that the number of open checks asks for."""
        wanted = 1 if self._count_open_checks() else self._factor
        if self._rate().factor == wanted:
            return
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Counted again under the lock: of two processes the later one has the later truth.
            wanted = 1 if self._count_open_checks() else self._factor
            rate = self._rate()
            if rate.factor != wanted:
                self._write(rate.changed(self._clock.now(), wanted))

    def _rate(self) -> StudyRate:
        stamp = self._path.stat()
        version = stamp.st_mtime_ns ^ stamp.st_ino
        if self._seen is None or self._seen[0] != version:
            stored = json.loads(self._path.read_text())
            rate = StudyRate(
                real_from=parse_rfc3339(stored["real_from"]),
                study_from=parse_rfc3339(stored["study_from"]),
                factor=stored["factor"],
            )
            self._seen = (version, rate)
        return self._seen[1]

    def _write(self, rate: StudyRate) -> None:
        fresh = self._path.with_suffix(f".{os.getpid()}.new")
        fresh.write_text(
            json.dumps(
                {
                    "real_from": rate.real_from.isoformat(),
                    "study_from": rate.study_from.isoformat(),
                    "factor": rate.factor,
                }
            )
        )
        fresh.replace(self._path)


class ConstantPace:
    """The pace of real use: study time is real time, whatever checks are open."""

    def checks_changed(self) -> None:
        """Nothing changes."""
