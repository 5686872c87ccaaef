"""The authority's pages: its own city alone, names for a stated purpose, receipts for each record."""

import re

import pytest

from bridge.kernel.ids import LearnerRef
from tests.web.furnished import CHEN, CHEN_ID, Furnished, token

PAGE = "/authority/class-runs/run_demo"
Finished = tuple[Furnished, str, LearnerRef, str]


def test_an_official_sees_the_own_citys_class_runs(finished: Finished) -> None:
    house, *_ = finished

    guangzhou = house.as_staff("official-guangzhou").get("/authority").text
    shenzhen = house.as_staff("official-shenzhen").get("/authority").text

    assert "广州市" in guangzhou
    assert "run_demo" in guangzhou
    assert "run_sz" not in guangzhou
    assert "run_sz" in shenzhen
    assert "run_demo" not in shenzhen
    assert 'data-testid="batch"' not in shenzhen


def without_token(page: str) -> str:
    """Return the page without its CSRF token, which names the second in which it was made."""
    return re.sub(r'name="csrf_token" value="[^"]+"', "", page)


@pytest.mark.parametrize("method", ["get", "post"])
def test_another_citys_class_run_does_not_exist(finished: Finished, method: str) -> None:
    house, *_ = finished
    client = house.as_staff("official-shenzhen")
    form = {"csrf_token": token(client, "/authority"), "purpose": "投诉核查"}

    theirs = client.get(PAGE) if method == "get" else client.post(PAGE, data=form)
    nobodys = client.get("/authority/class-runs/run_nowhere")

    assert theirs.status_code == nobodys.status_code == 404
    assert without_token(theirs.text) == without_token(nobodys.text)


def test_names_are_shown_masked_for_a_stated_purpose_only(finished: Finished) -> None:
    house, _account, learner, _number = finished
    client = house.as_staff("official-guangzhou")

    plain = client.get(PAGE).text
    hasty = client.post(PAGE, data={"csrf_token": token(client, PAGE), "purpose": "看"})
    stated = client.post(PAGE, data={"csrf_token": token(client, PAGE), "purpose": "投诉核查"})

    assert learner in plain
    assert "陈*安" not in plain
    assert hasty.status_code == 422
    assert "陈*安" not in hasty.text
    assert "陈*安" in stated.text
    assert CHEN not in stated.text
    assert CHEN_ID not in stated.text


def test_a_search_finds_within_the_city_and_tells_nothing_beyond(finished: Finished) -> None:
    house, *_ = finished

    def search(login: str, purpose: str) -> str:
        client = house.as_staff(login)
        data = {"csrf_token": token(client, "/authority"), "citizen_id": CHEN_ID, "purpose": purpose}
        return client.post("/authority", data=data).text

    assert 'data-testid="search-result"' in search("official-guangzhou", "投诉核查")
    assert 'data-testid="search-none"' in search("official-shenzhen", "投诉核查")
    assert 'data-testid="search-error"' in search("official-guangzhou", "")


def test_each_record_of_a_batch_is_listed_with_its_state(finished: Finished) -> None:
    house, _account, _learner, number = finished

    page = house.as_staff("official-guangzhou").get("/authority").text

    assert 'data-testid="batch-record"' in page
    assert number in page
    assert "尚无回执" in page


def test_the_chart_carries_hours_by_day_of_issue(finished: Finished) -> None:
    house, *_ = finished

    page = house.as_staff("official-guangzhou").get(PAGE).text

    assert 'data-testid="hours-chart"' in page
    assert '"days": ["2026-11-24"]' in page
