"""The compliance page: each reader sees the own class runs' facts, and every article with its state."""

import json
import re

import pytest
from click.testing import CliRunner

from bridge.commands.compliance import to_json
from bridge.kernel.ids import LearnerRef
from bridge.wiring.compliance import compliance_page
from tests.web.furnished import ORG, Furnished

Finished = tuple[Furnished, str, LearnerRef, str]


def states(page: str) -> dict[str, str]:
    found = re.findall(r'data-article="(第[^"]+条)" data-state="(\w+)"', page)
    return dict(found[:30])


def evidence(page: str, name: str) -> tuple[str, str]:
    found = re.search(rf'data-name="{name}" data-state="(\w+)">([^<]+)<', page)
    assert found is not None, name
    return found[1], found[2]


@pytest.mark.parametrize("login", ["staff-lin", "official-guangzhou"])
def test_institution_and_authority_read_every_article_with_todays_evidence(
    finished: Finished, login: str
) -> None:
    page = finished[0].as_staff(login).get("/compliance").text
    told = states(page)
    assert len(told) == 30
    assert (told["第一条"], told["第六条"], told["第十条"], told["第二十五条"]) == (
        "nothing",
        "people",
        "missing",
        "kept",
    )
    for name, words in (("papers", r"有效证明 \d+ 份。"), ("real_names", r"\d+ 人次实名后入班。")):
        state, sentence = evidence(page, name)
        assert (state, bool(re.fullmatch(words, sentence))) == ("good", True)
    assert evidence(page, "outline_hours")[0] == "attention"
    assert "附件2(学时表)" in page
    assert "2027-07-01" in page


def test_another_area_sees_its_own_facts_only(finished: Finished) -> None:
    page = finished[0].as_staff("official-shenzhen").get("/compliance").text
    assert evidence(page, "papers") == ("none", "还没有出具证明。")
    assert evidence(page, "class_runs")[1].startswith("共 1 个班次")


def test_no_learner_and_no_stranger_reads_it(finished: Finished) -> None:
    furnished, account, learner, _ = finished
    assert furnished.client().get("/compliance").status_code in (302, 303)
    assert furnished.as_learner(account, learner).get("/compliance").status_code == 403


def test_only_one_state_can_be_shown(finished: Finished) -> None:
    page = finished[0].as_staff("staff-lin").get("/compliance?state=missing").text
    assert set(re.findall(r'data-testid="compliance-row" data-article="[^"]*" data-state="(\w+)"', page)) == {
        "missing"
    }
    assert finished[0].as_staff("staff-lin").get("/compliance?state=<b>").status_code == 200


def test_the_whole_bridge_is_told_as_json_values(finished: Finished) -> None:
    house = finished[0].house
    everything, own = compliance_page(house), compliance_page(house, institution=ORG)
    assert (everything.profiles[0].class_runs, own.profiles[0].class_runs) == (2, 1)
    told = json.loads(json.dumps(to_json(everything)))
    documents = {one["pack"]: one for one in told["profiles"][0]["documents"]}
    assert documents["order-30"]["in_force"] is False
    assert documents["guangdong-2022-3"]["articles"][18]["lapses_on"] == "2027-07-01"
    assert documents["guangdong-2022-3"]["unseen"]


def test_the_command_is_there() -> None:
    from bridge.cli import main

    result = CliRunner().invoke(main, ["compliance", "--help"])
    assert result.exit_code == 0
    assert "逐条列出法规" in result.output
