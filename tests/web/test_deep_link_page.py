"""A teacher chooses content: only from the own institution, for one signed answer, posted to the platform alone."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bridge.registry.link_model import HOURS_TAG
from lti.claims import CONTEXT, DEPLOYMENT_ID, MESSAGE_TYPE, ROLES
from lti.deep_linking import CONTENT_ITEMS, DATA
from tests.lti.platform import LEARNER, TEACHER
from tests.web.furnished import LMS, ORG, OTHER_RUN, PLATFORM, RUN, Furnished
from tests.web.lms import CONTENT_DEVELOPER, RETURN, Lms, browser, csrf_of, lms_of

ENTRY, UNIT, GATE = f"entry|{RUN}|", f"unit|{RUN}|unit_fire", f"gate|{RUN}|test_final"
UNLINKED = {CONTEXT: {"id": "course-new"}}


@pytest.fixture
def lms(furnished: Furnished) -> Lms:
    return lms_of(furnished)


def choose(client: FlaskClient, path: str = "", **form: Any) -> TestResponse:
    page = client.get("/deep-link")
    return client.post(f"/deep-link{path}", data={"csrf_token": csrf_of(page.text), **form})


def items(lms: Lms, answer: TestResponse) -> list[dict[str, Any]]:
    _, claims = lms.posted(answer)
    found: list[dict[str, Any]] = claims[CONTENT_ITEMS]
    return found


@pytest.mark.parametrize("roles", [TEACHER, CONTENT_DEVELOPER, ["Administrator"]])
def test_a_teachers_choice_goes_back_signed_with_what_it_opens_in_custom(lms: Lms, roles: list[str]) -> None:
    client = browser(lms.furnished)
    assert lms.deep_link(client, {ROLES: roles}).headers["Location"] == "/deep-link"

    answer = choose(client, item=GATE)

    url, claims = lms.posted(answer)
    assert url == RETURN
    assert claims[MESSAGE_TYPE] == "LtiDeepLinkingResponse"
    assert (claims["iss"], claims["aud"], claims[DEPLOYMENT_ID]) == ("anxue-demo", LMS, "1")
    assert claims[DATA] == "opaque data of the platform"
    (item,) = claims[CONTENT_ITEMS]
    assert item["type"] == "ltiResourceLink"
    assert item["custom"] == {"anxue_item": "gate", "anxue_class_run": RUN, "anxue_unit": "test_final"}
    assert "url" not in item  # Open edX would refuse a launch at any address but the tool's own
    assert "lineItem" not in item


def test_the_answers_page_may_post_to_the_platform_and_nowhere_else(lms: Lms) -> None:
    client = browser(lms.furnished)
    lms.deep_link(client)

    answer = choose(client, item=ENTRY)

    policy = dict(one.split(" ", 1) for one in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["form-action"] == LMS
    assert LMS in policy["frame-ancestors"]
    assert answer.headers["Referrer-Policy"] == "strict-origin"
    assert "form-action 'self'" in client.get("/").headers["Content-Security-Policy"]


def test_a_platform_that_answers_elsewhere_is_refused_before_anything_is_shown(lms: Lms) -> None:
    client = browser(lms.furnished)

    answer = lms.deep_link(client, settings={"deep_link_return_url": "https://evil.example/take"})

    assert answer.status_code == 403
    assert "deep_link_return_url_foreign" in answer.text


def test_a_request_is_answered_once(lms: Lms) -> None:
    client = browser(lms.furnished)
    lms.deep_link(client)
    token = csrf_of(client.get("/deep-link").text)
    assert client.post("/deep-link", data={"csrf_token": token, "item": ENTRY}).status_code == 200

    for again in (
        client.get("/deep-link"),
        client.post("/deep-link", data={"csrf_token": token, "item": ENTRY}),
        client.post("/deep-link/cancel", data={"csrf_token": token}),
    ):
        assert again.status_code == 409
        assert "deep_link_over" in again.text


def test_hours_in_the_gradebook_are_off_unless_the_teacher_asks(lms: Lms) -> None:
    client = browser(lms.furnished)
    lms.deep_link(client)
    (plain,) = items(lms, choose(client, item=ENTRY))
    lms.deep_link(client)
    (with_hours,) = items(lms, choose(client, item=ENTRY, hours="1"))

    assert "lineItem" not in plain
    assert "anxue_hours" not in plain["custom"]
    assert with_hours["custom"]["anxue_hours"] == "on"  # what is left of it where a platform drops the column
    column = with_hours["lineItem"]
    assert (column["scoreMaximum"], column["resourceId"], column["tag"]) == (
        2,
        f"anxue-hours-{RUN}",
        HOURS_TAG,
    )


def test_no_column_is_offered_or_sent_where_the_platform_takes_none(lms: Lms) -> None:
    client = browser(lms.furnished)
    lms.deep_link(client, settings={"accept_lineitem": False})

    assert "deep-link-hours" not in client.get("/deep-link").text
    (item,) = items(lms, choose(client, item=ENTRY, hours="1"))
    assert "lineItem" not in item


def test_several_items_only_where_the_platform_takes_several(lms: Lms) -> None:
    client = browser(lms.furnished)
    lms.deep_link(client)
    refused = choose(client, item=[ENTRY, UNIT])
    assert refused.status_code == 422
    assert "content_items_too_many" in refused.text

    lms.deep_link(client, settings={"accept_multiple": True})
    assert len(items(lms, choose(client, item=[ENTRY, UNIT, GATE]))) == 3


def test_a_cancelled_choice_goes_back_empty_with_a_word(lms: Lms) -> None:
    client = browser(lms.furnished)
    lms.deep_link(client)

    _, claims = lms.posted(choose(client, "/cancel"))

    assert claims[CONTENT_ITEMS] == []
    assert claims["https://purl.imsglobal.org/spec/lti-dl/claim/msg"] == "没有选择内容。"


@pytest.mark.parametrize(
    "forged",
    [f"entry|{OTHER_RUN}|", "entry|run_made_up|", f"unit|{RUN}|test_final", f"gate|{RUN}|unit_fire", "x"],
)
def test_what_the_page_does_not_offer_cannot_be_chosen(lms: Lms, forged: str) -> None:
    client = browser(lms.furnished)
    lms.deep_link(client)

    answer = choose(client, item=forged)

    assert answer.status_code == 422
    assert "link_target_unknown" in answer.text
    # The request still waits for a right choice.
    assert choose(client, item=ENTRY).status_code == 200


def test_nothing_chosen_is_said_and_the_request_still_waits(lms: Lms) -> None:
    client = browser(lms.furnished)
    lms.deep_link(client)

    assert choose(client).status_code == 422
    assert choose(client, item=ENTRY).status_code == 200


def test_a_learner_is_sent_away_and_leaves_nothing(lms: Lms) -> None:
    client = browser(lms.furnished)

    answer = lms.deep_link(client, {ROLES: LEARNER})

    assert answer.status_code == 403
    assert "launch_role" in answer.text
    assert client.get("/deep-link").status_code == 403


def test_a_learners_session_opens_no_choice(lms: Lms) -> None:
    client = browser(lms.furnished)
    lms.launch(client)

    assert client.get("/deep-link").status_code == 403
    token = csrf_of(client.get("/learner").text)
    for path in ("", "/cancel", "/class-run"):
        answer = client.post(f"/deep-link{path}", data={"csrf_token": token, "item": ENTRY, "class_run": RUN})
        assert answer.status_code == 403


def test_an_unlinked_course_is_linked_first_and_who_did_it_is_recorded(lms: Lms) -> None:
    house, client = lms.furnished.house, browser(lms.furnished)
    lms.deep_link(client, UNLINKED)
    assert "这门课程是哪个班次" in client.get("/deep-link").text

    assert choose(client, "/class-run", class_run=RUN).status_code == 303

    with house.uow.for_institution(ORG, read_only=True) as tx:
        (change,) = house.at(tx).links.context_changes(PLATFORM, "course-new")
        teacher = house.at(tx).identity.account_for(PLATFORM, "lms-user-2001")
    assert teacher is not None
    assert (change.class_run_id, change.changed_by) == (RUN, teacher.account_id)
    assert change.changed_at == lms.furnished.clock.now()
    assert choose(client, item=ENTRY).status_code == 200
    assert lms.launch(browser(lms.furnished), UNLINKED).status_code == 303


@pytest.mark.parametrize("run", [OTHER_RUN, "run_made_up"])
def test_a_course_is_linked_to_no_class_run_of_others(lms: Lms, run: str) -> None:
    client = browser(lms.furnished)
    lms.deep_link(client, UNLINKED)

    answer = choose(client, "/class-run", class_run=run)

    assert answer.status_code == 422
    assert "link_target_unknown" in answer.text


def test_a_linked_course_keeps_its_class_run(lms: Lms) -> None:
    client = browser(lms.furnished)
    lms.deep_link(client)

    answer = choose(client, "/class-run", class_run=RUN)
    assert answer.status_code == 303

    with lms.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        assert lms.furnished.house.at(tx).links.context_changes(PLATFORM, "demo-course-1") == []


def test_without_a_course_the_link_alone_carries_the_class_run(lms: Lms) -> None:
    client = browser(lms.furnished)
    lms.deep_link(client, {CONTEXT: None})
    assert "用电与消防安全基础" in client.get("/deep-link").text
    page = client.get(f"/deep-link?class_run={RUN}")

    answer = client.post(
        "/deep-link", data={"csrf_token": csrf_of(page.text), "item": ENTRY, "class_run": RUN}
    )

    (item,) = items(lms, answer)
    assert item["custom"] == {"anxue_item": "entry", "anxue_class_run": RUN}


def test_a_platform_that_takes_no_links_is_told_so(lms: Lms) -> None:
    client = browser(lms.furnished)
    lms.deep_link(client, settings={"accept_types": ["link"]})

    assert "deep-link-no-links" in client.get("/deep-link").text
    assert items(lms, choose(client, "/cancel")) == []


def test_a_form_without_its_token_chooses_nothing(lms: Lms) -> None:
    client = browser(lms.furnished)
    lms.deep_link(client)

    assert client.post("/deep-link", data={"item": ENTRY}).status_code == 400
    assert choose(client, item=ENTRY).status_code == 200
