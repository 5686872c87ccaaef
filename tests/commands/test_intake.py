import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.intake.xapi.credentials import Credentials
from bridge.kernel.errors import BridgeError, NotPermitted
from bridge.kernel.ids import InstitutionId
from bridge.registry.tables import InstitutionRow
from bridge.settings import Settings
from bridge.wiring import House
from bridge.wiring.xapi import credentials
from tests.servers.tables import migrate

ORG = InstitutionId("org_a")


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ANXUE_DATA", str(tmp_path))
    monkeypatch.setenv("ANXUE_MODE", "production")
    house = House.build(Settings())
    migrate(house.engine)
    _institution(house, ORG)
    yield credentials(house)
    house.close()


def _institution(house: House, name: InstitutionId) -> None:
    with house.uow.for_institution(name) as tx:
        tx.session.add(
            InstitutionRow(
                id=name,
                institution_id=name,
                uscc=f"9144010{name}",
                name="机构",
                operator_name="运营",
                provincial_connected=False,
            )
        )


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["intake", "credential", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def told(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--json"))
    return found


def test_a_key_is_made_changed_and_ended(keys: Credentials) -> None:
    made = told("add", "--source", "moodle-1", "--scope", "statements/write", "--xapi-version", "1.0.3")
    assert (made["institution"], made["source"], made["scopes"]) == (ORG, "moodle-1", ["statements/write"])
    assert made["endpoint"].endswith("/xAPI")
    assert keys.authenticate(made["key"], made["secret"]).institution == ORG
    changed = told("rotate", made["key"])
    for secret in (made["secret"], changed["secret"]):
        assert keys.authenticate(made["key"], secret).newest == "1.0.3"
    told("rotate", made["key"], "--grace-hours", "0")
    with pytest.raises(NotPermitted):
        keys.authenticate(made["key"], changed["secret"])
    assert told("revoke", made["key"])["revoked_at"] is not None
    listed = told("list")["credentials"]
    assert [one["key"] for one in listed] == [made["key"]]
    assert "secret" not in listed[0]


def test_people_read_sentences_and_the_secret_once(keys: Credentials) -> None:
    assert "还没有凭证" in run("list")
    made = run("add", "--source", "moodle-1")
    secret = next(line for line in made.splitlines() if "secret" in line)
    assert "只显示一次" in secret
    assert "读写状态文档" in made
    key = made.split()[0]
    assert "宽限" in run("rotate", key)
    assert "已停用" in run("revoke", key)
    assert "已停用" in run("list", "--institution", ORG)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["add", "--source", "Not a name"], "source_malformed"),
        (["add", "--source", "a", "--institution", "org_none"], "institution_unknown"),
        (["add", "--source", "a", "--registration", "reg_none"], "registration_unknown"),
        (["add", "--source", "a", "--conformance"], "conformance_in_production"),
        (["rotate", "xk_none"], "credential_unknown"),
        (["revoke", "xk_none"], "credential_unknown"),
    ],
)
def test_what_cannot_be_is_refused(keys: Credentials, arguments: list[str], reason: str) -> None:
    with pytest.raises(BridgeError, match=reason):
        run(*arguments)
    assert keys.list() == []


def test_an_ended_key_stays_ended_and_of_two_institutions_one_is_named(keys: Credentials) -> None:
    made = told("add", "--source", "a")
    run("revoke", made["key"])
    for again in ("rotate", "revoke"):
        with pytest.raises(BridgeError, match="credential_revoked"):
            run(again, made["key"])
    house = House.build(Settings())
    _institution(house, InstitutionId("org_b"))
    house.close()
    with pytest.raises(BridgeError, match="institution_missing"):
        run("add", "--source", "a")
    assert told("add", "--source", "a", "--institution", "org_b")["institution"] == "org_b"
    assert [one["institution"] for one in told("list", "--institution", "org_b")["credentials"]] == ["org_b"]
