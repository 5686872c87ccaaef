"""The two processes beside a rehearsal: the simulator of the regulator, and the carrier that delivers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from bridge.bench.postgresql import free_port
from bridge.kernel.errors import Unavailable
from plugins.simulators.province.certificates import HOST, make_certificates

KEY = "rehearsal-key"
_READY_SECONDS = 60.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Regulator:
    """The simulator that runs."""

    url: str
    state: Path
    ca_file: Path | None

    def struck(self) -> dict[str, int]:
        """Return how often each fault struck; empty if it does not answer."""
        verify = True if self.ca_file is None else str(self.ca_file)
        for _again in range(20):
            try:
                answer = requests.get(f"{self.url}/faults", timeout=5, verify=verify)
                found: dict[str, int] = answer.json()["struck"]
                return found
            except (requests.RequestException, ValueError, KeyError):
                time.sleep(0.1)
        return {}


@contextmanager
def regulator(
    state: Path, faults: Sequence[str] = (), *, chance: float = 0.3, seed: int = 1, slow_seconds: float = 2.5
) -> Iterator[Regulator]:
    """Run the simulator with these faults until the block ends."""
    state.mkdir(parents=True, exist_ok=True)
    secure = "certificate" in faults
    ca_file = make_certificates(state) if secure else None
    port = free_port()
    url = f"https://{HOST}:{port}" if secure else f"http://127.0.0.1:{port}"
    command = ["plugins.simulators.province", f"--port={port}", f"--state={state}", f"--key={KEY}"]
    command += [f"--faults={','.join(faults)}", f"--chance={chance}", f"--seed={seed}"]
    command += [f"--slow-seconds={slow_seconds}"]
    with (state / "regulator.log").open("ab") as log:
        child = subprocess.Popen([sys.executable, "-m", *command], stderr=log, stdout=log, cwd=Path.cwd())
        try:
            _wait_for(url, child, ca_file)
            yield Regulator(url, state, ca_file)
        finally:
            child.terminate()
            child.wait(_STOP_SECONDS)


def start_carrier(folder: Path, of: Regulator) -> "subprocess.Popen[str]":
    """Start the process that delivers; it says "ready" on its output when it begins."""
    command = ["plugins.reporting.rehearsal.carrier", str(folder), of.url, KEY, str(of.ca_file or "")]
    with (folder / "carrier.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ},
        )
    if child.stdout is None or child.stdout.readline().strip() != "ready":
        raise Unavailable("rehearsal_not_ready", f"报送进程没有启动,日志见 {folder / 'carrier.log'}")
    return child


class Carriers:
    """Carriers by the number, each a process of its own that can be killed."""

    def __init__(self, folder: Path, of: Regulator) -> None:
        command = [
            "plugins.reporting.rehearsal.carrier",
            str(folder),
            of.url,
            KEY,
            str(of.ca_file or ""),
            "many",
        ]
        with (folder / "carrier.log").open("ab") as log:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def start(self) -> int:
        """Start a carrier and return its process id once it delivers."""
        out, into = self._parent.stdout, self._parent.stdin
        if out is None or into is None:
            raise RuntimeError("the carriers' parent has no pipes")
        into.write("one more\n")
        into.flush()
        said = {out.readline().strip(), out.readline().strip()}
        pids = [word for word in said if word.isdigit()]
        if "ready" not in said or not pids:
            raise Unavailable("rehearsal_not_ready", "报送进程没有启动,无法演练。")
        return int(pids[0])

    def close(self) -> None:
        """End the parent; a carrier that still runs has to be killed before."""
        self._parent.kill()
        self._parent.communicate()


def kill(pid: int) -> None:
    """kill -9 a carrier and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.005)
    raise Unavailable("rehearsal_not_ended", "报送进程没有结束,无法演练。")


def _wait_for(url: str, child: "subprocess.Popen[bytes]", ca_file: Path | None) -> None:
    until = time.monotonic() + _READY_SECONDS
    while True:
        try:
            verify = True if ca_file is None else str(ca_file)
            if requests.get(f"{url}/healthz", timeout=2, verify=verify).ok:
                return
        except requests.RequestException:
            if child.poll() is not None or time.monotonic() > until:
                raise Unavailable("rehearsal_not_ready", "模拟的监管平台没有启动,无法演练。") from None
            time.sleep(0.05)
