"""The institution's pages: own learners masked, offline sessions by two people, nobody else's rows."""

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from bridge.kernel.ids import LearnerRef
from tests.web.furnished import CHEN, CHEN_ID, ORG, OTHER_ORG, OTHER_RUN, RUN, Furnished, token

PAGE = "/institution/class-runs/run_demo"
SESSIONS = f"{PAGE}/offline-sessions"
Finished = tuple[Furnished, str, LearnerRef, str]


def enter(client: FlaskClient, who: LearnerRef, **changed: Any) -> tuple[int, str]:
    data: dict[str, Any] = {
        "csrf_token": token(client, PAGE),
        "outline_unit": "part_offline",
        "class_hours": "2",
        "day": "2026-11-23",
        "starts": "09:00",
        "ends": "10:30",
        "place": "示例路 1 号 302 教室",
        "learner": [who],
        "sheet": (io.BytesIO(b"made-up scan"), "sheet.jpg"),
        **changed,
    }
    data["sheet"] = FileStorage(*data["sheet"])
    boundary, body = encode_multipart(data)
    answer = client.post(SESSIONS, data=body, content_type=f"multipart/form-data; boundary={boundary}")
    return answer.status_code, answer.text


def waiting(furnished: Furnished) -> list[str]:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        sessions = furnished.house.at(tx).registry.offline_sessions(RUN)
    return [one.id for one in sessions if one.confirmed_by is None]


def test_a_class_run_shows_its_learners_masked(finished: Finished) -> None:
    house, *_ = finished

    page = house.as_staff("staff-lin").get(PAGE).text

    assert "陈*安" in page
    assert CHEN not in page
    assert CHEN_ID not in page
    assert 'data-testid="row-online-hours">2<' in page
    assert "88 / 100" in page
    assert 'data-testid="paper-link"' in page


def test_looking_at_names_is_logged(furnished: Furnished) -> None:
    furnished.enrol("lms-user-1001", CHEN, CHEN_ID)

    furnished.as_staff("staff-lin").get(PAGE)

    with furnished.house.uow.across_institutions("test: read the log", read_only=True) as tx:
        purposes = tx.session.scalars(text("SELECT purpose FROM disclosure")).all()
    assert purposes == ["institution.class_run_page"]


def test_one_enters_and_another_confirms(furnished: Furnished) -> None:
    _account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    lin, zhou = furnished.as_staff("staff-lin"), furnished.as_staff("staff-zhou")

    status, _page = enter(lin, learner)
    (session,) = waiting(furnished)
    own = lin.get(PAGE).text
    refused = lin.post(f"{SESSIONS}/{session}/confirm", data={"csrf_token": token(lin, PAGE)})
    still = waiting(furnished)
    confirmed = zhou.post(f"{SESSIONS}/{session}/confirm", data={"csrf_token": token(zhou, PAGE)})
    furnished.work_off()

    assert status == 303
    assert 'data-testid="offline-confirm-own"' in own
    assert 'data-testid="offline-confirm"' not in own
    assert (refused.status_code, still) == (403, [session])
    assert 'data-reason="second_person_required"' in refused.text
    assert confirmed.status_code == 303
    assert waiting(furnished) == []
    assert 'data-testid="row-offline-hours">2<' in zhou.get(PAGE).text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sheet": (io.BytesIO(b""), "s.jpg")}, "请上传签到表"),
        ({"day": "yesterday"}, "请填写上课日期"),
        ({"starts": ""}, "请填写上课日期"),
        ({"ends": "08:00"}, "下课时间应晚于上课时间"),
        ({"class_hours": "²"}, "学时请填写整数"),
        ({"class_hours": "0"}, "学时应为"),
        ({"place": ""}, "请填写上课地点"),
        ({"teacher": "林老师"}, "工作人员编号"),
        ({"outline_unit": "part_online"}, "线上单元"),
        ({"day": "2026-11-30"}, "线下课结束后才能登记"),
        ({"learner": []}, "请至少选择一名"),
        ({"learner": ["ln_somebody_else"]}, "不属于本班次"),
    ],
)
def test_a_form_that_cannot_stand_is_explained_and_kept(
    furnished: Furnished, changed: dict[str, Any], said: str
) -> None:
    _account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)

    status, page = enter(furnished.as_staff("staff-lin"), learner, **changed)

    assert status == 422
    error = page[page.index('data-testid="offline-error"') :]
    assert said in error[: error.index("</p>")]
    assert 'value="10:30"' in page or "ends" in changed
    assert waiting(furnished) == []


def test_a_photographed_sheet_may_be_larger_than_other_forms(furnished: Furnished) -> None:
    _account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    client = furnished.as_staff("staff-lin")

    assert enter(client, learner, sheet=(io.BytesIO(b"x" * 3_000_000), "s.jpg"))[0] == 303
    assert enter(client, learner, sheet=(io.BytesIO(b"x" * 11_000_000), "s.jpg"))[0] == 413


def test_another_institution_sees_nothing_of_it(finished: Finished) -> None:
    house, _account, _learner, number = finished
    other = house.as_staff("staff-ping")

    assert "run_demo" not in other.get("/institution").text
    for path in (PAGE, f"/institution/certificates/{number}.pdf"):
        assert other.get(path).status_code == 404
    assert house.as_staff("staff-lin").get(f"/institution/certificates/{number}.pdf").status_code == 200


def test_another_institutions_session_cannot_be_confirmed(furnished: Furnished) -> None:
    _account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    enter(furnished.as_staff("staff-lin"), learner)
    (session,) = waiting(furnished)
    other = furnished.as_staff("staff-ping")
    form = {"csrf_token": token(other, "/institution")}

    answer = other.post(f"/institution/class-runs/{OTHER_RUN}/offline-sessions/{session}/confirm", data=form)

    assert answer.status_code == 404
    assert waiting(furnished) == [session]
    assert OTHER_ORG != ORG


def test_an_administrator_without_an_institution_sees_no_learner(furnished: Furnished) -> None:
    with furnished.house.uow.across_institutions("test: invite") as tx:
        staff = furnished.house.at(tx).staff
        staff.accept(staff.invite("administrator", "admin-wu").token, "made-up-Pass-2026")
    client = furnished.as_staff("admin-wu")

    assert client.get("/institution").status_code == 200
    assert client.get(PAGE).status_code == 403
