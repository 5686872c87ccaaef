"""Attacks on what launches open, over HTTP on both databases: forged choices, replayed starts, foreign addresses."""

import base64
import json
import re
from collections.abc import Sequence
from html import unescape
from typing import Any

import pytest
import requests

from bridge.presence.challenge import Move
from lti.claims import AGS_ENDPOINT, CONTEXT, FOR_USER, MESSAGE_TYPE, RESOURCE_LINK, ROLES
from lti.deep_linking import DEEP_LINKING_SETTINGS
from lti.proctoring import ACS, ATTEMPT_NUMBER, ERROR_MESSAGE, SESSION_DATA, START_ASSESSMENT_URL
from tests.attacks.doors.people import Person
from tests.attacks.doors.server import BridgeServer, refused
from tests.lti.platform import TEACHER
from tests.presence.pictures import MOVING, picture

CUSTOM = "https://purl.imsglobal.org/spec/lti/claim/custom"
RUN = "run_demo"
HTML = {"Accept": "text/html"}
LAUNCH_TRACES = ("lti_used_state", "lti_registration", "lti_deployment", "lti_warning")


def choose_content(
    bridge: BridgeServer, browser: requests.Session, person: Person, **settings: Any
) -> requests.Response:
    """Send a teacher to choose; what the platform says of the item is full of the person."""
    asked = {
        "deep_link_return_url": f"{bridge.platform.issuer}/return",
        "accept_types": ["ltiResourceLink"],
        "accept_presentation_document_targets": ["window"],
        "title": f"{person.name} {person.phone}",
        "text": person.email,
        "data": f"{person.name}|{person.phone}",
        **settings,
    }
    return bridge.launch(
        browser,
        person,
        **{
            MESSAGE_TYPE: "LtiDeepLinkingRequest",
            ROLES: TEACHER,
            RESOURCE_LINK: None,
            DEEP_LINKING_SETTINGS: asked,
        },
    )


def start(
    bridge: BridgeServer, browser: requests.Session, person: Person, attempt: int = 1, **claims: Any
) -> requests.Response:
    """Send a learner to be checked before the test."""
    return bridge.launch(browser, person, **started_claims(bridge, person, attempt, **claims))


def started_claims(bridge: BridgeServer, person: Person, attempt: int, **claims: Any) -> dict[str, Any]:
    return {
        MESSAGE_TYPE: "LtiStartProctoring",
        RESOURCE_LINK: {"id": "quiz-1", "title": person.name},
        START_ASSESSMENT_URL: f"{bridge.platform.issuer}/start",
        SESSION_DATA: f"secret of attempt {attempt} of {person.name}",
        ATTEMPT_NUMBER: attempt,
        ACS: {"assessment_control_url": f"{bridge.platform.issuer}/control", "actions": ["flag"]},
        **claims,
    }


def csrf(bridge: BridgeServer, browser: requests.Session, path: str) -> str:
    page = browser.get(bridge.origin + path, headers=HTML).text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page) or re.search(r'data-csrf="([^"]+)"', page)
    assert found is not None, page
    return unescape(found[1])


def post(
    bridge: BridgeServer, browser: requests.Session, path: str, token: str, **form: str
) -> requests.Response:
    return browser.post(bridge.origin + path, data={"csrf_token": token, **form}, allow_redirects=False)


def carried(answer: requests.Response) -> dict[str, Any]:
    """Return the claims that a posting page carries (unverified)."""
    assert answer.status_code == 200, answer.text
    found = re.search(r'name="JWT" value="([^"]+)"', answer.text)
    assert found is not None
    part = found[1].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def pass_the_check(bridge: BridgeServer, browser: requests.Session, gate: str, token: str) -> None:
    """Do what the gate's page does with an honest learner before it."""
    gate_token = post(bridge, browser, f"{gate}/token", token).json()["token"]
    opened = bridge.post("/agent/v1/sessions", {"v": 1, "token": gate_token}).json()
    bearer = f"Bearer {opened['secret']}"
    (check,) = [one["check"] for one in opened["commands"] if one["type"] == "check"]
    pictures: Sequence[str] = ("0",)
    while pictures:
        state = bridge.get(f"/agent/v1/checks/{check}", Authorization=bearer).json()
        for says in pictures:
            bridge.post(
                f"/agent/v1/checks/{check}/frames",
                picture(says),
                Content_Type="image/jpeg",
                Authorization=bearer,
                X_Anxue_Nonce=state["nonce"],
            )
        bridge.drain()
        step = bridge.get(f"/agent/v1/checks/{check}", Authorization=bearer).json()["step"]
        pictures = () if step is None else MOVING[Move(step["move"])]


