"""`./anxue api …`: clients asked for, allowed, changed and ended; a whole table written to a folder."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from joserfc.jwk import ECKey, KeySet

from bridge.cli import main
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.time import SystemClock
from bridge.supervision.list_exports import ListExports, Owner
from tests.web.furnished import ORG, Furnished, furnish


@pytest.fixture
def furnished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Furnished:
    made = furnish(tmp_path)
    monkeypatch.setenv("ANXUE_VAR", str(made.house.settings.var))
    monkeypatch.setenv("ANXUE_MODE", "demonstration")
    return made


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["api", *arguments])


def _add(*more: str, owner: tuple[str, str] = ("--division", "440100")) -> dict[str, Any]:
    said = ("--name", "数据平台", "--purpose", "日常监管", "--scope", "papers:read", "--by", "op-1")
    done = _run("client", "add", *owner, *said, *more)
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.output)
    return told


def _listed() -> dict[str, dict[str, Any]]:
    return {one["client_id"]: one for one in map(json.loads, _run("client", "list").output.splitlines())}


def test_a_client_is_asked_for_allowed_rotated_and_revoked(furnished: Furnished) -> None:
    made = _add()
    client = made["client_id"]

    assert len(made["client_secret"]) >= 43
    assert _listed()[client]["state"] == "waiting"
    assert "client_secret" not in _listed()[client]
    own = _run("client", "allow", client, "--by", "op-1")
    assert own.exception is not None
    assert "second_person_required" in str(own.exception)
    assert _run("client", "allow", client, "--by", "op-2").exit_code == 0
    assert _listed()[client]["state"] == "active"
    changed = json.loads(_run("client", "rotate", client, "--by", "op-1", "--grace-hours", "0").output)
    assert changed["client_secret"] != made["client_secret"]
    assert _run("client", "revoke", client, "--by", "op-1", "--reason", "系统下线").exit_code == 0
    assert _listed()[client]["state"] == "ended"
    assert [step["step"] for step in _listed()[client]["steps"]] == ["ask", "allow", "rotate", "revoke"]


def test_a_client_that_signs_has_no_secret_and_changes_its_keys(furnished: Furnished, tmp_path: Path) -> None:
    first, second = (ECKey.generate_key("P-256", {"kid": kid}, private=True) for kid in ("k1", "k2"))
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(KeySet([first]).as_dict(private=False)))

    made = _add("--keys", str(file))

    assert (made["method"], "client_secret" in made) == ("private_key_jwt", False)
    file.write_text(json.dumps(KeySet([first, second]).as_dict(private=False)))
    assert _run("client", "keys", made["client_id"], str(file), "--by", "op-1").exit_code == 0
    file.write_text(json.dumps(KeySet([second]).as_dict(private=True)))
    private = _run("client", "keys", made["client_id"], str(file), "--by", "op-1")
    assert "api_keys_malformed" in str(private.exception)


def test_an_office_or_an_institution_that_there_is(furnished: Furnished) -> None:
    assert _add(owner=("--institution", ORG))["institution"] == ORG
    for owner, reason in (
        (("--division", "441901"), "division_unknown"),
        (("--division", "449999"), "division_unknown"),
        (("--institution", "org_never"), "institution_unknown"),
        (("--division", "440100", "--institution", ORG), "api_owner_unclear"),
        ((), "api_owner_unclear"),
    ):
        said = ("--name", "平台", "--purpose", "日常监管", "--scope", "papers:read", "--by", "op-1")
        assert reason in str(_run("client", "add", *owner, *said).exception), owner


def test_a_whole_table_is_written_once_it_is_allowed(furnished: Furnished, tmp_path: Path) -> None:
    owner = Owner(division_code="440100")
    with furnished.house.uow.across_institutions("test: an export") as tx:
        exports = ListExports(tx.session, SystemClock(), owner)
        export = exports.ask("pq_class_runs", None, purpose="年度统计", recipient="统计室甲", by="st_asks")

    early = _run("export", export, "--dir", str(tmp_path), "--by", "op-1")
    assert "export_not_allowed" in str(early.exception)
    with furnished.house.uow.across_institutions("test: an export") as tx:
        ListExports(tx.session, SystemClock(), owner).decide(export, allow=True, by="st_allows")
    told = json.loads(_run("export", export, "--dir", str(tmp_path), "--by", "op-1").output)
    again = _run("export", export, "--dir", str(tmp_path), "--by", "op-1")

    file = Path(told["file"])
    assert told["rows"] == pq.read_table(file).num_rows == 1
    assert told["sha256"] == sha256_hex(file.read_bytes())
    assert "export_file_exists" in str(again.exception)
    with furnished.house.uow.across_institutions("test", read_only=True) as tx:
        (noted,) = ListExports(tx.session, SystemClock(), owner).one(export).fetched
    assert (noted[0], noted[2]) == ("op-1", told["sha256"])
