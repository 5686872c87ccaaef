"""Deep linking, submission review and proctoring of the demo LMS: the tool's right messages, and wrong ones refused."""

import json
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from plugins.simulators.demo_lms import tool_documents
from plugins.simulators.demo_lms.desk import Desk
from plugins.simulators.demo_lms.names import (
    ACS,
    AGS_ENDPOINT,
    ATTEMPT_NUMBER,
    CONTENT_ITEMS,
    CUSTOM,
    DEPLOYMENT_ID,
    DL_DATA,
    DL_SETTINGS,
    END_RETURN,
    ERROR_MESSAGE,
    FOR_USER,
    MESSAGE_TYPE,
    RESOURCE_LINK,
    SESSION_DATA,
    START_URL,
    TARGET_LINK_URI,
    VERIFIED_USER,
    VERSION,
)
from tests.lti.platform import compact
from tests.plugins.simulators.demo_lms_server import BRIDGE, TOOL_KEY, DemoLmsServer, server
from tests.plugins.simulators.test_demo_lms_launch import form_of
from tests.plugins.simulators.test_demo_lms_services import bearer

__all__ = ["server"]

CONTROL = "https://purl.imsglobal.org/spec/lti-ap/scope/control.all"
CONTROL_TYPE = "application/vnd.ims.lti-ap.v1.control+json"
LEFT_OUT = object()
_nonces = iter(range(10_000))


class Visitor(requests.Session):
    """A browser with somebody signed in."""

    def __init__(self, server: DemoLmsServer, sub: str) -> None:
        super().__init__()
        self.server = server
        server.sign_in(self, sub)

    def signed(self, reply: requests.Response) -> dict[str, Any]:
        """Follow a login initiation as the tool would; return the claims that come to it."""
        login = {
            key: values[0] for key, values in parse_qs(urlsplit(reply.headers["Location"]).query).items()
        }
        asked = {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
            "prompt": "none",
            "client_id": login["client_id"],
            "redirect_uri": f"{BRIDGE}/lti/launch",
            "login_hint": login["login_hint"],
            "lti_message_hint": login["lti_message_hint"],
            "state": "state-1",
            "nonce": "nonce-1",
        }
        token = form_of(self.get(f"{self.server.url}/lti/auth", params=asked).text)["id_token"]
        keys = KeySet.import_key_set(requests.get(f"{self.server.url}/lti/jwks", timeout=5).json())
        claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
        assert claims[TARGET_LINK_URI] == login["target_link_uri"]
        return claims

    def opened(self, path: str) -> dict[str, Any]:
        return self.signed(self.get(f"{self.server.url}{path}", allow_redirects=False))

    def posted(self, path: str, **form: str) -> requests.Response:
        form["form_token"] = self.server.form_token(self, "/quiz")
        return self.post(f"{self.server.url}{path}", data=form, allow_redirects=False)


@pytest.fixture
def teacher(server: DemoLmsServer) -> Iterator[Visitor]:
    with Visitor(server, "lms-user-2001") as visitor:
        yield visitor


@pytest.fixture
def learner(server: DemoLmsServer) -> Iterator[Visitor]:
    with Visitor(server, "lms-user-1001") as visitor:
        yield visitor


def message(
    server: DemoLmsServer,
    message_type: str,
    *,
    key: RSAKey = TOOL_KEY,
    kid: str = "tool-1",
    alg: str = "RS256",
    **changed: Any,
) -> str:
    """Return what the tool signs, claims changed (LEFT_OUT: left out); a header member that is "" is left out."""
    now = int(server.clock.now().timestamp())
    claims = {
        "iss": "anxue-demo",
        "aud": server.url,
        "iat": now,
        "exp": now + 300,
        "nonce": f"nonce-of-the-tool-{next(_nonces)}",
        MESSAGE_TYPE: message_type,
        VERSION: "1.3.0",
        DEPLOYMENT_ID: "1",
        **changed,
    }
    told = {name: value for name, value in claims.items() if value is not LEFT_OUT}
    header = {"alg": alg, "typ": "JWT", "kid": kid}
    return compact({name: value for name, value in header.items() if value}, json.dumps(told).encode(), key)