# ---- deep linking -------------------------------------------------------------------------------------------


def test_a_learner_forges_no_choice(bridge: BridgeServer) -> None:
    learner = bridge.browser()
    bridge.launch(learner, bridge.someone_again())
    token = csrf(bridge, learner, "/learner")

    for path in ("/deep-link", "/deep-link/cancel", "/deep-link/class-run"):
        with bridge.unchanged("web_session"):
            answer = post(bridge, learner, path, token, item=f"entry|{RUN}|", class_run=RUN)
        refused(answer, 403, "launch_required")


def test_a_learners_deep_linking_launch_leaves_nothing(bridge: BridgeServer) -> None:
    browser, person = bridge.browser(), bridge.someone_again()
    asked = {
        "deep_link_return_url": f"{bridge.platform.issuer}/return",
        "accept_types": ["ltiResourceLink"],
        "accept_presentation_document_targets": ["window"],
    }

    with bridge.unchanged(*LAUNCH_TRACES):
        answer = bridge.launch(
            browser,
            person,
            **{MESSAGE_TYPE: "LtiDeepLinkingRequest", RESOURCE_LINK: None, DEEP_LINKING_SETTINGS: asked},
        )

    refused(answer, 403, "launch_role")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/return",
        "//evil.example/return",
        "javascript:alert(1)",
        "http://127.0.0.1:1/return",
        "http://lms.example@evil.example/",
        'https://evil.example/"><script>',
    ],
)
def test_no_choice_is_sent_to_a_foreign_address(bridge: BridgeServer, url: str) -> None:
    with bridge.unchanged(*LAUNCH_TRACES):
        answer = choose_content(bridge, bridge.browser(), bridge.someone_again(), deep_link_return_url=url)

    refused(answer, 403, "deep_link_return_url_foreign")


def test_a_choice_is_answered_once_and_carries_the_platforms_data_unread(bridge: BridgeServer) -> None:
    browser, person = bridge.browser(), bridge.someone()
    assert choose_content(bridge, browser, person).status_code == 303
    token = csrf(bridge, browser, "/deep-link")

    claims = carried(post(bridge, browser, "/deep-link", token, item=f"entry|{RUN}|"))

    assert claims["https://purl.imsglobal.org/spec/lti-dl/claim/data"] == f"{person.name}|{person.phone}"
    refused(post(bridge, browser, "/deep-link", token, item=f"entry|{RUN}|"), 409, "deep_link_over")


@pytest.mark.parametrize(
    "item", ["entry|run_other|", f"unit|{RUN}|x", f"gate|{RUN}|unit_fire", "'; DROP TABLE", "\x00"]
)
def test_a_forged_item_is_not_signed(bridge: BridgeServer, item: str) -> None:
    browser = bridge.browser()
    choose_content(bridge, browser, bridge.someone_again())
    token = csrf(bridge, browser, "/deep-link")

    with bridge.unchanged("web_session"):
        refused(post(bridge, browser, "/deep-link", token, item=item), 422, "link_target_unknown")


@pytest.mark.parametrize("run", ["run_other", "x" * 300, "\x00", ""])
def test_a_course_is_linked_to_no_class_run_that_is_not_there(bridge: BridgeServer, run: str) -> None:
    browser = bridge.browser()
    bridge.launch(
        browser,
        bridge.someone_again(),
        **{
            MESSAGE_TYPE: "LtiDeepLinkingRequest",
            ROLES: TEACHER,
            RESOURCE_LINK: None,
            CONTEXT: {"id": "a new course"},
            DEEP_LINKING_SETTINGS: {
                "deep_link_return_url": f"{bridge.platform.issuer}/return",
                "accept_types": ["ltiResourceLink"],
                "accept_presentation_document_targets": ["window"],
            },
        },
    )
    token = csrf(bridge, browser, "/deep-link")

    with bridge.unchanged("web_session"):
        assert post(bridge, browser, "/deep-link/class-run", token, class_run=run).status_code in (400, 422)


