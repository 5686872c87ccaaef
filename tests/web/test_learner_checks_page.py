"""The learner's checks: what each cost, one button to appeal in time, the way out, and what came of it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from bridge.kernel.ids import CheckId, CourseUnitId, LearnerRef
from bridge.kernel.time import epoch_ms
from bridge.presence.model import Activity, CheckState
from bridge.presence.review.model import ReviewState
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, NOW, ORG, RUN, Furnished, furnish, token
from tests.web.reviewed import MISJUDGED, fail, review_of


@pytest.fixture
def furnished(tmp_path: Path) -> Iterator[Furnished]:
    made = furnish(tmp_path)
    yield made
    made.house.close()


@pytest.fixture
def learner(furnished: Furnished) -> LearnerRef:
    _account, learner = furnished.enrol("chen", CHEN, CHEN_ID)
    furnished.finish_course(learner)
    return learner


@pytest.fixture
def client(furnished: Furnished, learner: LearnerRef) -> FlaskClient:
    return furnished.as_learner(furnished.account("chen"), learner)


def appeal(client: FlaskClient, check: str, reason: str = "it_was_me") -> tuple[int, str]:
    data = {"csrf_token": token(client, "/learner"), "reason": reason}
    answer = client.post(f"/learner/checks/{check}/appeal", data=data, follow_redirects=True)
    return answer.status_code, answer.text.replace("<wbr>", "")


def test_a_check_that_cost_time_says_how_much_and_until_when(
    furnished: Furnished, learner: LearnerRef, client: FlaskClient
) -> None:
    fail(furnished, learner)
    page = client.get("/learner/checks").text.replace("<wbr>", "")
    assert page.count('data-testid="own-check"') == 1
    # Another's face counts from the last pass, at minute 5, until the next, at minute 10.
    assert "影响学习时间 <b>5 分 00 秒</b>" in page
    assert "12 月 9 日前可以申诉" in page


def test_a_check_that_cost_nothing_and_says_nothing_of_the_person_is_not_listed(
    furnished: Furnished, learner: LearnerRef, client: FlaskClient
) -> None:
    fail(furnished, learner, "too_poor", session="ses_of_no_study")
    fail(furnished, learner, "unsure", session="ses_of_no_study")
    page = client.get("/learner/checks").text
    assert page.count('data-testid="own-check"') == 1
    assert 'data-outcome="unsure"' in page


def test_an_appeal_joins_the_case_and_the_page_says_where_it_stands(
    furnished: Furnished, learner: LearnerRef, client: FlaskClient
) -> None:
    check = fail(furnished, learner)
    status, page = appeal(client, check, "light_or_gear")
    assert (status, "已收到您的申诉" in page) == (200, True)
    assert 'data-testid="appeal"' not in page
    review = review_of(furnished, check)
    assert (review.appeal_reason, review.state) == ("light_or_gear", ReviewState.WAITING)
    assert appeal(client, check)[0] == 409

    for step, by in (("decide", "staff_a"), ("confirm", "staff_b")):
        with furnished.house.uow.for_institution(ORG) as tx:
            reviews = furnished.house.at(tx).reviews
            reviews.decide(review.id, "same_person", by) if step == "decide" else reviews.confirm(
                review.id, by
            )
        if step == "decide":
            # One person's word is no result yet.
            assert 'data-state="open"' in client.get("/learner/checks").text
    furnished.work_off()
    page = client.get("/learner/checks").text
    assert 'data-state="overturned"' in page
    assert "复核认定为误判" in page


def test_an_appeal_is_one_of_the_list_and_in_time(
    furnished: Furnished, learner: LearnerRef, client: FlaskClient
) -> None:
    check = fail(furnished, learner)
    status, page = appeal(client, check, "我叫陈晓安")
    assert (status, 'data-reason="appeal_reason_unknown"' in page) == (422, True)
    furnished.clock.advance(days=16)
    client = furnished.as_learner(furnished.account("chen"), learner)  # the session of before is over
    status, page = appeal(client, check)
    assert (status, 'data-reason="appeal_too_late"' in page) == (409, True)
    assert 'data-testid="appeal-closed"' in client.get("/learner/checks").text
    assert review_of(furnished, check).appealed_at is None


def test_nobody_appeals_for_another_learner(
    furnished: Furnished, learner: LearnerRef, client: FlaskClient
) -> None:
    check = fail(furnished, learner)
    account, other = furnished.enrol("huang", HUANG, HUANG_ID)
    assert appeal(furnished.as_learner(account, other), check)[0] == 404
    staff = furnished.as_staff("staff-lin")
    data = {"csrf_token": token(staff, "/platforms/new"), "reason": "it_was_me"}
    assert staff.post(f"/learner/checks/{check}/appeal", data=data).status_code == 403
    assert client.post(f"/learner/checks/{check}/appeal", data={"reason": "it_was_me"}).status_code == 400
    assert review_of(furnished, check).appealed_at is None


def test_before_the_real_name_there_is_nothing_to_see(furnished: Furnished) -> None:
    assert furnished.as_learner(furnished.account("new")).get("/learner/checks").status_code == 403


def test_who_is_stuck_is_told_the_ways_out_and_where(
    furnished: Furnished, learner: LearnerRef, client: FlaskClient
) -> None:
    for number in range(3):
        page = client.get("/learner/checks").text
        assert ('data-stuck="yes"' in page) is False
        at = NOW - timedelta(minutes=9 - number)
        fail(furnished, learner, "too_poor", at=at, session="ses_late", name=f"late{number}")
    page = client.get("/learner/checks").text.replace("<wbr>", "")
    assert 'data-stuck="yes"' in page
    assert page.count('data-testid="way"') == 5
    for said in ("再核验一次", "换一台手机或电脑", "示例安全培训中心", "补学"):
        assert said in page, said
    assert 'data-testid="stuck-note"' in client.get("/learner").text

    furnished_pass(furnished, learner)
    assert 'data-testid="stuck"' not in client.get("/learner/checks").text


def furnished_pass(furnished: Furnished, learner: LearnerRef) -> None:
    """Let the learner pass a check after all."""
    fail(furnished, learner, "passed", at=NOW - timedelta(minutes=1), session="ses_late", name="late_pass")


def test_the_time_of_a_missed_check_counts_from_when_it_was_due(
    furnished: Furnished, learner: LearnerRef, client: FlaskClient
) -> None:
    check = fail(furnished, learner, "missed", at=MISJUDGED)
    page = client.get("/learner/checks").text.replace("<wbr>", "")
    # Due half a minute before minute 7, until the pass at minute 10.
    assert "影响学习时间 <b>3 分 30 秒</b>" in page
    assert appeal(client, check, "network_fault")[0] == 200
    assert review_of(furnished, CheckId(check)).origin == "appeal"


def test_another_class_run_is_none_of_it(furnished: Furnished, learner: LearnerRef) -> None:
    fail(furnished, learner)
    client = furnished.as_learner(furnished.account("chen"), learner, run=RUN)
    with client.session_transaction() as session:
        session["class_run"] = "run_unknown"
    assert client.get("/learner/checks").status_code == 404


@pytest.mark.parametrize(
    ("outcome", "activity", "said", "unsaid"),
    [
        ("other_person", Activity.STUDY, ("带身份证到示例安全培训中心", "申诉", "补学"), ()),
        ("suspected_spoof", Activity.TEST, ("带身份证到示例安全培训中心",), ("补学",)),
        ("too_poor", Activity.STUDY, (), ("您还可以",)),
        ("passed", Activity.STUDY, (), ("您还可以",)),
    ],
)
def test_the_camera_dialog_says_the_way_out_and_where(
    furnished: Furnished,
    learner: LearnerRef,
    outcome: str,
    activity: Activity,
    said: tuple[str, ...],
    unsaid: tuple[str, ...],
) -> None:
    account = furnished.account("chen")
    with furnished.house.uow.for_institution(ORG) as tx:
        presence = furnished.house.at(tx).presence
        opened = presence.open_session(
            learner=learner,
            class_run=RUN,
            unit=CourseUnitId("unit_electric"),
            activity=activity,
            attempt="1" if activity is Activity.TEST else None,
            account_id=account,
            token_id="made-up",
        )
        check = furnished.house.at(tx).presence_store.check(CheckId(opened.commands[0]["check"]))
        assert check is not None
        presence.decide(check, CheckState(outcome), 0, epoch_ms(furnished.clock.now()))
    told = furnished.client().get(
        f"/agent/v1/checks/{check.id}", headers={"Authorization": f"Bearer {opened.secret}"}
    )
    assert told.status_code == 200
    message = told.get_json()["message"]
    assert [one for one in said if one not in message] == []
    assert [one for one in unsaid if one in message] == []
