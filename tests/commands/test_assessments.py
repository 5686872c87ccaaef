"""`./anxue privacy assessment …` and `./anxue privacy faces`."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.rules.model import RuleBook
from tests.privacy.test_stored_faces import LOWERED
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, ORG, RUN, Furnished, furnish

FILE = """
impact_assessments:
  - purpose: face
    version: "2026-2"
    assessed_on: today-1d
    until: today+30d
    assessed_by: 教务部(虚构)
    result: acceptable
    necessity: 虚构的记录,用于测试。
    risks: 虚构的记录,用于测试。
    measures: MEASURES
"""


@pytest.fixture
def furnished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Furnished:
    for name in [name for name in os.environ if name.startswith("ANXUE_")]:
        monkeypatch.delenv(name)
    made = furnish(tmp_path)
    monkeypatch.setenv("ANXUE_DATA", str(made.house.settings.data_dir))
    monkeypatch.setenv("ANXUE_DATABASE_URL", made.house.settings.database_url)
    return made


def run(*arguments: str, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["privacy", *arguments, "--json"])
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def add(path: Path, measures: str, code: int) -> dict[str, Any]:
    path.write_text(FILE.replace("MEASURES", measures), encoding="utf-8")
    return run("assessment", "add", "--institution", ORG, "--file", str(path), code=code)


def test_an_assessment_is_added_once_and_listed(furnished: Furnished, tmp_path: Path) -> None:
    del furnished
    path = tmp_path / "assessment.yaml"
    added = add(path, "加密保存,虚构的记录。", 0)["added"]
    assert [(one["version"], one["result"], one["recorded_by"]) for one in added] == [
        ("2026-2", "acceptable", "operator")
    ]
    assert add(path, "加密保存,虚构的记录。", 1)["reason"] == "assessment_version_stands"
    listed = run("assessment", "list", "--institution", ORG)["assessments"]
    assert [one["version"] for one in listed] == ["demo-1", "demo-1", "2026-2"]


def test_a_telephone_number_in_it_is_refused_and_named_nowhere(furnished: Furnished, tmp_path: Path) -> None:
    del furnished
    told = add(tmp_path / "assessment.yaml", "有问题请联系 13800138000。", 1)
    assert told["reason"] == "contact_in_text"
    assert "13800138000" not in json.dumps(told)


def test_faces_are_counted_against_the_pack_until_the_filing_is_made(
    furnished: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RuleBook, "pack_alone", lambda _book, _pack: LOWERED)
    assert run("faces")["state"] == "below"
    learners = [
        furnished.enrol("lms-user-1001", CHEN, CHEN_ID)[1],
        furnished.enrol("lms-user-1002", HUANG, HUANG_ID)[1],
        "elr_somebody",
    ]
    codes = [0, 1, 2]
    for learner, code in zip(learners, codes, strict=True):
        with furnished.house.uow.for_institution(ORG) as tx:
            scope = EvidenceScope(ORG, learner, EvidencePurpose.FACE_TEMPLATE, RUN)
            furnished.house.at(tx).vault.put(scope, b"made up, no face", "application/octet-stream")
        found = run("faces", code=code)
    assert (found["people"], found["state"]) == (3, "filing")
    assert found["due_on"] is not None

    done = run("faces", "--filed", "备案回执示例")
    assert (done["state"], done["due_on"]) == ("filing", None)

    with furnished.house.uow.for_institution(ORG) as tx:
        scope = EvidenceScope(ORG, learners[0], EvidencePurpose.FACE_TEMPLATE, RUN)
        furnished.house.at(tx).vault.destroy(scope, reason="requested", by="stf_lin")
    assert run("faces", code=1)["people"] == 2