@pytest.mark.parametrize(
    ("custom", "reason"),
    [
        ({"anxue_item": "entry", "anxue_class_run": "run_other"}, "link_target_unknown"),
        ({"anxue_item": "gate", "anxue_class_run": RUN, "anxue_unit": "unit_fire"}, "link_target_unknown"),
        ({"anxue_item": "unit", "anxue_class_run": RUN}, "link_malformed"),
        ({"anxue_item": "entry", "anxue_class_run": "' OR 1=1"}, "link_malformed"),
    ],
)
def test_a_made_up_link_lets_nobody_in_and_leaves_nothing(
    bridge: BridgeServer, custom: dict[str, str], reason: str
) -> None:
    with bridge.unchanged(*LAUNCH_TRACES):
        answer = bridge.launch(bridge.browser(), bridge.someone_again(), **{CUSTOM: custom})

    refused(answer, 422, reason)


# ---- the gate -------------------------------------------------------------------------------------------------


def test_a_start_is_taken_once(bridge: BridgeServer) -> None:
    browser, person = bridge.browser(), bridge.someone()
    going = bridge.login(browser)
    claims = {**bridge.personal_claims(person), **started_claims(bridge, person, 1)}
    form = {"state": going["state"], "id_token": bridge.platform.token(going["nonce"], **claims)}
    assert bridge.send_launch(browser, form).status_code == 303

    with bridge.unchanged():
        refused(bridge.send_launch(browser, form), 401, "state_unknown")
    # Nor does another browser get anywhere with it.
    with bridge.unchanged():
        refused(bridge.send_launch(bridge.browser(), form), 401, "browser_mismatch")


@pytest.mark.parametrize("url", ["https://evil.example/start", "//evil.example/", "javascript:alert(1)"])
def test_no_permission_is_sent_to_a_foreign_address(bridge: BridgeServer, url: str) -> None:
    with bridge.unchanged(*LAUNCH_TRACES):
        answer = start(bridge, bridge.browser(), bridge.someone_again(), 1, **{START_ASSESSMENT_URL: url})

    refused(answer, 403, "start_assessment_url_foreign")


def test_without_a_real_name_nothing_opens(bridge: BridgeServer) -> None:
    browser = bridge.browser()
    gate = start(bridge, browser, bridge.someone_again(), 40).headers["Location"]
    token = csrf(bridge, browser, "/learner")
    gate_token = post(bridge, browser, f"{gate}/token", token).json()["token"]

    told = refused(
        bridge.post("/agent/v1/sessions", {"v": 1, "token": gate_token}), 403, "real_name_required"
    )
    assert told["url"].endswith(gate)
    refused(post(bridge, browser, f"{gate}/start", token), 409, "start_check_required")


def test_each_attempt_carries_its_own_session_data_and_its_own_check(bridge: BridgeServer) -> None:
    person, _ = bridge.ready()
    browser = bridge.browser()
    first = start(bridge, browser, person, 1).headers["Location"]
    second = start(bridge, browser, person, 2).headers["Location"]
    token = csrf(bridge, browser, second)
    pass_the_check(bridge, browser, second, token)

    refused(post(bridge, browser, f"{first}/start", token), 409, "start_check_required")
    claims = carried(browser.post(f"{bridge.origin}{second}/start", data={"csrf_token": token}, headers=HTML))
    assert claims[ATTEMPT_NUMBER] == 2
    assert claims[SESSION_DATA] == f"secret of attempt 2 of {person.name}"
    # Answered once: a permission is not signed again for a test that runs.
    refused(post(bridge, browser, f"{second}/start", token), 409, "start_asked_already")


