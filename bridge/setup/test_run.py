"""`./anxue test`: servers, assets, then ruff, mypy, the import contracts and the whole test suite.

Arguments go to pytest alone: `./anxue test -k ledger` runs nothing else. A skipped test fails the run.
"""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import click

from bridge.kernel.errors import BridgeError
from bridge.setup.assets import ensure_assets
from bridge.setup.peer_environment import XBLOCK, ensure_peer
from bridge.setup.servers import ensure_programs

ROOT = Path(__file__).resolve().parents[2]
_BIN = Path(sys.executable).parent
_REPORT = "report.xml"
_BRIDGES = "tests/e2e"
_AFTER_OTHERS = ("nice", "-n", "5")
_CHECKS = (
    ("ruff check", ["ruff", "check", "."]),
    ("ruff format", ["ruff", "format", "--check", "."]),
    ("mypy", ["mypy"]),
    ("import contracts", ["lint-imports", "--no-cache"]),
)


@dataclass(frozen=True)
class Counts:
    """What one run of pytest did; seconds are of the wall clock."""

    passed: int
    failed: int
    errors: int
    skipped: int
    seconds: float

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.errors + other.errors,
            self.skipped + other.skipped,
            self.seconds + other.seconds,
        )

    def line(self) -> str:
        """Return pytest's own kind of summary line."""
        words = [
            f"{number} {word}"
            for number, word in (
                (self.failed, "failed"),
                (self.passed, "passed"),
                (self.skipped, "skipped"),
                (self.errors, "error" if self.errors == 1 else "errors"),
            )
            if number or word == "passed"
        ]
        return f"==== {', '.join(words)} in {self.seconds:.2f}s ===="


@click.command(
    name="test",
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
def command(pytest_arguments: tuple[str, ...]) -> None:
    """Run every check and every test; with arguments, run pytest alone with them.

    Missing servers (PostgreSQL, Redis, Chromium, PHP) are installed where that is allowed, otherwise named. The peer
    of the interop tests stands in an environment of its own.
    """
    try:
        ensure_programs()
        ensure_assets()
        ensure_peer(XBLOCK)
    except BridgeError as error:
        raise SystemExit(f"anxue: {error}") from error
    status = run_pytest_alone(pytest_arguments) if pytest_arguments else run_all()
    raise SystemExit(status)


def run_pytest_alone(arguments: tuple[str, ...]) -> int:
    """Run pytest with `arguments` in one process; return its exit status."""
    return _run([sys.executable, "-m", "pytest", *arguments])


def run_all() -> int:
    """Run all checks and all tests, print pytest's counts last; return 0 only if everything is green.

    What drives whole bridges, whose time is hurried, runs alone: two cores are too few for two of them. What drives a
    browser mostly waits. It runs beside all else and goes first: the others have what it leaves of the machine.
    """
    started, statuses = time.monotonic(), {}
    with tempfile.TemporaryDirectory(prefix="anxue-test-") as name, ThreadPoolExecutor(1) as beside:
        folder = Path(name)
        _announce("pytest, whole bridges")
        statuses["pytest, whole bridges"] = _run(_pytest(folder / "bridges", "-m", "e2e", _BRIDGES))
        in_browsers = _pytest(folder / "browsers", "-m", "e2e", f"--ignore={_BRIDGES}")
        driving = beside.submit(_run, in_browsers, folder / "browsers.txt")
        for title, arguments in (
            *((title, [str(_BIN / command[0]), *command[1:]]) for title, command in _CHECKS),
            ("pytest, two at a time", _pytest(folder / "others", "-m", "not e2e", "-n", "2")),
        ):
            _announce(title)
            statuses[title] = _run([*_AFTER_OTHERS, *arguments])
        _announce("pytest, in browsers")
        statuses["pytest, in browsers"] = driving.result()
        click.echo((folder / "browsers.txt").read_text(encoding="utf-8", errors="replace"))
        total = Counts(0, 0, 0, 0, time.monotonic() - started)
        for part in ("bridges", "browsers", "others"):
            total += read_counts(folder / part / _REPORT, 0.0)
    failures = [f"{title} (exit status {status})" for title, status in statuses.items() if status != 0]
    if total.skipped:
        failures.append(f"{total.skipped} skipped test(s): a test that cannot run must fail")
    for failure in failures:
        click.echo(f"anxue: not green: {failure}")
    click.echo(total.line())
    return 1 if failures else 0


def _pytest(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", f"--junit-xml={folder / _REPORT}", *arguments]


def read_counts(report: Path, seconds: float) -> Counts:
    """Return the counts in a JUnit report of pytest; all zero when there is none."""
    if not report.exists():
        return Counts(0, 0, 0, 0, seconds)
    suites = ElementTree.parse(report).getroot().iter("testsuite")  # noqa: S314 - our own pytest wrote it
    tests = failed = errors = skipped = 0
    for suite in suites:
        tests += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0))
        errors += int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return Counts(max(tests - failed - errors - skipped, 0), failed, errors, skipped, seconds)


def _announce(title: str) -> None:
    click.echo(f"\n---- {title}")


def _run(arguments: list[str], told: Path | None = None) -> int:
    """Run a command and return its exit status; what it tells goes to `told`, or to where ours goes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with told.open("wb") if told else nullcontext() as into:
        return subprocess.run(
            arguments, cwd=ROOT, env=environment, stdout=into, stderr=into, check=False
        ).returncode


if __name__ == "__main__":
    command(prog_name="./anxue test")
