"""`./anxue intake cmi5 …` on a house of its own: what an operator types, and what comes of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from bridge.cli import main
from bridge.intake.cmi5.model import LaunchMode
from bridge.intake.cmi5.tables import Cmi5RegistrationRow, Cmi5SessionRow
from bridge.kernel.errors import BridgeError
from bridge.wiring.cmi5 import Cmi5Desk
from tests.intake.cmi5.courses import au, course, packed
from tests.web.furnished import CHEN, CHEN_ID, ORG, OTHER_ORG, RUN, Furnished, furnish


@pytest.fixture
def furnished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Furnished]:
    made = furnish(tmp_path)
    monkeypatch.setenv("ANXUE_VAR", str(made.house.settings.var))
    monkeypatch.setenv("ANXUE_DATA", str(made.house.settings.data_dir))
    monkeypatch.setenv("ANXUE_MODE", "demonstration")
    yield made
    made.house.close()


def run(*arguments: str, institution: str = ORG) -> str:
    typed = ["intake", "cmi5", *arguments, "--institution", institution]
    result = CliRunner().invoke(main, typed, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def course_of(furnished: Furnished) -> str:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return str(furnished.house.at(tx).registry.class_run(RUN).course_id)


def imported(furnished: Furnished, tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "course.zip"
    file.write_bytes(packed({"cmi5.xml": course(au("1", url="a.html", moveOn="Passed")), "a.html": b""}))
    told = run(
        "import",
        str(file),
        "--course",
        course_of(furnished),
        "--unit",
        "0=unit_electric",
        "--content-base",
        "https://content.example/c/",
        "--json",
    )
    found: dict[str, Any] = json.loads(told)["packages"][0]
    return found


def test_a_package_is_imported_listed_and_retired(furnished: Furnished, tmp_path: Path) -> None:
    assert "还没有 cmi5 课件" in run("list")
    made = imported(furnished, tmp_path)
    assert [(one["unit"], one["move_on"]) for one in made["aus"]] == [("unit_electric", "Passed")]
    assert made["package"] in run("list")
    assert json.loads(run("list", "--json", institution=OTHER_ORG)) == {"packages": []}
    assert json.loads(run("retire", made["package"], "--json"))["packages"][0]["retired_at"] is not None


def test_an_operator_sees_how_learners_stand_waives_and_ends_a_session(
    furnished: Furnished, tmp_path: Path
) -> None:
    made = imported(furnished, tmp_path)
    _account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    with furnished.house.uow.for_institution(ORG) as tx:
        Cmi5Desk(furnished.house, tx).launch(made["aus"][0]["au"], learner, RUN, LaunchMode.NORMAL)
        registration = tx.session.scalars(select(Cmi5RegistrationRow.id)).one()
        session = tx.session.scalars(select(Cmi5SessionRow.id)).one()
    run("abandon", session)
    run("waive", registration, made["aus"][0]["au"], "--reason", "Administrative")
    found = json.loads(run("standing", made["package"]))["registrations"][0]
    assert found["learner"] == learner
    assert [one["state"] for one in found["sessions"]] == ["abandoned"]
    assert found["satisfied_aus"] == ["https://publisher.example/au/1"]
    with pytest.raises(BridgeError) as caught:
        run("abandon", session)
    assert caught.value.reason == "session_over"
    with pytest.raises(BridgeError) as caught:
        run("waive", registration, made["aus"][0]["au"], "--reason", "again")
    assert caught.value.reason == "waived_before"


def test_another_institution_has_none_of_it(furnished: Furnished, tmp_path: Path) -> None:
    made = imported(furnished, tmp_path)
    _account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    with furnished.house.uow.for_institution(ORG) as tx:
        Cmi5Desk(furnished.house, tx).launch(made["aus"][0]["au"], learner, RUN, LaunchMode.NORMAL)
        registration = tx.session.scalars(select(Cmi5RegistrationRow.id)).one()
        session = tx.session.scalars(select(Cmi5SessionRow.id)).one()
    for typed, reason in (
        (("standing", made["package"]), "package_unknown"),
        (("retire", made["package"]), "package_unknown"),
        (("abandon", session), "session_unknown"),
        (("waive", registration, made["aus"][0]["au"], "--reason", "x"), "registration_unknown"),
    ):
        with pytest.raises(BridgeError) as caught:
            run(*typed, institution=OTHER_ORG)
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (("--unit", "unit_electric"), "unit_option"),
        (("--unit", "0=unit_nowhere"), "unit_unknown"),
        (("--content-base", "https://content.example/c"), "content_base"),
    ],
)
def test_what_is_typed_wrong_is_said_so(
    furnished: Furnished, tmp_path: Path, typed: tuple[str, str], reason: str
) -> None:
    file = tmp_path / "cmi5.xml"
    file.write_bytes(course(au("1")))
    with pytest.raises(BridgeError) as caught:
        run("import", str(file), "--course", course_of(furnished), *typed)
    assert caught.value.reason == reason
    with pytest.raises(BridgeError) as caught:
        run("import", str(file), "--course", "course_nowhere")
    assert caught.value.reason == "course_unknown"
