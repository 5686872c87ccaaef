"""When a server that was just started is at rest. Linux alone has these figures."""

import os
import time
from pathlib import Path

from bridge.bench.memory import processes_under

_AT_REST = 0.08
"""Of one processor: polls and timers go on."""
_LOOK_SECONDS = 1.0
_LONGEST_SECONDS = 60.0
_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def wait_until_at_rest(supervisor: int) -> None:
    """Return once a server and its processes have done nothing for a second, or after a minute.

    A door answers before the rest of its house has loaded what it needs; on few processors that start would be
    measured as the door.
    """
    end = time.monotonic() + _LONGEST_SECONDS
    before = _used_seconds(supervisor)
    while time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
        now = _used_seconds(supervisor)
        if now - before < _AT_REST * _LOOK_SECONDS:
            return
        before = now


def _used_seconds(supervisor: int) -> float:
    used = 0.0
    for pid in processes_under(supervisor):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        used += (int(fields[11]) + int(fields[12])) * _TICK_SECONDS
    return used
