"""Runs the suite that the operator fetched, and reads its log."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.intake.xapi.model import Version
from bridge.kernel.errors import Unavailable

_MINUTES = 20


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the suite."""

    title: str
    passed: int
    total: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the suite said of one version.

    Args:
        failures: titles of the tests that did not pass.
    """

    version: Version
    total: int
    passed: int
    failed: int
    seconds: float
    sections: tuple[Section, ...]
    failures: tuple[str, ...] = field(default=())

    @property
    def complete(self) -> bool:
        """Whether every test of the suite was run and passed."""
        return self.passed == self.total > 0 and not self.failed


@dataclass(frozen=True, slots=True)
class Suite:
    """A checkout of adlnet/lrs-conformance-test-suite whose packages are installed."""

    folder: Path
    node: str = "node"

    def check(self) -> None:
        """Unavailable("suite_missing") if the suite or Node is not there."""
        if not (self.folder / "bin" / "console_runner.js").is_file():
            raise _missing("该目录不是 adlnet/lrs-conformance-test-suite 的检出,请用 --suite 指定")
        if not (self.folder / "node_modules").is_dir():
            raise _missing("测试套件的依赖没有安装,请在其目录中执行 npm install")
        if shutil.which(self.node) is None:
            raise _missing("找不到 Node.js,请先安装(Debian:apt-get install nodejs npm)")

    def commit(self) -> str:
        """Return the commit of the checkout; "unknown" if it is none."""
        told = subprocess.run(
            ["git", "-C", str(self.folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
        return told.stdout.strip() or "unknown"

    def node_version(self) -> str:
        """Return e.g. "v20.20.2"."""
        told = subprocess.run([self.node, "--version"], capture_output=True, text=True, check=True)
        return told.stdout.strip()

    def run(self, version: Version, endpoint: str, key: str, secret: str) -> Outcome:
        """Run all tests of a version.

        Raises:
            Unavailable: suite_broken: it left no log.
        """
        logs = self.folder / "logs"
        before = set(logs.glob("*.log"))
        subprocess.run(
            [
                self.node,
                "bin/console_runner.js",
                "-e",
                endpoint,
                "-a",
                "-u",
                key,
                "-p",
                secret,
                "-x",
                version,
            ],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_MINUTES * 60,
            check=False,
        )
        written = set(logs.glob("*.log")) - before
        if len(written) != 1:
            raise Unavailable("suite_broken", "测试套件没有留下结果,请单独运行它查看原因", permanent=True)
        log = written.pop()
        try:
            return read_log(version, json.loads(log.read_text()))
        finally:
            # It holds every request, the key's secret included.
            log.unlink()


def read_log(version: Version, log: Mapping[str, Any]) -> Outcome:
    """Return what a log of the suite says."""
    summary = log["summary"]
    sections = []
    failures: list[str] = []
    for section in log["log"]["tests"]:
        tests = list(_tests(section))
        sections.append(Section(section["title"], sum(passed for _title, passed in tests), len(tests)))
        failures += [title for title, passed in tests if not passed]
    return Outcome(
        version,
        total=summary["total"],
        passed=summary["passed"],
        failed=summary["failed"],
        seconds=log["duration"] / 1000,
        sections=tuple(sections),
        failures=tuple(failures),
    )


def _tests(node: Mapping[str, Any]) -> Sequence[tuple[str, bool]]:
    """Return title and verdict of every test below `node`."""
    if not node["tests"]:
        return [(node["title"], node["status"] == "passed")]
    return [test for child in node["tests"] for test in _tests(child)]


def _missing(message: str) -> Unavailable:
    return Unavailable("suite_missing", message, permanent=True)