def test_a_learner_reaches_no_attempt_of_another(bridge: BridgeServer) -> None:
    (victim, _), (thief, _) = bridge.ready(), bridge.ready()
    theirs, mine = bridge.browser(), bridge.browser()
    gate = start(bridge, theirs, victim).headers["Location"]
    own = start(bridge, mine, thief).headers["Location"]
    token = csrf(bridge, mine, own)
    pass_the_check(bridge, mine, own, token)

    with bridge.unchanged("web_session"):
        refused(mine.get(bridge.origin + gate), 404, "attempt_unknown")
        refused(mine.get(f"{bridge.origin}{gate}/state"), 404, "attempt_unknown")
        for path in ("token", "start", "finish"):
            refused(post(bridge, mine, f"{gate}/{path}", token), 404, "attempt_unknown")


@pytest.mark.parametrize(
    "token",
    [
        "gate~org_demo~tat_1~99999999999~aa~" + "0" * 64,
        "gate~org_demo~tat_1~x~aa~bb",
        "gate~",
        "gate~~~~~",
        "gate~org_demo~\x00~1~a~b",
        "gate~" + "é" * 100,
    ],
)
def test_a_made_up_gate_token_opens_nothing(bridge: BridgeServer, token: str) -> None:
    with bridge.unchanged():
        refused(bridge.post("/agent/v1/sessions", {"v": 1, "token": token}), 401, "gate_token_invalid")


def test_forms_of_the_gate_need_their_token(bridge: BridgeServer) -> None:
    browser = bridge.browser()
    gate = start(bridge, browser, bridge.someone_again(), 41).headers["Location"]

    for path in ("token", "start", "finish"):
        with bridge.unchanged("web_session"):
            refused(browser.post(f"{bridge.origin}{gate}/{path}"), 400, "csrf_failed")


def test_an_end_ends_the_own_attempt_alone_and_tells_the_platforms_words_once(bridge: BridgeServer) -> None:
    person, _ = bridge.ready()
    browser, other = bridge.browser(), bridge.browser()
    gate = start(bridge, browser, person).headers["Location"]
    over = {
        MESSAGE_TYPE: "LtiEndAssessment",
        RESOURCE_LINK: {"id": "quiz-1"},
        ATTEMPT_NUMBER: 1,
        ERROR_MESSAGE: f"{person.name} 超时",
    }
    refused(bridge.launch(other, bridge.someone(), **over), 404, "attempt_unknown")
    assert browser.get(f"{bridge.origin}{gate}/state").json()["state"] == "waiting"

    assert bridge.launch(browser, person, **over).headers["Location"] == gate
    shown = browser.get(bridge.origin + gate, headers=HTML).text
    assert person.name in shown
    assert person.name not in browser.get(bridge.origin + gate, headers=HTML).text


# ---- submission review ------------------------------------------------------------------------------------------


def review(
    bridge: BridgeServer, browser: requests.Session, who: Person, sub: str, **claims: Any
) -> requests.Response:
    return bridge.launch(
        browser,
        who,
        **{
            MESSAGE_TYPE: "LtiSubmissionReviewRequest",
            ROLES: TEACHER,
            FOR_USER: {"user_id": sub},
            AGS_ENDPOINT: {"scope": [], "lineitem": f"{bridge.platform.issuer}/lineitems/1"},
            **claims,
        },
    )


def test_a_learner_reviews_nobody_and_an_unknown_learner_is_not_reviewed(bridge: BridgeServer) -> None:
    person, _ = bridge.ready()
    someone = bridge.someone_again()

    with bridge.unchanged(*LAUNCH_TRACES):
        answer = review(bridge, bridge.browser(), someone, person.sub, **{ROLES: []})
    assert (answer.status_code, answer.json()["reason"] in ("launch_role", "for_user_foreign")) == (403, True)
    with bridge.unchanged(*LAUNCH_TRACES):
        refused(review(bridge, bridge.browser(), someone, "nobody"), 403, "review_learner_unknown")


def test_a_review_shows_a_masked_name_alone(bridge: BridgeServer) -> None:
    person, _ = bridge.ready()
    browser = bridge.browser()

    assert review(bridge, browser, bridge.someone(), person.sub).status_code == 303
    page = browser.get(f"{bridge.origin}/submission-review", headers=HTML).text

    assert person.name not in page
    assert person.citizen_id not in page
    assert person.name[0] in page