def bring(visitor: Visitor, path: str, document: str) -> requests.Response:
    return visitor.post(f"{visitor.server.url}{path}", data={"JWT": document}, allow_redirects=False)


ITEM: dict[str, Any] = {
    "type": "ltiResourceLink",
    "title": "第一单元（安学桥）",
    "url": f"{BRIDGE}/lti/launch",
    "custom": {"anxue_unit": "unit-1"},
    "lineItem": {"scoreMaximum": 10, "resourceId": "unit-1"},
}


def chosen(visitor: Visitor, items: list[Any], **changed: Any) -> str:
    settings = visitor.opened("/deep-links/choose")[DL_SETTINGS]
    claims = {CONTENT_ITEMS: items, DL_DATA: settings["data"], **changed}
    return message(visitor.server, "LtiDeepLinkingResponse", **claims)


def test_what_a_teacher_chooses_stands_in_the_course_and_launches(
    server: DemoLmsServer, teacher: Visitor, learner: Visitor
) -> None:
    request = teacher.opened("/deep-links/choose")
    assert request[MESSAGE_TYPE] == "LtiDeepLinkingRequest"
    assert RESOURCE_LINK not in request
    assert request[DL_SETTINGS]["deep_link_return_url"] == f"{server.url}/lti/deep-links"

    page = bring(
        teacher,
        "/lti/deep-links",
        chosen(teacher, [ITEM, {"type": "link", "title": "x", "url": "https://x.example/"}]),
    )

    assert page.status_code == 200
    assert ITEM["title"] in page.text
    assert ITEM["title"] in learner.get(f"{server.url}/course").text
    claims = learner.opened("/deep-links/1")
    assert claims[RESOURCE_LINK] == {"id": "item-1", "title": ITEM["title"]}
    assert claims[CUSTOM] == ITEM["custom"]
    assert claims[TARGET_LINK_URI] == ITEM["url"]
    column = requests.get(
        claims[AGS_ENDPOINT]["lineitem"],
        headers=bearer(server, "https://purl.imsglobal.org/spec/lti-ags/scope/lineitem.readonly"),
        timeout=5,
    ).json()
    assert (column["scoreMaximum"], column["resourceLinkId"]) == (10, "item-1")
    assert (
        learner.get(f"{server.url}/deep-links/2", allow_redirects=False).headers["Location"]
        == "https://x.example/"
    )
    assert learner.get(f"{server.url}/deep-links/3").status_code == 404


def test_a_response_is_taken_once_and_choosing_nothing_is_right(teacher: Visitor) -> None:
    document = chosen(teacher, [ITEM])
    assert bring(teacher, "/lti/deep-links", document).status_code == 200
    again = bring(teacher, "/lti/deep-links", document)
    assert again.status_code == 400
    assert "it came before" in again.text
    assert "没有选择内容" in bring(teacher, "/lti/deep-links", chosen(teacher, [])).text


def test_the_answer_to_one_request_does_not_answer_another(teacher: Visitor) -> None:
    data = teacher.opened("/deep-links/choose")[DL_SETTINGS]["data"]
    assert bring(teacher, "/lti/deep-links", chosen(teacher, [], **{DL_DATA: data})).status_code == 200
    assert "answered before" in bring(teacher, "/lti/deep-links", chosen(teacher, [], **{DL_DATA: data})).text


def test_the_data_of_a_deep_link_is_no_message_hint(server: DemoLmsServer, teacher: Visitor) -> None:
    data = teacher.opened("/deep-links/choose")[DL_SETTINGS]["data"]
    asked = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": "anxue-demo",
        "redirect_uri": f"{BRIDGE}/lti/launch",
        "login_hint": "lms-user-2001",
        "lti_message_hint": data,
        "state": "s",
        "nonce": "n",
    }
    assert form_of(teacher.get(f"{server.url}/lti/auth", params=asked).text)["error"] == "invalid_request"


