"""Staff set up how their platform opens its tests; nobody else does, and the token is shown to nobody."""

import pytest

from bridge.completion.learner_states import STATE_ASKED
from tests.web.furnished import CHEN, CHEN_ID, LMS, ORG, OTHER_PLATFORM, PLATFORM, Furnished, token

TOKEN = "0123456789abcdef0123456789abcdef"  # made up
PAGE = f"/platforms/{PLATFORM}/exam-service"


def test_staff_set_the_service_up_and_take_it_away(furnished: Furnished) -> None:
    staff = furnished.as_staff("staff-lin")
    assert 'data-testid="exam-service-none"' in staff.get(PAGE).text
    csrf = token(staff, PAGE)

    saved = staff.post(PAGE, data={"csrf_token": csrf, "base_url": f"{LMS}/site", "token": TOKEN})
    shown = staff.get(PAGE).text

    assert saved.status_code == 303
    assert 'data-testid="exam-service-set"' in shown
    assert f"{LMS}/site" in shown
    assert TOKEN not in shown
    assert staff.post(f"{PAGE}/remove", data={"csrf_token": csrf}).status_code == 303
    assert 'data-testid="exam-service-none"' in staff.get(PAGE).text


def test_an_address_that_is_not_the_platforms_is_refused_and_said(furnished: Furnished) -> None:
    staff = furnished.as_staff("staff-lin")

    refused = staff.post(
        PAGE, data={"csrf_token": token(staff, PAGE), "base_url": "https://evil.example", "token": TOKEN}
    )

    assert refused.status_code == 422
    assert 'data-testid="exam-service-wrong"' in refused.text
    assert TOKEN not in refused.text


@pytest.mark.parametrize("method", ["get", "post"])
def test_another_institutions_platform_is_not_there(furnished: Furnished, method: str) -> None:
    staff = furnished.as_staff("staff-lin")
    csrf = token(staff, PAGE)
    other = f"/platforms/{OTHER_PLATFORM}/exam-service"

    answer = staff.open(
        other,
        method=method.upper(),
        data={"csrf_token": csrf, "base_url": "http://127.0.0.1:8124", "token": TOKEN},
    )

    assert answer.status_code == 404


def test_staff_see_how_telling_of_learners_stands_and_have_it_done_again(furnished: Furnished) -> None:
    account, _learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    staff = furnished.as_staff("staff-lin")
    csrf = token(staff, PAGE)
    assert 'data-testid="states-counts"' not in staff.get(PAGE).text
    staff.post(PAGE, data={"csrf_token": csrf, "base_url": f"{LMS}/site", "token": TOKEN})
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).rosters.see_launch(PLATFORM, "demo-course-1", account, "learner")
    furnished.clock.advance(seconds=1)

    answer = staff.post(f"{PAGE}/tell-again", data={"csrf_token": csrf})
    furnished.work_off()

    assert answer.status_code == 303
    shown = staff.get(PAGE).text
    # Nothing answers at the demonstration's address: it waits, and nobody is said to be told.
    assert "已告知 0 人次，待告知 1 人次，未被接受 0 人次" in shown
    assert 'data-testid="states-refused"' not in shown
    with furnished.house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE lms_learner_state SET state = 'refused', reason = 'x'")
        asked = connection.exec_driver_sql(f"SELECT count(*) FROM job WHERE kind = '{STATE_ASKED}'")  # noqa: S608
        assert asked.scalar() == 1
    assert 'data-testid="states-refused"' in staff.get(PAGE).text


@pytest.mark.parametrize("client", ["official", "learner", "forged", "other"])
def test_nobody_else_has_a_platform_told_again(furnished: Furnished, client: str) -> None:
    page, status = f"{PAGE}/tell-again", 403
    browser = furnished.as_staff("official-guangzhou" if client == "official" else "staff-lin")
    csrf = token(browser, "/sign-in") if client == "official" else token(browser, PAGE)
    if client == "learner":
        browser = furnished.as_learner("acc_1")
        csrf = token(browser, "/sign-in")
    elif client == "forged":
        csrf, status = "forged", 400
    elif client == "other":
        page, status = f"/platforms/{OTHER_PLATFORM}/exam-service/tell-again", 404

    assert browser.post(page, data={"csrf_token": csrf}).status_code == status


def test_an_official_and_a_learner_are_kept_out(furnished: Furnished) -> None:
    assert furnished.as_staff("official-guangzhou").get(PAGE).status_code == 403
    assert furnished.as_learner("acc_1").get(PAGE).status_code == 403
