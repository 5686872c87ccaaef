"""The page of who saw whom, and showing a whole name for a reason; the command that verifies the log."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from bridge.cli import main
from bridge.kernel.ids import InstitutionId
from tests.web.furnished import CHEN, CHEN_ID, RUN, Furnished, token

LEARNER_PAGE = f"/institution/class-runs/{RUN}/learners/"


def _reveal(furnished: Furnished, learner: str, reason: str, login: str = "staff-lin") -> tuple[int, str]:
    client = furnished.as_staff(login)
    data = {"csrf_token": token(client, "/account"), "reason": reason}
    answer = client.post(f"{LEARNER_PAGE}{learner}/reveal", data=data)
    return answer.status_code, answer.text


def test_a_page_shows_part_of_a_name_and_the_whole_for_a_reason_alone(furnished: Furnished) -> None:
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    page = furnished.as_staff("staff-lin").get(f"{LEARNER_PAGE}{learner}").text
    assert CHEN not in page
    assert CHEN_ID not in page
    assert page.count('data-testid="reveal-reason"') == 1

    for reason in ("", "because I say so"):
        status, page = _reveal(furnished, learner, reason)
        assert status == 422
        assert CHEN not in page
        assert CHEN_ID not in page

    status, page = _reveal(furnished, learner, "check_document")
    assert status == 200
    assert CHEN in page
    assert CHEN_ID in page


def test_each_look_stands_in_the_log_with_who_whose_what_and_why(furnished: Furnished) -> None:
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    client = furnished.as_staff("staff-zhou")
    client.get(f"{LEARNER_PAGE}{learner}")
    _reveal(furnished, learner, "dispute", "staff-zhou")

    page = client.get("/institution/access-log").text

    newest = page[page.index('data-testid="access"') :]
    newest = newest[: newest.index("</tr>")]
    for said in ("staff-zhou", learner, "完整的姓名和证件号码", "处理申诉或争议"):
        assert said in newest
    assert CHEN not in page
    assert page.count("学员页面") == 1
    assert client.get(f"/institution/access-log?learner={learner}").text.count('data-testid="access"') >= 2
    assert client.get("/institution/access-log?learner=ln_other").text.count('data-testid="access"') == 0


def test_the_log_goes_on_on_further_pages(furnished: Furnished) -> None:
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    client = furnished.as_staff("staff-lin")
    with furnished.house.uow.for_institution(InstitutionId("org_demo")) as tx:
        for number in range(120):
            furnished.house.at(tx).identity.disclose(learner, purpose=f"p{number}", recipient="r", by="b")
    seen: list[str] = []
    path = "/institution/access-log"
    while path:
        page = client.get(path).text
        seen += [part[: part.index('"')] for part in page.split('data-seq="')[1:]]
        more = page.split("before=")
        path = (
            ""
            if len(more) == 1
            else f"/institution/access-log?before={more[1].split(chr(34))[0].split('&')[0]}"
        )
    assert len(seen) >= 120
    assert seen == [str(number) for number in range(len(seen), 0, -1)]


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "１"])
def test_an_address_that_says_nothing_shows_the_newest(furnished: Furnished, before: str) -> None:
    client = furnished.as_staff("staff-lin")
    assert client.get(f"/institution/access-log?before={before}").status_code == 200


def test_what_an_authority_looks_into_is_not_the_institutions_to_read(furnished: Furnished) -> None:
    furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    official = furnished.as_staff("official-guangzhou")
    data = {"csrf_token": token(official, "/account"), "purpose": "核查举报线索"}
    assert official.post(f"/authority/class-runs/{RUN}", data=data).status_code == 200

    page = furnished.as_staff("staff-lin").get("/institution/access-log").text

    assert "监管部门查询" in page
    assert "核查举报线索" not in page
    assert "official-guangzhou" not in page


def test_nobody_reads_or_reveals_another_institutions(furnished: Furnished) -> None:
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    _reveal(furnished, learner, "dispute")

    status, page = _reveal(furnished, learner, "dispute", "staff-ping")

    assert status == 404
    assert CHEN not in page
    other = furnished.as_staff("staff-ping").get("/institution/access-log").text
    assert learner not in other
    assert 'data-testid="access-none"' in other
    assert furnished.as_staff("official-guangzhou").get("/institution/access-log").status_code == 403


def test_the_command_verifies_and_names_what_was_changed(
    furnished: Furnished, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    for reason in ("dispute", "paper", "authority"):
        _reveal(furnished, learner, reason)
    monkeypatch.setenv("ANXUE_VAR", str(furnished.house.settings.var))
    monkeypatch.setenv("ANXUE_MODE", "demonstration")
    run = CliRunner().invoke

    good = run(main, ["privacy", "access-log", "verify", "--json"])
    assert (good.exit_code, json.loads(good.output)["faults"]) == (0, [])
    kept = tmp_path_factory.mktemp("kept") / "heads.jsonl"
    kept.write_text(run(main, ["privacy", "access-log", "heads"]).output)
    with furnished.house.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER disclosure_no_update"))
        connection.execute(text("DROP TRIGGER disclosure_no_delete"))
        connection.execute(
            text("UPDATE disclosure SET purpose = 'reveal.paper' WHERE purpose = 'reveal.dispute'")
        )
        connection.execute(text("DELETE FROM disclosure WHERE purpose = 'reveal.authority'"))

    bad = run(main, ["privacy", "access-log", "verify", "--json"])
    assert bad.exit_code == 1
    reasons = [one["reason"] for one in json.loads(bad.output)["faults"]]
    assert sorted(reasons) == ["row_changed", "row_removed"]
    said = run(main, ["privacy", "access-log", "verify", "--heads", str(kept)])
    assert said.exit_code == 1
    assert "内容被改动" in said.output
    assert "被删去" in said.output
    kept.write_text("{}")
    assert "heads_malformed" in repr(
        run(main, ["privacy", "access-log", "verify", "--heads", str(kept)]).exception
    )
