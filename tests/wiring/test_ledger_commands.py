"""`./anxue ledger …` on a real data folder: seal, verify, hand out heads and keys, freeze and release."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text

from bridge.commands.ledger import ledger
from tests.web.furnished import CHEN, CHEN_ID, ORG, RUN, Furnished, furnish


@pytest.fixture
def furnished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Furnished:
    """A house in which somebody studied; what is run here finds it by the environment, as an operator's shell does."""
    made = furnish(tmp_path)
    _account, learner = made.enrol("chen", CHEN, CHEN_ID)
    made.finish_course(learner)
    made.house.close()
    monkeypatch.setenv("ANXUE_MODE", "demonstration")
    monkeypatch.setenv("ANXUE_VAR", str(tmp_path / "var"))
    return made


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(ledger, list(map(str, arguments)))


def verified(*arguments: str | Path) -> dict[str, Any]:
    result = run("verify", "--json", *arguments)
    answer: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if answer["valid"] else 1)
    return answer


def database(furnished: Furnished) -> Path:
    return furnished.house.settings.data_dir / "anxue.sqlite3"


def test_a_ledger_is_sealed_and_verified(furnished: Furnished) -> None:
    before = verified()
    assert (before["valid"], before["heads"], before["unsealed"]) == (True, 0, before["entries"])

    assert "已封存" in run("seal").stdout

    after = verified()
    assert (after["valid"], after["heads"], after["unsealed"]) == (True, 1, 0)
    assert after["entries"] == before["entries"] > 0
    assert "与写入时一致" in run("verify").stdout


def test_a_changed_row_is_named_to_people_and_to_machines(furnished: Furnished) -> None:
    run("seal")
    engine = create_engine(f"sqlite:///{database(furnished)}")
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER ledger_entry_no_update"))
        connection.execute(
            text("UPDATE ledger_entry SET body = replace(body, '1000]', '999]') WHERE seq = 5")
        )
    engine.dispose()

    (fault,) = verified()["faults"]
    assert (fault["code"], fault["class_run"], fault["seq"]) == ("entry_changed", RUN, 5)
    people = run("verify", "--institution", ORG)
    assert people.exit_code == 1
    assert "第 5 条记录被改动" in people.stderr


def test_heads_and_keys_kept_outside_show_a_database_that_was_set_back(
    furnished: Furnished, tmp_path: Path
) -> None:
    run("seal")
    copy = tmp_path / "older.sqlite3"
    shutil.copy(database(furnished), copy)
    house = type(furnished.house).build(furnished.house.settings)
    with house.uow.for_institution(ORG) as tx:
        (somebody, *_others) = house.at(tx).registry.enrolled(RUN)
        anchor = {"learner": somebody, "class_run": RUN, "method": "staff", "at_ms": 1, "good_frames": 3}
        house.at(tx).ledger.record_anchor(anchor)
    house.close()
    run("seal")
    heads, keys = tmp_path / "heads.jsonl", tmp_path / "keys.json"
    heads.write_text(run("heads", "--all").stdout)
    keys.write_text(run("keys").stdout)
    assert verified("--heads", heads, "--keys", keys)["valid"]
    assert len(heads.read_text().splitlines()) == 2

    for left in database(furnished).parent.glob("anxue.sqlite3-*"):
        left.unlink()
    shutil.copy(copy, database(furnished))

    assert verified()["valid"]
    assert [fault["code"] for fault in verified("--heads", heads)["faults"]] == ["tree_cut"]


def test_a_rotation_publishes_both_keys_and_never_a_private_half(furnished: Furnished) -> None:
    first = json.loads(run("keys").stdout)["keys"]
    both = json.loads(run("keys", "--rotate").stdout)["keys"]

    assert [len(first), len(both)] == [1, 2]
    assert first[0] in both
    assert all("d" not in key for key in both)


def test_files_that_are_no_heads_or_keys_are_refused(furnished: Furnished, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("{}")

    assert getattr(run("verify", "--heads", wrong).exception, "reason", None) == "heads_malformed"
    assert getattr(run("verify", "--keys", wrong).exception, "reason", None) == "public_key_malformed"


def test_a_withdrawn_course_is_frozen_and_restored_by_command(furnished: Furnished) -> None:
    course = ("course_demo", "--institution", ORG, "--by", "staff_1")

    assert "冻结 1 人天" in run("withdraw-course", *course, "--since", "2026-11-01").stdout
    assert "新冻结 0 人天" in run("standing").stdout
    assert "放开 1 人天" in run("restore-course", *course).stdout
    assert verified()["valid"]
