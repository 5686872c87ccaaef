"""Staff set up how their platform opens its tests; nobody else does, and the token is shown to nobody."""

import pytest

from tests.web.furnished import LMS, OTHER_PLATFORM, PLATFORM, Furnished, token

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


def test_an_official_and_a_learner_are_kept_out(furnished: Furnished) -> None:
    assert furnished.as_staff("official-guangzhou").get(PAGE).status_code == 403
    assert furnished.as_learner("acc_1").get(PAGE).status_code == 403
