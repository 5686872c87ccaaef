"""What an acceptance run on cmi5 writes down, and what it asks of the suite's folder before it begins."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bridge.kernel.errors import Unavailable
from plugins.cmi5_conformance.command import cmi5, record

FOUND: dict[str, Any] = {
    "numPassedTests": 1,
    "numFailedTests": 1,
    "numPendingTests": 0,
    "numTotalTests": 2,
    "testResults": [
        {
            "name": "/suite/__tests__/runtime.js",
            "assertionResults": [
                {
                    "status": "passed",
                    "ancestorTitles": ["001"],
                    "title": "9.3.1.0-1 launched",
                    "failureMessages": [],
                },
                {
                    "status": "failed",
                    "ancestorTitles": ["002", "after"],
                    "title": "9.3.0.0-9",
                    "failureMessages": ["Error: expected 1\n    at somewhere"],
                },
            ],
        }
    ],
}


def test_the_record_names_every_test_and_why_one_failed(tmp_path: Path) -> None:
    lines = record(tmp_path, FOUND, "SQLite").splitlines()
    assert "- 1 of 2 tests passed, 1 failed, 0 not run" in lines
    assert lines[-5:] == [
        "## runtime",
        "",
        "- passed: 001 › 9.3.1.0-1 launched",
        "- failed: 002 › after › 9.3.0.0-9",
        "  - Error: expected 1",
    ]


def test_a_folder_without_the_suites_courseware_is_named_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        CliRunner().invoke(cmi5, ["--suite", str(tmp_path)], catch_exceptions=False)
    assert caught.value.reason == "suite_missing"
