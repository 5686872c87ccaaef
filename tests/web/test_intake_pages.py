"""The page of what was not taken in: looked into, replayed, given up with a reason, compared with the LMS."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from bridge.kernel.time import rfc3339
from bridge.registry.lti_tables import LtiRegistrationRow
from tests.contracts.moodle_stand_in import TOKEN, MoodleStandIn
from tests.lti.served import served
from tests.web.furnished import CHEN, CHEN_ID, NOW, ORG, PLATFORM, RUN, Furnished, furnish, token
from tests.web.test_platform_pages import administrator

PAGE = "/institution/intake"
UUID = "00000000-0000-4000-8000-0000000000"


def score(furnished: Furnished, sub: str, attempt: int) -> str:
    """Have the platform send a score; return its message's id."""
    message = {
        "v": 1,
        "id": f"{UUID}{attempt:02}",
        "type": "attempt.graded",
        "occurred_at": rfc3339(NOW),
        "data": data(sub, attempt),
    }
    body = json.dumps(message).encode()
    stamp = str(int(NOW.timestamp()))
    digest = hmac.new(b"w" * 40, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"X-Anxue-Timestamp": stamp, "X-Anxue-Signature": f"v1={digest}"}
    furnished.client().post(f"/webhooks/v1/{PLATFORM}", data=body, headers=headers)
    return str(message["id"])


def data(sub: str, attempt: int) -> dict[str, str]:
    return {
        "sub": sub,
        "resource_link_id": "quiz-1",
        "attempt": str(attempt),
        "score": "88",
        "maximum": "100",
        "started_at": rfc3339(NOW),
        "finished_at": rfc3339(NOW),
    }


def ids(page: str) -> list[str]:
    return re.findall(r'<details id="(qua_[0-9a-z]+)"', page)


def post(client: FlaskClient, path: str, **form: Any) -> Any:
    return client.post(path, data={"csrf_token": token(client, PAGE), **form})


@pytest.fixture
def furnished(tmp_path: Path) -> Iterator[Furnished]:
    made = furnish(tmp_path, with_fonts=True)  # a decided test asks for the printer
    yield made
    made.house.close()


@pytest.fixture
def held(furnished: Furnished) -> str:
    furnished.account("lms-user-1001")
    score(furnished, "lms-user-1001", 11)
    (one,) = ids(furnished.as_staff("staff-lin").get(PAGE).text)
    return one


def test_each_thing_says_why_and_what_to_do_and_the_home_page_how_many(
    furnished: Furnished, held: str
) -> None:
    client = furnished.as_staff("staff-lin")
    page = client.get(PAGE).text
    assert 'data-reason="account_unknown"' in page
    assert "还没有在安学桥完成实名" in page
    assert "自动重放" in page
    assert "lms-user-1001" not in page
    assert 'data-testid="intake-open">1 项待处理' in client.get("/institution").text


def test_a_replay_that_fails_says_so_and_one_that_succeeds_leaves_the_list(
    furnished: Furnished, held: str
) -> None:
    client = furnished.as_staff("staff-lin")
    assert post(client, f"{PAGE}/{held}/replay").status_code == 303
    assert "重放没有成功" in client.get(PAGE).text
    furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    page = client.get(PAGE).text
    assert ids(page) == []
    assert ids(client.get(f"{PAGE}?state=taken").text) == [held]
    assert post(client, f"{PAGE}/{held}/replay").status_code == 409


def test_all_are_replayed_at_once(furnished: Furnished, held: str) -> None:
    score(furnished, "lms-user-1001", 12)
    client = furnished.as_staff("staff-lin")
    post(client, f"{PAGE}/replay")
    assert "已重放 2 项，其中 0 项成功" in client.get(PAGE).text


