"""The supervisor: web, worker, beat and judges as processes, started together, restarted singly, stopped together."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from bridge.settings import ROOT

log = structlog.get_logger()

PARTS = ("web", "worker", "beat")
JUDGE = "judge"
"""One more part for each process that judges faces."""
_STOP_SECONDS = 15.0
_RESTART_SECONDS = 1.0
_LOOK_SECONDS = 0.1
_ALONE_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel end this process when its parent ends (Linux), so that nothing is orphaned by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass(slots=True)
class Part:
    """One child process."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    start_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps the parts running until it is told to stop.

    Args:
        parts: the first is started alone, the others once it is ready: people wait for the first.
        is_ready: asked about ten times a second until it says so.
    """

    parts: Sequence[str] = PARTS
    is_ready: Callable[[], bool] = lambda: True
    stopping: bool = False
    _running: list[Part] = field(default_factory=list)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; return once every part has ended."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._stop)
        self._running = [Part(name, [sys.executable, "-m", "bridge.cli", "run", name]) for name in self.parts]
        ready = False
        alone_until = time.monotonic() + _ALONE_SECONDS
        try:
            while not self.stopping:
                alone = not ready and time.monotonic() < alone_until
                self._keep_running(self._running[:1] if alone else self._running)
                ready = ready or self.is_ready()
                time.sleep(_LOOK_SECONDS)
        finally:
            self._end()

    def _stop(self, _signum: int, _frame: object) -> None:
        self.stopping = True

    def _keep_running(self, parts: Sequence[Part]) -> None:
        now = time.monotonic()
        for part in parts:
            if part.process is not None and part.process.poll() is not None:
                log.warning("part_ended", part=part.name, status=part.process.returncode)
                part.process = None
                part.start_at = now + _RESTART_SECONDS
            if part.process is None and now >= part.start_at:
                part.process = subprocess.Popen(
                    part.command,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    preexec_fn=die_with_parent,  # noqa: PLW1509  # the supervisor has one thread
                )

    def _end(self) -> None:
        for part in self._running:
            if part.process is not None:
                part.process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for part in self._running:
            if part.process is None:
                continue
            try:
                part.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("part_killed", part=part.name)
                os.killpg(part.process.pid, signal.SIGKILL)
                part.process.wait()
