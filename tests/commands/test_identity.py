"""`./anxue identity providers`: how real-name providers do, told without asking after anybody."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.identity.provider_model import Outcome
from tests.web.furnished import CHEN, CHEN_ID, Furnished, furnish
from tests.wiring.test_name_jobs import Scripted, claim, use


@pytest.fixture
def furnished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Furnished:
    for name in [name for name in os.environ if name.startswith("ANXUE_")]:
        monkeypatch.delenv(name)
    made = furnish(tmp_path)
    monkeypatch.setenv("ANXUE_DATA", str(made.house.settings.data_dir))
    monkeypatch.setenv("ANXUE_DATABASE_URL", made.house.settings.database_url)
    return made


def told(exit_code: int) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["identity", "providers", "--json"])
    assert result.exit_code == exit_code, result.output
    found: dict[str, Any] = json.loads(result.output)
    return found


def test_the_roster_is_always_good(furnished: Furnished) -> None:
    del furnished
    (one,) = told(0)["providers"]
    assert (one["code"], one["health"], one["host"]) == ("roster", "good", "")


def test_missing_settings_are_named_and_are_a_failure(
    furnished: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    del furnished
    monkeypatch.setenv("ANXUE_REAL_NAME_PROVIDER", "aliyun")
    monkeypatch.setenv("ANXUE_REAL_NAME_FALLBACK", "network_identity")
    first, second = told(1)["providers"]
    assert (first["health"], second["health"], second["fallback"]) == ("incomplete", "incomplete", True)
    assert first["missing"] == ["ANXUE_REAL_NAME_ALIYUN_KEY_ID", "ANXUE_REAL_NAME_ALIYUN_KEY_SECRET"]


@pytest.mark.parametrize(
    ("outcome", "health", "exit_code", "waiting"),
    [
        (Outcome.MATCH, "good", 0, {"provider": 0, "staff": 0}),
        (Outcome.NO_RECORD, "good", 0, {"provider": 0, "staff": 1}),
        (Outcome.TIMEOUT, "away", 0, {"provider": 1, "staff": 0}),
        (Outcome.QUOTA, "operator", 1, {"provider": 1, "staff": 0}),
        (Outcome.REFUSED, "operator", 1, {"provider": 1, "staff": 0}),
    ],
)
def test_the_last_answer_and_the_counts_say_how_a_provider_does(
    furnished: Furnished,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Outcome,
    health: str,
    exit_code: int,
    waiting: dict[str, int],
) -> None:
    use(furnished, Scripted(outcome, code="aliyun"))
    claim(furnished)
    furnished.work_off()
    for name in ("PROVIDER", "ALIYUN_KEY_ID", "ALIYUN_KEY_SECRET"):
        monkeypatch.setenv(f"ANXUE_REAL_NAME_{name}", "aliyun")
    monkeypatch.setattr("bridge.wiring.name_health.WITHIN", timedelta(days=36500))
    found = told(exit_code)
    (one,) = found["providers"]
    assert (one["health"], one["last_24_hours"], one["last"]["outcome"]) == (health, {outcome: 1}, outcome)
    assert found["waiting"] == waiting
    text = CliRunner().invoke(main, ["identity", "providers"]).output
    assert "cloudauth.aliyuncs.com" in text
    assert CHEN not in text
    assert CHEN_ID not in text
