"""The operator's look at a person's versions: masked, in force on a day, logged."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.identity.change_model import ChangeKind
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import LearnerRef
from bridge.wiring.identity_versions import versions_of
from bridge.wiring.supervised import PeopleOfAllInstitutions
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, JPEG, ORG, Furnished, furnish


@pytest.fixture
def furnished(tmp_path: Path) -> Furnished:
    return furnish(tmp_path)


def renamed(furnished: Furnished) -> LearnerRef:
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    with furnished.house.uow.for_institution(ORG) as tx:
        changes = furnished.house.at(tx).changes
        change = changes.propose_version(
            ChangeKind.NAME,
            learner,
            value="欧阳晓平",
            from_date=date(2026, 11, 20),
            evidence_kind="public_security",
            evidence=JPEG,
            by="stf_lin",
        )
        changes.confirm(change.id, by="stf_zhou", typed="欧阳晓平")
    return learner


def test_it_is_masked_dated_and_logged(furnished: Furnished) -> None:
    learner = renamed(furnished)
    now = versions_of(furnished.house, ORG, learner, on=None, reveal=None, by="op")
    before = versions_of(furnished.house, ORG, learner, on="2026-11-19", reveal=None, by="op")
    assert (now["name"], before["name"]) == ("欧**平", "陈*安")
    (change,) = now["changes"]
    assert (change["value"], change["proposed_by"], change["decided_by"], change["from"]) == (
        "欧**平",
        "stf_lin",
        "stf_zhou",
        "2026-11-20",
    )
    assert "欧阳晓平" not in repr(now)
    assert CHEN_ID not in repr(now)
    whole = versions_of(furnished.house, ORG, learner, on=None, reveal="dispute", by="op")
    assert (whole["name"], whole["document"]) == ("欧阳晓平", CHEN_ID)
    with furnished.house.engine.connect() as connection:
        said = "SELECT purpose FROM disclosure WHERE by = 'op' ORDER BY seq"
        assert connection.execute(text(said.replace("by =", '"by" ='))).scalars().all() == [
            "cli.versions",
            "cli.versions",
            "reveal.dispute",
        ]


def test_a_day_that_is_none_is_refused(furnished: Furnished) -> None:
    with pytest.raises(InvalidInput, match="YYYY-MM-DD"):
        versions_of(furnished.house, ORG, "ln_x", on="yesterday", reveal=None, by="op")


def test_an_official_finds_all_records_of_one_human_by_either_number(furnished: Furnished) -> None:
    _, chen = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    _, huang = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    with furnished.house.uow.for_institution(ORG) as tx:
        changes = furnished.house.at(tx).changes
        change = changes.propose_merge(chen, HUANG_ID, evidence=JPEG, by="stf_lin")
        changes.confirm(change.id, by="stf_zhou", typed=HUANG_ID)
    search = PeopleOfAllInstitutions(furnished.house)
    assert search.find(CHEN_ID) == search.find(HUANG_ID) == ((ORG, chen), (ORG, huang))