STRANGER = RSAKey.generate_key(2048, {"kid": "tool-1"})


def test_a_response_that_is_wrong_in_one_thing_is_refused(server: DemoLmsServer, teacher: Visitor) -> None:
    now = int(server.clock.now().timestamp())
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"key": STRANGER}, "signature"),
        ({"kid": "tool-9"}, "kid"),
        ({"kid": ""}, "alg and kid"),
        ({"alg": "RS512"}, "alg and kid"),
        ({"alg": "none"}, "alg and kid"),
        ({"iss": server.url}, "iss"),
        ({"iss": LEFT_OUT}, "iss"),
        ({"aud": "https://another.example"}, "aud"),
        ({"aud": [server.url, "https://another.example"]}, "aud"),
        ({"azp": "another"}, "aud"),
        ({"exp": now - 61}, "exp or iat"),
        ({"exp": LEFT_OUT}, "exp and iat"),
        ({"exp": now + 3600}, "ten minutes"),
        ({"iat": now - 601, "exp": now - 10}, "exp or iat"),
        ({"iat": now + 61}, "exp or iat"),
        ({MESSAGE_TYPE: "LtiStartAssessment"}, "message_type"),
        ({VERSION: "1.1"}, "version"),
        ({DEPLOYMENT_ID: "2"}, "deployment_id"),
        ({"nonce": LEFT_OUT}, "nonce"),
        ({DL_DATA: LEFT_OUT}, "data"),
        ({DL_DATA: "deep-linking:made-up"}, "data"),
        ({CONTENT_ITEMS: {}}, "content_items"),
        ({CONTENT_ITEMS: [ITEM] * 21}, "content_items"),
        ({CONTENT_ITEMS: [{**ITEM, "type": "html"}]}, "type of"),
        ({CONTENT_ITEMS: [{**ITEM, "title": ""}]}, "title of"),
        ({CONTENT_ITEMS: [{**ITEM, "url": "https://evil.example/"}]}, "not the tool&#39;s own"),
        ({CONTENT_ITEMS: [{**ITEM, "url": 7}]}, "url of"),
        ({CONTENT_ITEMS: [{**ITEM, "custom": {"a": 1}}]}, "custom of"),
        ({CONTENT_ITEMS: [{**ITEM, "lineItem": {"scoreMaximum": 0}}]}, "lineItem of"),
        ({CONTENT_ITEMS: [{"type": "link", "title": "x", "url": "javascript:alert(1)"}]}, "url of"),
    ]
    for changed, what in wrong:
        reply = bring(teacher, "/lti/deep-links", chosen(teacher, [ITEM], **changed))
        assert (reply.status_code, what in reply.text) == (400, True), (changed, reply.text)
    for document in ("", "a.b.c", "x" * 200_000):
        assert bring(teacher, "/lti/deep-links", document).status_code in (400, 413)
    assert "教师添加的内容" not in teacher.get(f"{server.url}/course").text


def test_learners_choose_nothing_and_review_nobody(server: DemoLmsServer, learner: Visitor) -> None:
    for path in ("/deep-links/choose", "/reviews/lms-user-1002"):
        assert learner.get(f"{server.url}{path}", allow_redirects=False).status_code == 403


def test_a_teacher_takes_no_test(teacher: Visitor) -> None:
    assert teacher.posted("/proctored").status_code == 403


