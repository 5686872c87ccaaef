"""Start and stop a server process that must not outlive the test run."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    """Return a port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: list[str],
    *,
    log: Path,
    is_ready: Callable[[], bool],
    user: str | None = None,
    seconds: float = 20,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends; fails with the server's own log when it does not become ready.

    `user`: the account to run as (only root may choose one).
    """
    # A test run that is killed takes its servers along, where util-linux can arrange it.
    setpriv = shutil.which("setpriv")
    tied = [setpriv, "--pdeathsig", "TERM", *command] if setpriv else command
    with log.open("wb") as output:
        process = subprocess.Popen(tied, stdout=output, stderr=subprocess.STDOUT, user=user, cwd=log.parent)
    try:
        deadline = time.monotonic() + seconds
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