def test_giving_up_wants_a_reason_and_is_taken_back(furnished: Furnished, held: str) -> None:
    client = furnished.as_staff("staff-lin")
    refused = post(client, f"{PAGE}/{held}/discard", note="请打 13800138000")
    assert refused.status_code == 422
    assert 'data-testid="discard-note-error"' in refused.text
    assert post(client, f"{PAGE}/{held}/discard", note="学员已退班").status_code == 303
    given_up = client.get(f"{PAGE}?state=discarded").text
    assert "学员已退班" in given_up
    assert "staff-lin" in given_up
    assert post(furnished.as_staff("staff-zhou"), f"{PAGE}/{held}/restore").status_code == 303
    assert ids(client.get(PAGE).text) == [held]


def test_nobody_else_sees_or_touches_it(furnished: Furnished, held: str) -> None:
    other = furnished.as_staff("staff-ping")
    assert ids(other.get(PAGE).text) == []
    for action in ("replay", "discard", "restore"):
        assert post(other, f"{PAGE}/{held}/{action}", note="不是我的").status_code == 404
    assert furnished.client().get(PAGE).status_code in (302, 303)
    assert furnished.as_staff("official-guangzhou").get(PAGE).status_code == 403
    client = furnished.as_staff("staff-lin")
    assert client.post(f"{PAGE}/{held}/discard", data={"note": "没有凭证"}).status_code in (400, 403)


def test_compliance_shows_that_something_waits(furnished: Furnished, held: str) -> None:
    assert "1 项收到的消息或任务被隔离待处理" in furnished.as_staff("staff-lin").get("/compliance").text


@pytest.fixture
def moodle(furnished: Furnished) -> Iterator[MoodleStandIn]:
    stand_in = MoodleStandIn()
    with served(stand_in) as origin:
        with furnished.house.uow.for_institution(ORG) as tx:
            tx.session.get_one(LtiRegistrationRow, PLATFORM).auth_token_url = f"{origin}/token"
            tx.session.flush()
            furnished.house.at(tx).exam_services.set_up(
                PLATFORM, base_url=f"{origin}/site", token=TOKEN, by="staff_1"
            )
        yield stand_in


def test_what_the_platform_has_is_compared_taken_in_and_told_as_json(
    furnished: Furnished, moodle: MoodleStandIn
) -> None:
    furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    moodle.scores = [{"id": f"{UUID}21", "data": data("lms-user-1001", 21)}]
    client = furnished.as_staff("staff-lin")
    path = f"{PAGE}/compare"

    page = client.get(path, query_string={"class_run": RUN, "since": "2026-11-01"}).text
    assert 'data-gap="score_missing_here"' in page
    assert "陈" in page
    assert CHEN_ID not in page
    told = client.get(path, query_string={"format": "json"}).json
    assert told is not None
    assert (told["takeable"], told["counts"]["score_missing_here"]) == (1, 1)

    assert post(client, f"{path}/take").status_code == 303
    assert "已补收 1 条成绩" in client.get(path).text
    assert 'data-testid="compare-take"' not in client.get(path).text
    furnished.work_off()
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        assert [one.data["attempt"] for one in _ledger(furnished, tx) if one.kind == "test"] == ["21"]


def _ledger(furnished: Furnished, tx: Any) -> Any:
    stations = furnished.house.at(tx)
    (learner,) = stations.registry.enrolled(RUN)
    return stations.ledger.entries(learner, RUN)


def test_without_a_service_the_rest_is_compared_and_a_wrong_day_refused(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    assert 'data-testid="compare-not-asked"' in client.get(f"{PAGE}/compare").text
    assert client.get(f"{PAGE}/compare?since=gestern").status_code == 422
    assert client.get(f"{PAGE}/compare?class_run=run_sz").status_code == 404


def test_an_administrator_sees_how_many_wait_and_of_nobody_what(furnished: Furnished, held: str) -> None:
    client = administrator(furnished)
    page = client.get(PAGE).text
    assert 'data-testid="intake-institution"' in page
    assert "示例安全培训中心" in page
    assert held not in page
    assert client.get(f"{PAGE}/compare").status_code == 403
    assert post(client, f"{PAGE}/{held}/replay").status_code == 403
