"""`./anxue enrolment import`: looks first, writes when told to, and prints no person."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.kernel.ids import ClassRunId
from bridge.settings import Mode
from tests.attacks.doors.people import Person
from tests.identity.made_lists import HEADING, JPEG, csv_of, row_of, zip_of
from tests.web.furnished import ORG, Furnished, furnish

PEOPLE = [Person(number) for number in (40, 41)]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Furnished:
    made = furnish(tmp_path)
    monkeypatch.setenv("ANXUE_MODE", Mode.DEMONSTRATION.value)
    monkeypatch.setenv("ANXUE_VAR", str(made.house.settings.var))
    return made


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    bad = row_of(Person(42))
    bad[2] = "440199199003071218"
    rows = [[*row_of(person), person.phone] for person in PEOPLE]
    (tmp_path / "list.csv").write_bytes(csv_of([[*HEADING, "手机"], *rows, [*bad, Person(42).phone]]))
    (tmp_path / "photos.zip").write_bytes(zip_of({"40.jpg": JPEG, "41.jpg": JPEG}))
    return str(tmp_path / "list.csv"), str(tmp_path / "photos.zip")


def run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, ["enrolment", "import", *arguments, "--institution", ORG])
    assert result.exit_code == status, result.output
    return result.output


def told(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--json"))
    return found


def listed(house: Furnished) -> list[bool]:
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        store = house.house.at(tx).enrolments._store
        rows = [store.list_row(ClassRunId("run_demo"), person.citizen_id) for person in PEOPLE]
    return [row is not None and row.photo is not None for row in rows]


def test_without_a_word_nothing_is_written_and_no_preview_stays(
    house: Furnished, files: tuple[str, str]
) -> None:
    output = run(files[0], "--class-run", "run_demo", "--photos", files[1])
    assert "仅预览" in output
    assert "第 4 行:身份证号码的校验位不对" in output
    assert "已忽略 1 列联系方式" in output
    assert not any(canary in output for person in (*PEOPLE, Person(42)) for canary in person.canaries)
    assert listed(house) == [False, False]


def test_when_told_to_it_writes_and_again_changes_nothing(house: Furnished, files: tuple[str, str]) -> None:
    arguments = (files[0], "--class-run", "run_demo", "--photos", files[1], "--confirm")
    first, again = told(*arguments), told(*arguments)
    assert first["applied"] == {"new": 2, "error": 1}
    assert [(one["line"], one["reason"]) for one in first["wrong"]] == [(4, "citizen_id_check_digit")]
    assert (again["planned"]["same"], again["applied"]) == (2, None)
    assert listed(house) == [True, True]


def test_a_class_run_that_is_none_is_refused(house: Furnished, files: tuple[str, str]) -> None:
    assert "没有" in run(files[0], "--class-run", "run_none", status=1)
