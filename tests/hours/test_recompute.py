"""`hours recompute`: the same hours from the file alone, and nothing from a file that cannot be believed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bridge.hours.commands import hours
from bridge.hours.model import credit_class_hours
from bridge.ledger.model import read_ledger, settle, write_ledger
from bridge.registry.model import ClassRunSheet, PackRef
from bridge.rules.loader import CONFIG
from tests.ledger.study import MINUTE, Study, guangdong, rules, sheet


def study() -> Study:
    made = Study().anchor().offline(3 * 60 * MINUTE, 4 * 60 * MINUTE + 30 * MINUTE)
    made.watch("s", 0, 46 * MINUTE).passes("s", *range(0, 47 * MINUTE, 10 * MINUTE)).check("s", 46 * MINUTE)
    return made


def write(folder: Path, of: ClassRunSheet | None = None) -> Path:
    path = folder / "ledger.jsonl"
    path.write_bytes(write_ledger((of or sheet()).to_json(), study().entries()))
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(hours, ["recompute", *map(str, arguments)])


def failure(result: Result) -> str:
    assert result.exit_code == 1
    (line,) = result.stdout.splitlines()
    answer: dict[str, Any] = json.loads(line)
    assert answer["ok"] is False
    assert answer["message"] in result.stderr
    return str(answer["reason"])


def test_the_file_alone_gives_the_hours_of_the_settlement(tmp_path: Path) -> None:
    path = write(tmp_path)
    statement = settle(sheet(), study().entries(), rules())
    expected = credit_class_hours(statement, sheet(), guangdong())

    result = run("--ledger", path, "--json")

    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    assert json.loads(line) == {
        "credited_seconds": 46 * 60,
        "provisional_seconds": 0,
        "refused_seconds": {},
        "class_hours": 1,
        "offline_class_hours": 2,
        "ledger_head": read_ledger(path.read_bytes()).head.hash,
        "profile": "guangdong",
        "packs": [{"id": pack, "content_hash": digest} for pack, digest in guangdong().pack_hashes],
    }
    assert expected.online_class_hours == 1


def test_people_get_tables(tmp_path: Path) -> None:
    result = run("--ledger", write(tmp_path))

    assert result.exit_code == 0, result.output
    assert "线上 1 学时,线下 2 学时" in result.stdout


def test_a_changed_ledger_is_refused_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"outcome":"passed"', b'"outcome":"missed"', 1))

    assert failure(run("--ledger", path, "--json")) in ("chain_broken", "hash_wrong")


def test_a_cut_off_end_is_found_against_the_head_of_a_paper(tmp_path: Path) -> None:
    path = write(tmp_path)
    head = read_ledger(path.read_bytes()).head.hash
    path.write_bytes(path.read_bytes().rpartition(b"\n")[0].rpartition(b"\n")[0] + b"\n")

    assert run("--ledger", path, "--json").exit_code == 0
    assert failure(run("--ledger", path, "--head", head, "--json")) == "head_differs"


def test_a_pack_of_other_content_is_refused_naming_both(tmp_path: Path) -> None:
    packs = tuple(replace(pack, content_hash="0" * 64) for pack in sheet().packs)

    result = run("--ledger", write(tmp_path, replace(sheet(), packs=packs)), "--json")

    assert failure(result) == "pack_differs"
    assert "0" * 64 in result.stderr
    assert sheet().packs[0].content_hash in result.stderr


def test_an_unknown_pack_is_refused(tmp_path: Path) -> None:
    packs = (*sheet().packs, PackRef("elsewhere-2020", "0" * 64))

    assert (
        failure(run("--ledger", write(tmp_path, replace(sheet(), packs=packs)), "--json")) == "pack_missing"
    )


def test_packs_that_the_profile_does_not_have_are_refused(tmp_path: Path) -> None:
    fewer = replace(sheet(), packs=sheet().packs[:1])

    assert failure(run("--ledger", write(tmp_path, fewer), "--json")) == "profile_differs"


def test_a_ledger_of_an_earlier_set_of_packs_is_recomputed_under_that_set(tmp_path: Path) -> None:
    before = ("guangdong-2022-3", "aq-8011-2023", "anxue-practice")
    old = replace(sheet(), packs=tuple(pack for pack in sheet().packs if pack.id in before))

    result = run("--ledger", write(tmp_path, old), "--json")

    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert (answer["class_hours"], [pack["id"] for pack in answer["packs"]]) == (1, list(before))


@pytest.mark.parametrize("profile", ["../../etc", "elsewhere"])
def test_an_unknown_profile_is_refused(tmp_path: Path, profile: str) -> None:
    other = replace(sheet(), class_run=replace(sheet().class_run, profile=profile))

    assert failure(run("--ledger", write(tmp_path, other), "--json")) == "profile_unknown"


def test_packs_outside_the_tree_are_used_when_the_ledger_names_them(tmp_path: Path) -> None:
    name = "anxue-practice"
    shutil.copytree(CONFIG / "rulepacks" / name, tmp_path / "packs" / name)
    cap = tmp_path / "packs" / name / "parameters" / "study" / "daily_cap_seconds.yaml"
    cap.write_text(cap.read_text().replace("28800", "1800"))
    from bridge.rules.loader import load_packs

    (changed,) = load_packs([tmp_path / "packs"])
    packs = tuple(
        PackRef(p.id, changed.content_hash if p.id == name else p.content_hash) for p in sheet().packs
    )
    path = write(tmp_path, replace(sheet(), packs=packs))

    result = run("--ledger", path, "--packs", tmp_path / "packs", "--json")

    assert failure(run("--ledger", path, "--json")) == "pack_differs"
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["credited_seconds"] == 1800
    assert answer["refused_seconds"] == {"over_daily_cap": 16 * 60}
    assert answer["class_hours"] == 0


def test_an_entry_of_another_learner_is_refused(tmp_path: Path) -> None:
    other = sheet().to_json() | {"learner": "lrn_someone_else"}
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(write_ledger(other, study().entries()))

    assert failure(run("--ledger", path, "--json")) == "entry_foreign"


def test_a_broken_header_is_refused_as_line_one(tmp_path: Path) -> None:
    header = sheet().to_json()
    del header["outline"]
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(write_ledger(header, study().entries()))

    result = run("--ledger", path, "--json")

    assert failure(result) == "ledger_header_malformed"
    assert "第 1 行" in result.stderr
