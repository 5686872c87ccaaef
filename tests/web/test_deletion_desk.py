"""Over HTTP: staff see what will go and what stays before two of them answer; the learner is told the same."""

import re

import pytest
from flask.testing import FlaskClient

from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, RUN, Furnished, token
from tests.wiring.test_key_ends import orders

PRIVACY, MINE = "/institution/privacy", "/learner/my-data"


class Desk:
    """A learner who asked, and two members of staff."""

    def __init__(self, furnished: Furnished) -> None:
        self.furnished = furnished
        account, self.learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
        self.mine = furnished.as_learner(account, self.learner)
        furnished.clock.advance(seconds=1)
        form = {"csrf_token": token(self.mine, MINE), "understood": "1"}
        assert self.mine.post(f"{MINE}/deletion", data=form).status_code == 303
        self.lin, self.zhou = furnished.as_staff("staff-lin"), furnished.as_staff("staff-zhou")
        found = re.search(rf"{PRIVACY}/deletions/(del_[0-9a-z]+)", self.lin.get(PRIVACY).text)
        assert found is not None
        self.url = found[0]

    def post(self, client: FlaskClient, word: str, shown: str | None = None) -> tuple[int, str]:
        page = client.get(self.url).text
        if shown is None:
            found = re.search(r'name="shown" value="([0-9a-f]{64})"', page)
            shown = found[1] if found else ""
        form = {"csrf_token": token(client, PRIVACY), "shown": shown}
        answer = client.post(f"{self.url}/{word}", data=form)
        return answer.status_code, answer.text


@pytest.fixture
def desk(furnished: Furnished) -> Desk:
    return Desk(furnished)


def lines(page: str, which: str) -> list[str]:
    return re.findall(rf'data-testid="{which}" data-what="([a-z_]+)"', page)


def test_what_goes_and_what_stays_is_seen_before_anybody_answers(desk: Desk) -> None:
    page = desk.lin.get(desk.url).text
    assert (lines(page, "goes"), lines(page, "stays")) == (["id_photo"], ["training_record"])
    assert "陈*安" in page
    assert CHEN not in page
    assert CHEN_ID not in page
    assert re.search(r'data-what="training_record" data-why="archive" data-until="20\d\d-\d\d-\d\d"', page)
    # To look is on the log, as every look at a person is.
    assert "处理删除申请" in desk.lin.get("/institution/access-log").text
    assert 'data-testid="deletion-propose"' in page
    assert desk.furnished.as_staff("staff-ping").get(desk.url).status_code == 404
    assert desk.mine.get(desk.url).status_code in (303, 403)


def test_two_people_answer_and_the_learner_reads_the_same(desk: Desk) -> None:
    assert desk.post(desk.lin, "propose")[0] == 303
    assert 'data-testid="deletion-own"' in desk.lin.get(desk.url).text
    assert desk.post(desk.lin, "confirm", shown="0" * 64)[0] == 403
    assert orders(desk.furnished) == []
    assert desk.post(desk.zhou, "confirm")[0] == 303
    assert [(what, why) for what, why, _ in orders(desk.furnished)] == [("id_photo", "requested")]

    for client, path in ((desk.zhou, desk.url), (desk.mine, MINE)):
        page = client.get(path).text
        assert (lines(page, "goes"), lines(page, "stays")) == (["id_photo"], ["training_record"])
    page = desk.mine.get(MINE).text
    assert 'data-testid="deletion-request" data-state="handled"' in page
    assert "已销毁没有保存要求的内容" in page
    assert "deletions/del_" not in desk.lin.get(PRIVACY).text
    # A second time nothing happens, and another request can be made.
    assert desk.post(desk.lin, "propose", shown="0" * 64)[0] == 409
    assert 'data-testid="deletion-submit"' in page


def test_what_changed_meanwhile_is_not_confirmed_unseen(desk: Desk) -> None:
    assert desk.post(desk.lin, "propose", shown="0" * 64)[0] == 409
    reads_as_a_number = "a13800138000".ljust(64, "b")
    assert desk.post(desk.lin, "propose", shown=reads_as_a_number)[0] == 409
    status, page = desk.post(desk.zhou, "confirm", shown="0" * 64)
    assert status == 409
    assert "还没有人提出" in page
    assert orders(desk.furnished) == []


def test_requests_are_limited_for_each_account_and_not_for_a_classroom(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    client = furnished.as_learner(account, learner)

    def ask(who: FlaskClient) -> int:
        form = {"csrf_token": token(who, MINE), "understood": "1"}
        return who.post(f"{MINE}/deletion", data=form).status_code

    assert [ask(client) for _ in range(11)] == [303] * 10 + [429]
    account, learner = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    assert ask(furnished.as_learner(account, learner)) == 303


def test_a_class_run_that_may_not_check_faces_says_so_in_words_for_staff(furnished: Furnished) -> None:
    furnished.clock.advance(days=400)
    page = furnished.as_staff("staff-lin").get(PRIVACY).text
    stands = page.split(f'data-class-run="{RUN}"')[1].split("</p>")[0]
    assert "影响评估" in stands
    assert "您可以改用" not in stands