def test_while_the_tools_keys_cannot_be_read_nothing_is_believed_or_refused_for_good(
    server: DemoLmsServer, teacher: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = chosen(teacher, [ITEM])
    right = server.desk.lms.tool
    monkeypatch.setattr(tool_documents, "desk", lambda: replace_keys(server, f"{BRIDGE}/lti/jwks"))
    assert bring(teacher, "/lti/deep-links", document).status_code == 503
    monkeypatch.setattr(tool_documents, "desk", lambda: replace_keys(server, right.jwks_url))
    assert bring(teacher, "/lti/deep-links", document).status_code == 200


def replace_keys(server: DemoLmsServer, url: str) -> Desk:
    desk: Desk = server.desk
    lms = desk.lms
    return replace(desk, lms=replace(lms, tool=lms.tool.model_copy(update={"jwks_url": url})))


def test_a_teacher_opens_a_learners_work(server: DemoLmsServer, teacher: Visitor) -> None:
    claims = teacher.opened("/reviews/lms-user-1001")

    assert claims[MESSAGE_TYPE] == "LtiSubmissionReviewRequest"
    assert claims[FOR_USER]["user_id"] == "lms-user-1001"
    assert claims[AGS_ENDPOINT]["lineitem"]
    assert teacher.get(f"{server.url}/reviews/lms-user-2001").status_code == 404


def permitted(visitor: Visitor, asked: dict[str, Any], **changed: Any) -> str:
    claims = {
        SESSION_DATA: asked[SESSION_DATA],
        ATTEMPT_NUMBER: asked[ATTEMPT_NUMBER],
        RESOURCE_LINK: {"id": "quiz-1"},
        END_RETURN: True,
        **changed,
    }
    return message(visitor.server, "LtiStartAssessment", **claims)


def ask_to_start(visitor: Visitor) -> dict[str, Any]:
    return visitor.signed(visitor.posted("/proctored"))


def started(visitor: Visitor) -> tuple[dict[str, Any], str]:
    """Return what the tool was asked, and the address of the running attempt."""
    asked = ask_to_start(visitor)
    reply = bring(visitor, "/lti/start-assessment", permitted(visitor, asked))
    assert reply.status_code == 303, reply.text
    return asked, reply.headers["Location"]


def test_a_proctored_quiz_runs_from_permission_to_end(server: DemoLmsServer, learner: Visitor) -> None:
    asked, place = started(learner)
    assert asked[MESSAGE_TYPE] == "LtiStartProctoring"
    assert asked[START_URL] == f"{server.url}/lti/start-assessment"
    assert asked[ATTEMPT_NUMBER] == 1
    assert asked[ACS]["actions"] == ["flag", "pause", "resume", "terminate", "update"]
    assert learner.posted(f"{place}/end").status_code == 409
    assert 'data-testid="option-1-1"' in learner.get(f"{server.url}{place}").text

    end = learner.signed(
        learner.posted(f"{place}/answers", **{"0": "1", "1": "1", "2": "2", "3": "1", "4": "2"})
    )

    assert end[MESSAGE_TYPE] == "LtiEndAssessment"
    assert end[ATTEMPT_NUMBER] == 1
    assert ERROR_MESSAGE not in end
    attempt = place.rpartition("/")[2]
    kept = server.desk.store.attempt(attempt, "lms-user-1001")
    assert kept is not None
    assert kept.score == "100"
    assert learner.posted(f"{place}/answers").status_code == 409
    assert ask_to_start(learner)[ATTEMPT_NUMBER] == 2


def test_a_permission_that_is_wrong_in_one_thing_starts_nothing(
    server: DemoLmsServer, learner: Visitor
) -> None:
    asked = ask_to_start(learner)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({SESSION_DATA: "made-up"}, "session_data"),
        ({SESSION_DATA: LEFT_OUT}, "session_data"),
        ({ATTEMPT_NUMBER: 2}, "attempt_number"),
        ({ATTEMPT_NUMBER: "1"}, "attempt_number"),
        ({RESOURCE_LINK: {"id": "unit-1"}}, "resource_link"),
        ({RESOURCE_LINK: LEFT_OUT}, "resource_link"),
        ({END_RETURN: "yes"}, "end_assessment_return"),
        ({VERIFIED_USER: {"given_name": "别人"}}, "verified_user"),
        ({MESSAGE_TYPE: "LtiDeepLinkingResponse"}, "message_type"),
        ({"aud": "https://another.example"}, "aud"),
        ({"key": STRANGER}, "signature"),
    ]
    for changed, what in wrong:
        reply = bring(learner, "/lti/start-assessment", permitted(learner, asked, **changed))
        assert (reply.status_code, what in unescape(reply.text)) == (400, True), changed
    names = {VERIFIED_USER: {"given_name": "晓安", "family_name": "陈"}}
    assert bring(learner, "/lti/start-assessment", permitted(learner, asked, **names)).status_code == 303
    again = bring(learner, "/lti/start-assessment", permitted(learner, asked))
    assert "started before" in again.text


