"""What the suite says is read as it is; a suite that is not there is named. The suite itself runs in the acceptance."""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.intake.xapi.model import Version
from bridge.kernel.errors import Unavailable
from plugins.lrs_conformance.suite import Suite, read_log

NODE = """#!/bin/sh
# Stands for Node and the suite: leaves the log that it was given.
mkdir -p logs
cp told.json logs/1.log
"""


def node(title: str, *below: Any, status: str = "passed") -> dict[str, Any]:
    return {"title": title, "status": status, "tests": list(below)}


def log(**summary: int) -> dict[str, Any]:
    return {
        "summary": {"total": 3, "passed": 2, "failed": 1, **summary},
        "duration": 1500,
        "log": node(
            "",
            node("Statements", node("a group", node("one"), node("two", status="failed"))),
            node("State", node("three")),
        ),
    }


def suite(folder: Path) -> Suite:
    (folder / "bin").mkdir()
    (folder / "bin" / "console_runner.js").touch()
    (folder / "node_modules").mkdir()
    program = folder / "node"
    program.write_text(NODE)
    program.chmod(0o755)
    return Suite(folder, str(program))


def test_each_section_is_counted_and_each_failure_named() -> None:
    found = read_log(Version.ONE, log())
    assert [(one.title, one.passed, one.total) for one in found.sections] == [
        ("Statements", 1, 2),
        ("State", 1, 1),
    ]
    assert found.failures == ("two",)
    assert (found.passed, found.total, found.seconds, found.complete) == (2, 3, 1.5, False)


def test_only_a_run_of_all_tests_is_complete() -> None:
    assert read_log(Version.ONE, log(total=2, failed=0)).complete
    assert not read_log(Version.ONE, log(total=3, failed=0)).complete
    assert not read_log(Version.ONE, log(total=0, passed=0, failed=0)).complete


def test_the_log_with_the_secret_in_it_does_not_stay(tmp_path: Path) -> None:
    made = suite(tmp_path)
    made.check()
    (tmp_path / "told.json").write_text(json.dumps(log()))
    assert made.run(Version.TWO, "http://127.0.0.1:9/xAPI", "key", "secret").passed == 2
    assert list((tmp_path / "logs").iterdir()) == []


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="suite_missing"):
        Suite(tmp_path).check()
    made = suite(tmp_path)
    (tmp_path / "node_modules").rmdir()
    with pytest.raises(Unavailable, match="npm install"):
        made.check()
    (tmp_path / "node_modules").mkdir()
    with pytest.raises(Unavailable, match="Node"):
        Suite(tmp_path, "no-such-node").check()
    (tmp_path / "node").write_text("#!/bin/sh\n")
    with pytest.raises(Unavailable, match="suite_broken"):
        made.run(Version.ONE, "http://127.0.0.1:9/xAPI", "key", "secret")
