"""The bridge as an operator starts it: web, worker and beat in processes of their own, and the commands beside it."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from bridge.commands.catalogue import load_catalogue, photographs_from
from bridge.settings import ROOT, Settings
from bridge.wiring import House
from tests.servers.children import free_port, running

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class RunningBridge:
    """A bridge of this test alone, in demonstration mode.

    Args:
        data: what it writes; its database is SQLite.
        environment: nothing but what it needs: settings of the reader's own bridge do not reach it.
    """

    url: str
    data: Path
    environment: dict[str, str]

    def command(self, *arguments: str) -> dict[str, Any]:
        """Run `./anxue ARGUMENTS` on this bridge's data; return the JSON object that it prints."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "bridge.cli", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        printed: dict[str, Any] = json.loads(done.stdout)
        return printed

    @contextmanager
    def house(self) -> Iterator[House]:
        """Open this bridge's data in the test's own process, as the operator's commands do."""
        prefix = "ANXUE_"
        settings = {name: value for name, value in self.environment.items() if name.startswith(prefix)}
        fields = {name.removeprefix(prefix).lower(): value for name, value in settings.items()}
        house = House.build(Settings.model_validate(fields))
        try:
            yield house
        finally:
            house.close()

    def load_catalogue(self, folder: Path, **variables: str) -> None:
        """Load a catalogue with the demonstration's photographs; quicker than a command in a process of its own."""
        with self.house() as house:
            load_catalogue(house, folder, variables, photographs_from("demo"))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what the database holds now."""
        address = f"file:{self.data / 'anxue.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=20)) as connection:
            return connection.execute(query).fetchall()

    def wait_for(self, query: str, expected: list[tuple[Any, ...]], seconds: float = 30) -> None:
        """Wait until the worker has made the rows of `query` the expected ones."""
        wait_until(lambda: self.rows(query) == expected, lambda: f"{query}: {self.rows(query)}", seconds)


def wait_until(holds: Callable[[], bool], otherwise: Callable[[], str], seconds: float = 30) -> None:
    """Wait until it holds; AssertionError(`otherwise()`) when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(_POLL_SECONDS)


@contextmanager
def running_bridge(folder: Path, *, study_factor: int, config: Path | None = None) -> Iterator[RunningBridge]:
    """Run the bridge on a free port of loopback until the block ends; it knows no institution yet.

    Args:
        folder: for its data and its log.
        config: in place of the checkout's.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANXUE_")},
        "PYTHONPATH": str(ROOT),
        "ANXUE_MODE": "demonstration",
        "ANXUE_VAR": str(Settings().var),
        "ANXUE_DATA": str(folder / "bridge"),
        "ANXUE_PORT": str(port),
        "ANXUE_STUDY_FACTOR": str(study_factor),
    }
    if config is not None:
        environment["ANXUE_CONFIG"] = str(config)

    def is_ready() -> bool:
        try:
            return requests.get(f"{url}/readyz", timeout=2).ok
        except requests.RequestException:
            return False

    settings = [f"{name}={value}" for name, value in environment.items()]
    command = ["env", "-i", *settings, sys.executable, "-P", "-m", "bridge.cli", "serve"]
    with running(command, log=folder / "bridge.log", is_ready=is_ready, seconds=90):
        yield RunningBridge(url, folder / "bridge", environment)