def control(
    server: DemoLmsServer, headers: dict[str, str], action: str, /, **changed: Any
) -> requests.Response:
    body = {
        "user": {"iss": server.url, "sub": "lms-user-1001"},
        "resource_link": {"id": "quiz-1"},
        "attempt_number": 1,
        "action": action,
        "incident_time": "2026-11-23T08:00:00.000Z",
        "incident_severity": 0.5,
        "reason_code": "face_missing",
        **changed,
    }
    told = {"Content-Type": CONTROL_TYPE, **headers}
    return requests.post(f"{server.url}/lti/assessment-control", json=body, headers=told, timeout=5)


def test_the_tool_controls_a_running_attempt(server: DemoLmsServer, learner: Visitor) -> None:
    _, place = started(learner)
    headers, page = bearer(server, CONTROL), f"{server.url}{place}"

    assert control(server, headers, "flag").json() == {"status": "running", "extra_time": 0}
    assert control(server, headers, "pause").json()["status"] == "paused"
    assert "暂停" in learner.get(page).text
    assert learner.posted(f"{place}/answers").status_code == 409
    assert control(server, headers, "resume").json()["status"] == "running"
    assert control(server, headers, "update", extra_time=15).json()["extra_time"] == 15
    assert "加时 15 分钟" in learner.get(page).text
    assert control(server, headers, "terminate").json()["status"] == "terminated"
    assert learner.posted(f"{place}/answers").status_code == 409
    assert control(server, headers, "resume").status_code == 409
    end = learner.signed(learner.posted(f"{place}/end"))
    assert end[MESSAGE_TYPE] == "LtiEndAssessment"
    assert end[ERROR_MESSAGE]
    seen = requests.get(f"{server.url}/simulator/assessment-control", timeout=5).json()["actions"]
    assert [each["action"] for each in seen] == ["terminate", "update", "resume", "pause", "flag"]


def test_control_is_taken_strictly(server: DemoLmsServer, learner: Visitor) -> None:
    started(learner)
    headers = bearer(server, CONTROL)
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"action": "stop"}, 400),
        ({"user": {"iss": "https://another.example", "sub": "lms-user-1001"}}, 400),
        ({"user": {"iss": server.url, "sub": "lms-user-1002"}}, 404),
        ({"resource_link": {"id": "unit-1"}}, 400),
        ({"attempt_number": 2}, 404),
        ({"attempt_number": "1"}, 404),
        ({"incident_severity": 2}, 400),
        ({"incident_time": "soon"}, 400),
        ({"incident_time": None}, 400),
        ({"extra_time": -1}, 400),
    ]
    for changed, status in wrong:
        assert control(server, headers, "flag", **changed).status_code == status, changed
    assert control(server, {**headers, "Content-Type": "application/json"}, "flag").status_code == 415
    assert control(server, bearer(server, jti="j2"), "flag").status_code == 403
    assert control(server, {}, "flag").status_code == 401
    assert requests.get(f"{server.url}/simulator/assessment-control", timeout=5).json()["actions"] == []


def test_nobody_takes_anothers_attempt(server: DemoLmsServer, learner: Visitor) -> None:
    _, place = started(learner)
    with Visitor(server, "lms-user-1002") as other:
        assert other.get(f"{server.url}{place}").status_code == 404
        assert other.posted(f"{place}/answers").status_code == 404
    assert learner.post(f"{server.url}{place}/answers", data={}).status_code == 403
