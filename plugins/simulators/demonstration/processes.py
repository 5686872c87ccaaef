"""The three processes of the demonstration: bridge, demo LMS, province simulator. They share no database."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge.kernel.errors import Unavailable
from bridge.serve import die_with_parent
from bridge.settings import ROOT, Settings
from bridge.start import is_set_up

STUDY_FACTOR = 600
"""Study seconds in a real second: 90 minutes of lessons pass in some 10 seconds between the checks."""

_READY_SECONDS = 90.0
_STOP_SECONDS = 20.0
_LOOK_SECONDS = 0.05
_KEPT_RUNS = 3


def fresh_folder(var: Path) -> Path:
    """Return a new, empty folder for this run under `var`/demo; of older runs the newest are kept."""
    parent = var / "demo"
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    folder = parent / stamp
    folder.mkdir(mode=0o700)
    for old in sorted(path for path in parent.iterdir() if path.is_dir() and path != folder)[
        : -_KEPT_RUNS + 1
    ]:
        _remove(old)
    return folder


def _remove(folder: Path) -> None:
    import shutil

    if not (folder / "in-use").exists() or not _lives(folder / "in-use"):
        shutil.rmtree(folder, ignore_errors=True)


def _lives(mark: Path) -> bool:
    try:
        os.kill(int(mark.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def free_ports(first: int, count: int) -> list[int]:
    """Return `count` ports of loopback that nobody listens on, the lowest from `first` on.

    Raises:
        Unavailable("port_in_use"): there are not so many up to 65535.
    """
    found: list[int] = []
    port = first
    while len(found) < count and port <= 65535:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
        port += 1
    if len(found) < count:
        raise Unavailable("port_in_use", "没有空闲端口,请用 --port 指定较小的端口号。", permanent=True)
    return found


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  # loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@dataclass(slots=True)
class Child:
    """One process, the address that says it is ready, and where its words go."""

    name: str
    title: str
    ready_url: str
    log: Path
    process: subprocess.Popen[bytes]
    ready: bool = False

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return self.ready_url.rpartition("/")[0]

    def look(self) -> bool:
        """Return whether it answers; Unavailable("demo_process_ended") if it is gone."""
        if self.process.poll() is not None:
            raise Unavailable(
                "demo_process_ended",
                f"{self.title}没有启动成功(退出码 {self.process.returncode}),日志见 {self.log}",
                permanent=True,
            )
        self.ready = self.ready or _answers(self.ready_url)
        return self.ready


@dataclass(slots=True)
class Town:
    """The three processes of one run, and the operator's commands on the bridge's own data.

    Args:
        folder: of this run; each process has a folder of its own in it.
        first_port: the three ports are the first free ones from here on.
        database_url: of the bridge; empty for SQLite in its folder.
        broker_url: of the bridge; empty for its folder.
        catalogue: folder of YAML; `lms.yaml` in it is what the LMS serves.
        photographs: where the loader finds the ID photos: "demo" or a folder.
    """

    folder: Path
    first_port: int
    catalogue: Path
    database_url: str = ""
    broker_url: str = ""
    photographs: str = "demo"
    study_factor: int = STUDY_FACTOR
    bridge_url: str = ""
    lms_url: str = ""
    province_url: str = ""
    _children: list[Child] = field(default_factory=list)
    _environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start all three at once; they are not ready yet."""
        bridge_port, lms_port, province_port = free_ports(self.first_port, 3)
        self.bridge_url, self.lms_url, self.province_url = (
            f"http://127.0.0.1:{port}" for port in (bridge_port, lms_port, province_port)
        )
        (self.folder / "in-use").write_text(str(os.getpid()))
        regulator_key = secrets.token_urlsafe(24)
        lms_state = self.folder / "lms"
        lms_state.mkdir(mode=0o700)
        secret_file = lms_state / "webhook-secret"
        secret_file.touch(mode=0o600)
        secret_file.write_text(secrets.token_hex(32) + "\n")
        self._environment = {
            # The reader's own settings of a real bridge must not reach this one.
            **{name: value for name, value in os.environ.items() if not name.startswith("ANXUE_")},
            "PYTHONPATH": str(ROOT),
            "ANXUE_MODE": "demonstration",
            "ANXUE_VAR": str(Settings().var),
            "ANXUE_DATA": str(self.folder / "bridge"),
            "ANXUE_DATABASE_URL": self.database_url,
            "ANXUE_BROKER_URL": self.broker_url,
            "ANXUE_HOST": "127.0.0.1",
            "ANXUE_PORT": str(bridge_port),
            "ANXUE_STUDY_FACTOR": str(self.study_factor),
            "ANXUE_REGULATOR_URL": self.province_url,
            "ANXUE_REGULATOR_KEY": regulator_key,
        }
        self._start("bridge", "安学桥", f"{self.bridge_url}/readyz", ["bridge.cli", "serve"])
        self._start(
            "lms", "学习平台(模拟器)", f"{self.lms_url}/healthz",
            ["plugins.simulators.demo_lms", "--port", str(lms_port), "--bridge-url", self.bridge_url,
             "--state", str(lms_state), "--config", str(self.catalogue / "lms.yaml")],
        )  # fmt: skip
        self._start(
            "province", "省级平台(模拟器)", f"{self.province_url}/healthz",
            ["plugins.simulators.province", "--port", str(province_port),
             "--state", str(self.folder / "province"), "--key", regulator_key],
        )  # fmt: skip

    def wait_until_ready(self, tell: Callable[[str], None]) -> None:
        """Wait for all three, telling the name of each that answers.

        Raises:
            Unavailable: demo_process_ended, demo_not_ready.
        """
        told: set[str] = set()

        def all_ready() -> bool:
            for child in self._children:
                if child.look() and child.name not in told:
                    told.add(child.name)
                    tell(child.title)
            return len(told) == len(self._children)

        self._wait(all_ready, "三个进程没有在规定时间内就绪")

    def load_catalogue(self) -> dict[str, Any]:
        """Load the YAML as soon as the bridge has its tables; return what the loader printed.

        This does not wait for the bridge's web process: the loader works on the same database.
        """
        settings = self.settings()

        def has_tables() -> bool:
            self._children[0].look()
            return is_set_up(settings)

        self._wait(has_tables, "安学桥没有建好数据库")
        secret = (self.folder / "lms" / "webhook-secret").read_text().strip()
        return self.command(
            "catalogue", "load", str(self.catalogue), "--var", f"lms_url={self.lms_url}",
            "--var", f"webhook_secret={secret}", "--photographs", self.photographs, "--json",
        )  # fmt: skip

    def command(self, *arguments: str) -> dict[str, Any]:
        """Run an operator's command of the bridge; return the JSON object that it prints.

        Raises:
            Unavailable("demo_command_failed"): it failed; the sentence is the command's own last line.
        """
        done = self.run(arguments)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["没有说明原因"])[-1]
            raise Unavailable(
                "demo_command_failed", f"./anxue {' '.join(arguments[:2])} 失败:{last}", permanent=True
            )
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def run(self, arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        """Run `./anxue ARGUMENTS` with this bridge's settings; return how it ended and what it said."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "bridge.cli", *arguments],
            cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def settings(self) -> Settings:
        """Return the settings of this bridge."""
        fields = {
            name.removeprefix("ANXUE_").lower(): value
            for name, value in self._environment.items()
            if name.startswith("ANXUE_")
        }
        return Settings.model_validate(fields)

    def pid(self, name: str) -> int:
        """Return the process id of "bridge" (its supervisor), "lms" or "province"."""
        return next(child.process.pid for child in self._children if child.name == name)

    def children(self) -> list[Child]:
        """Return the processes that were started."""
        return list(self._children)

    def stop(self) -> bool:
        """End all three and wait; return whether each ended by itself with status 0."""
        for child in self._children:
            with suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        clean = True
        for child in self._children:
            try:
                clean &= child.process.wait(max(0.1, deadline - time.monotonic())) == 0
            except subprocess.TimeoutExpired:
                clean = False
                os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()
        (self.folder / "in-use").unlink(missing_ok=True)
        return clean

    def _start(self, name: str, title: str, ready_url: str, module: Sequence[str]) -> None:
        log = self.folder / f"{name}.log"
        with log.open("ab") as words:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", *module],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours alone; we end them in order
                preexec_fn=die_with_parent,  # noqa: PLW1509  # called before any thread is started
            )
        self._children.append(Child(name, title, ready_url, log, process))

    def _wait(self, condition: Callable[[], bool], failure: str) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise Unavailable("demo_not_ready", f"{failure},日志见 {self.folder}", permanent=True)
            time.sleep(_LOOK_SECONDS)
