import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.intake.canvas_sources import INSTRUCTURE_KEYS
from bridge.intake.forwarding_tables import LrsForwardRow
from bridge.kernel.ids import InstitutionId
from bridge.registry.tables import InstitutionRow
from bridge.settings import Settings
from bridge.wiring import House
from bridge.wiring.xapi import credentials
from tests.servers.tables import migrate

ORG = InstitutionId("org_a")
LRS = ("--endpoint", "https://lrs.example.org/xapi", "--key", "made-up")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("ANXUE_DATA", str(tmp_path))
    monkeypatch.setenv("ANXUE_MODE", "production")
    house = House.build(Settings())
    migrate(house.engine)
    with house.uow.for_institution(ORG) as tx:
        tx.session.add(
            InstitutionRow(
                id=ORG,
                institution_id=ORG,
                uscc="9144010org_a",
                name="机构",
                operator_name="运营",
                provincial_connected=False,
            )
        )
    yield house
    house.close()


def run(*arguments: str, **more: Any) -> str:
    result = CliRunner().invoke(main, ["intake", *arguments], catch_exceptions=False, **more)
    assert result.exit_code == 0, result.output
    return result.output


def told(*arguments: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--json", **more))
    return found


def refusal(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["intake", *arguments, "--json"])
    assert result.exit_code == 1
    reason: str = json.loads(result.stdout)["reason"]
    return reason


def test_a_caliper_credential_is_told_as_one_bearer_token(house: House) -> None:
    said = run("credential", "add", "--source", "sensor-1", "--scope", "caliper/write")
    assert "发送 Caliper 事件" in said
    key, _, secret = said.split("Bearer  ")[1].split("(")[0].partition(".")
    assert credentials(house).authenticate(key, secret).source == "sensor-1"
    assert "Bearer" not in run("credential", "add", "--source", "moodle-1")


def test_a_canvas_account_is_added_listed_and_ended(house: House) -> None:
    assert "还没有 Canvas 来源" in run("canvas", "list")
    names = (
        "--source",
        "canvas-1",
        "--root-account-uuid",
        "Root4Account2Uuid",
        "--hostname",
        "School.Example",
    )
    made = told("canvas", "add", *names)
    assert (made["hostname"], made["jwks_url"]) == ("school.example", INSTRUCTURE_KEYS)
    assert made["endpoint"] == f"{house.settings.public_url}/canvas/v1/{made['id']}"
    assert "接收中" in run("canvas", "list")
    assert [one["id"] for one in told("canvas", "list")["sources"]] == [made["id"]]
    assert told("canvas", "end", made["id"])["ended_at"] is not None
    assert "已停止" in run("canvas", "list")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("--source", "A B"), "source_malformed"),
        (("--root-account-uuid", "a b"), "root_account_malformed"),
        (("--hostname", "https://school.example"), "hostname_malformed"),
        (("--jwks-url", "http://127.0.0.1:1/jwks"), "jwks_url_malformed"),
    ],
)
def test_a_canvas_account_that_cannot_be_one_is_refused(
    house: House, change: tuple[str, str], reason: str
) -> None:
    names = ["--source", "c", "--root-account-uuid", "Root4Account2", "--hostname", "school.example"]
    assert refusal("canvas", "add", *names, *change) == reason
    assert told("canvas", "list")["sources"] == []


def test_an_unknown_canvas_account_cannot_be_ended(house: House) -> None:
    assert refusal("canvas", "end", "cvs_0") == "canvas_source_unknown"


def test_an_lrs_is_set_shown_paused_retried_and_removed(house: House) -> None:
    asked = run("forward", "set", *LRS, input="made-up-secret\n")
    assert "转发中" in asked
    assert "made-up-secret" not in asked
    shown = told("forward", "show")
    assert (shown["endpoint"], shown["xapi_version"], shown["behind"], shown["behind_seconds"]) == (
        "https://lrs.example.org/xapi", "1.0.3", 0, 0
    )  # fmt: skip
    assert "secret" not in shown
    assert told("forward", "pause")["paused"] is True
    assert "已暂停" in run("forward", "show")
    assert told("forward", "resume")["paused"] is False
    assert told("forward", "retry")["retried"] == 0
    assert "将重发被拒绝的 0 条" in run("forward", "retry")
    with house.uow.for_institution(ORG, read_only=True) as tx:
        assert "made-up-secret" not in tx.session.query(LrsForwardRow).one().secret_enc
    assert told("forward", "remove")["removed"] is True
    for command in ("show", "pause", "resume", "retry", "remove"):
        assert refusal("forward", command) == "forward_missing"


def test_the_secret_may_come_from_the_environment(house: House) -> None:
    made = told("forward", "set", *LRS, env={"ANXUE_FORWARD_SECRET": "made-up-secret"})
    assert made["key"] == "made-up"
