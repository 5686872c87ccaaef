"""`./anxue privacy keys` and `receipts` on a whole bridge: what an operator does, in the order of the guide."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from bridge.cli import main
from bridge.db.data_keys import DataKeyRow
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import EvidenceId
from bridge.settings import Settings
from bridge.wiring import House
from tests.web.furnished import ORG, RUN, Furnished, furnish

SCOPE = EvidenceScope(ORG, "ln_made_up", EvidencePurpose.FACE_TEMPLATE, RUN)


@pytest.fixture
def furnished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Furnished:
    made = furnish(tmp_path)
    monkeypatch.setenv("ANXUE_VAR", str(made.house.settings.var))
    monkeypatch.setenv("ANXUE_MODE", "demonstration")
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["privacy", *arguments])


def told(*arguments: str) -> dict[str, object]:
    ended = run(*arguments, "--json")
    assert ended.exit_code == 0, ended.output
    found: dict[str, object] = json.loads(ended.stdout)
    return found


def put(house: House) -> EvidenceId:
    with house.uow.for_institution(ORG) as tx:
        return house.at(tx).vault.put(SCOPE, b"template", "x/y")


def read(evidence: EvidenceId) -> bytes:
    """Read in another process's house, as it starts."""
    house = House.build(Settings())
    try:
        with house.uow.for_institution(ORG) as tx:
            return house.at(tx).vault.get(ORG, evidence)
    finally:
        house.close()


def test_the_master_key_is_rotated_and_the_old_one_retired(furnished: Furnished) -> None:
    evidence = put(furnished.house)
    before = told("keys", "status")
    after = told("keys", "rotate")
    assert after["id"] != before["id"]
    assert after["older"] == [before["id"]]
    assert list(after["data_keys"]) == [after["id"]]  # type: ignore[call-overload]  # a mapping by its command
    assert (after["root_under"], after["rotating"]) == (after["id"], False)
    assert read(evidence) == b"template"
    assert run("keys", "retire", str(before["id"])).exit_code == 2
    assert run("keys", "retire", str(before["id"]), "--yes").exit_code == 0
    assert told("keys", "status")["older"] == []
    assert read(evidence) == b"template"
    # The process that ran on.
    with furnished.house.uow.for_institution(ORG) as tx:
        assert furnished.house.at(tx).vault.get(ORG, evidence) == b"template"


def test_receipts_are_listed_and_verified_by_whoever_has_the_public_keys(
    furnished: Furnished, tmp_path: Path
) -> None:
    put(furnished.house)
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).vault.destroy(SCOPE, reason="requested", by="stf_lin")
    given = run("receipts", "list", "--json", "--subject", "ln_made_up")
    (tmp_path / "receipts.jsonl").write_text(given.stdout)
    (tmp_path / "keys.json").write_text(json.dumps(furnished.house.ledger_keys.jwks()))
    assert "按要求删除" in run("receipts", "list").stdout
    shutil.rmtree(furnished.house.settings.data_dir)
    file, keys = str(tmp_path / "receipts.jsonl"), ("--keys", str(tmp_path / "keys.json"))
    assert told("receipts", "verify", file, *keys) == {"ok": True, "receipts": 1, "faults": []}
    (tmp_path / "receipts.jsonl").write_text(given.stdout.replace("stf_lin", "stf_huang"))
    ended = run("receipts", "verify", file, *keys, "--json")
    assert ended.exit_code == 1
    assert json.loads(ended.stdout)["faults"] == [{"line": 1, "reason": "content_changed"}]


def test_a_restored_backup_starts_only_once_its_destroyed_keys_are_destroyed_again(
    furnished: Furnished, tmp_path: Path
) -> None:
    house, data = furnished.house, furnished.house.settings.data_dir
    evidence = put(house)
    # As the guide has it: the database by .backup, the evidence as it lies there.
    with sqlite3.connect(data / "anxue.sqlite3") as source, sqlite3.connect(tmp_path / "night") as target:
        source.backup(target)
    shutil.copytree(data / "evidence", tmp_path / "evidence")
    with house.uow.for_institution(ORG) as tx:
        house.at(tx).vault.destroy(SCOPE, reason="consent_withdrawn", by="acc_1")
    house.close()
    assert read_fails(evidence) == "evidence_unknown"

    for file in data.glob("anxue.sqlite3*"):
        file.unlink()
    shutil.copy(tmp_path / "night", data / "anxue.sqlite3")
    shutil.rmtree(data / "evidence")
    shutil.copytree(tmp_path / "evidence", data / "evidence")

    with pytest.raises(Unavailable, match="backup_destructions_missing"):
        House.build(Settings())
    refused = run("keys", "status", "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["reason"]) == (1, "backup_destructions_missing")
    assert told("keys", "reapply") == {"destroyed": 1, "absent": 0, "refused": 0}
    assert read_fails(evidence) == "evidence_unknown"
    assert not list((data / "evidence").rglob(evidence))
    assert told("keys", "reapply") == {"destroyed": 0, "absent": 1, "refused": 0}


def test_a_line_that_is_not_ours_destroys_nothing(furnished: Furnished) -> None:
    evidence = put(furnished.house)
    with furnished.house.uow.across_institutions("test: the key", read_only=True) as tx:
        key = tx.session.scalars(select(DataKeyRow.id).where(DataKeyRow.subject == "ln_made_up")).one()
    body = {"number": 1, "institution": ORG, "key": key, "previous": "0" * 64}
    line = {"receipt": body, "sha256": "0" * 64, "key": "k", "signature": "s", "mark": "0" * 64}
    furnished.house.destroyed.path.write_text(json.dumps(line) + "\n")
    ended = run("keys", "reapply", "--json")
    assert (ended.exit_code, json.loads(ended.stdout)["refused"]) == (1, 1)
    assert read(evidence) == b"template"


def read_fails(evidence: EvidenceId) -> str:
    with pytest.raises(InvalidInput) as failed:
        read(evidence)
    return failed.value.reason
