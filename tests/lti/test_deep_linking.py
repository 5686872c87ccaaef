"""Deep Linking 2.0: what a platform asks for, and the signed answer that goes back through the browser (C4, C8)."""

import json
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import RSAKey

from lti.claims import DEPLOYMENT_ID, MESSAGE_TYPE, VERSION
from lti.deep_linking import (
    CONTENT_ITEMS,
    DATA,
    DEEP_LINKING_REQUEST,
    DEEP_LINKING_SETTINGS,
    ContentItem,
    DeepLinkingRequest,
    LineItem,
    LinkItem,
    LtiResourceLinkItem,
    Window,
    deep_linking_response_jwt,
)
from lti.errors import LaunchRefused
from lti.launch import Launch
from lti.tool_messages import BrowserPost
from tests.lti.doors import CoreDoor
from tests.lti.message_claims import message_claims, settings
from tests.lti.platform import rsa_key

LINK = LtiResourceLinkItem("第一单元", {"unit": "u1"})


class Desk:
    """A teacher who was sent to choose, and the answers that may come of it."""

    def __init__(self, **changes: Any) -> None:
        self.door = CoreDoor()
        lms = self.door.world.lms
        going = self.door.login()
        claims = message_claims(lms.issuer, DEEP_LINKING_REQUEST)
        claims[DEEP_LINKING_SETTINGS] = settings(lms.issuer, **changes)
        assert self.door.launch(going.state, lms.token(going.nonce, **claims)) == "accepted teacher"
        assert self.door.launched is not None
        self.launch: Launch = self.door.launched
        assert isinstance(self.launch.message, DeepLinkingRequest)
        self.request: DeepLinkingRequest = self.launch.message

    def answer(self, *items: ContentItem, **said: str) -> BrowserPost:
        return deep_linking_response_jwt(
            self.door.tool, self.launch.registration, self.request, items, **said
        )

    def claims(self, *items: ContentItem, **said: str) -> dict[str, Any]:
        return dict(jwt.decode(self.answer(*items, **said).jwt, rsa_key("tool"), ["RS256"]).claims)

    def item(self, item: ContentItem) -> dict[str, Any]:
        (told,) = self.claims(item)[CONTENT_ITEMS]
        assert isinstance(told, dict)
        return told

    def refusal(self, *items: ContentItem) -> str:
        with pytest.raises(LaunchRefused) as refused:
            self.answer(*items)
        return refused.value.reason


def test_the_request_says_what_the_platform_takes() -> None:
    assert Desk().request == DeepLinkingRequest(
        deployment_id="deployment-1",
        return_url="https://lms.example/deep-links?course=1&x=2",
        accept_types=("ltiResourceLink", "link"),
        accept_targets=("iframe", "window"),
        accept_media_types=("text/html", "application/pdf"),
        accept_multiple=True,
        accept_lineitem=True,
        auto_create=True,
        title="第一单元",
        text="受限空间作业",
        data="a.b@c.example 13800138000",
    )


def test_what_the_platform_does_not_say_is_not_assumed() -> None:
    request = Desk(accept_multiple=None, accept_lineitem=None, auto_create=None).request
    assert (request.accept_multiple, request.accept_lineitem, request.auto_create) == (False, None, False)


def test_a_request_cannot_be_changed_and_shows_no_data() -> None:
    request = Desk().request
    with pytest.raises(FrozenInstanceError):
        request.return_url = "https://evil.example/"  # type: ignore[misc]  # what is tested
    assert "13800138000" not in repr(request)


def test_contact_data_in_the_proposed_title_is_gone() -> None:
    assert Desk(title="第一单元 13800138000").request.title == "第一单元"


def test_a_request_outlives_the_launch_in_a_session() -> None:
    request = Desk().request
    assert DeepLinkingRequest.from_json(json.loads(json.dumps(request.to_json()))) == request


def test_the_answer_is_signed_by_the_tool_for_this_platform_alone() -> None:
    desk = Desk()
    post = desk.answer(LINK)
    now = desk.door.world.clock.seconds()
    header = jws.extract_compact(post.jwt.encode()).headers()
    assert (header["alg"], header["kid"], header["typ"]) == ("RS256", "tool-1", "JWT")
    claims = desk.claims(LINK)
    nonce = claims.pop("nonce")
    assert claims == {
        "iss": "client-1",
        "sub": "client-1",
        "aud": "https://lms.example",
        "iat": now,
        "exp": now + 300,
        MESSAGE_TYPE: "LtiDeepLinkingResponse",
        VERSION: "1.3.0",
        DEPLOYMENT_ID: "deployment-1",
        DATA: "a.b@c.example 13800138000",
        CONTENT_ITEMS: [{"type": "ltiResourceLink", "title": "第一单元", "custom": {"unit": "u1"}}],
    }
    assert len(nonce) == 43
    assert desk.claims(LINK)["nonce"] != nonce


def test_the_browser_is_told_where_to_post_it_and_shows_no_token() -> None:
    post = Desk().answer(LINK)
    assert (post.url, post.FIELD) == ("https://lms.example/deep-links?course=1&x=2", "JWT")
    assert post.jwt not in repr(post)


def test_a_stranger_cannot_sign_for_the_tool() -> None:
    post = Desk().answer(LINK)
    stranger: RSAKey = rsa_key("stranger")
    with pytest.raises(Exception, match="bad_signature"):
        jwt.decode(post.jwt, stranger, ["RS256"])


def test_nothing_chosen_is_an_answer_without_items() -> None:
    assert Desk().claims()[CONTENT_ITEMS] == []


def test_data_that_was_not_sent_does_not_come_back() -> None:
    assert DATA not in Desk(data=None).claims(LINK)


def test_what_is_said_to_people_and_logs_has_the_standards_names() -> None:
    claim = "https://purl.imsglobal.org/spec/lti-dl/claim/"
    said = Desk().claims(message="已选", log="a", error_message="未选", error_log="b")
    assert [said[claim + name] for name in ("msg", "log", "errormsg", "errorlog")] == [
        "已选",
        "a",
        "未选",
        "b",
    ]


def test_a_link_tells_all_that_it_holds() -> None:
    beijing = timezone(timedelta(hours=8))
    item = LtiResourceLinkItem(
        title="消防考试",
        custom={"gate": "exam-1"},
        url="https://tool.example/study/unit-1",
        text="闭卷",
        line_item=LineItem("消防考试", Fraction(100), resource_id="exam-1", tag="exam"),
        available=Window(datetime(2026, 12, 1, 8, tzinfo=beijing), datetime(2026, 12, 31, tzinfo=UTC)),
        submission=Window(end=datetime(2026, 12, 31, 0, 0, 0, 999, tzinfo=UTC)),
        target="window",
    )
    assert Desk().item(item) == {
        "type": "ltiResourceLink",
        "url": "https://tool.example/study/unit-1",
        "title": "消防考试",
        "text": "闭卷",
        "lineItem": {"label": "消防考试", "scoreMaximum": 100, "resourceId": "exam-1", "tag": "exam"},
        "window": {"targetName": "_blank"},
        "custom": {"gate": "exam-1"},
        "available": {"startDateTime": "2026-12-01T00:00:00Z", "endDateTime": "2026-12-31T00:00:00Z"},
        "submission": {"endDateTime": "2026-12-31T00:00:00Z"},
    }


def test_a_frame_and_a_maximum_that_is_no_whole_number() -> None:
    told = Desk().item(replace(LINK, target="iframe", line_item=LineItem("a", Fraction(25, 2))))
    assert (told["iframe"], told["lineItem"]) == ({}, {"label": "a", "scoreMaximum": 12.5})


def test_a_plain_link_may_lead_elsewhere() -> None:
    assert Desk().item(LinkItem("法规", "https://www.gov.cn/x")) == {
        "type": "link",
        "url": "https://www.gov.cn/x",
        "title": "法规",
    }


@pytest.mark.parametrize(
    ("reason", "changes", "items"),
    [
        ("content_items_too_many", {"accept_multiple": False}, [LINK, LINK]),
        ("content_items_too_many", {"accept_multiple": None}, [LINK, LINK]),
        ("content_items_too_many", {}, [LINK] * 101),
        ("content_type_not_accepted", {"accept_types": ["link"]}, [LINK]),
        (
            "content_type_not_accepted",
            {"accept_types": ["ltiResourceLink"]},
            [LinkItem("a", "https://a.example/")],
        ),
        (
            "lineitem_not_accepted",
            {"accept_lineitem": False},
            [replace(LINK, line_item=LineItem("a", Fraction(1)))],
        ),
        (
            "document_target_not_accepted",
            {"accept_presentation_document_targets": ["embed"]},
            [replace(LINK, target="window")],
        ),
        ("content_item_foreign", {}, [replace(LINK, url="https://evil.example/study")]),
        ("content_item_foreign", {}, [replace(LINK, url="http://tool.example/study")]),
        ("content_item_foreign", {}, [replace(LINK, url="https://tool.example:8443/study")]),
        ("content_item_invalid", {}, [replace(LINK, url="javascript:alert(1)")]),
        ("content_item_invalid", {}, [replace(LINK, url="https://tool.example/" + "x" * 4096)]),
        ("content_item_invalid", {}, [replace(LINK, title="")]),
        ("content_item_invalid", {}, [replace(LINK, title="题" * 256)]),
        ("content_item_invalid", {}, [replace(LINK, text="x" * 4097)]),
        ("content_item_invalid", {}, [LinkItem("a", "javascript:alert(1)")]),
    ],
)
def test_what_the_platform_does_not_take_is_not_sent(
    reason: str, changes: dict[str, Any], items: list[ContentItem]
) -> None:
    assert Desk(**changes).refusal(*items) == reason


def test_what_is_just_within_its_limits_goes() -> None:
    url = "https://tool.example/" + "x" * 4075
    item = replace(LINK, title="题" * 255, text="x" * 4096, url=url)
    told = Desk(title="t" * 4096, data="d" * 32768).item(item)
    assert (len(told["title"]), len(told["text"]), len(told["url"])) == (255, 4096, 4096)


def test_many_items_and_a_line_item_go_where_they_are_taken() -> None:
    desk = Desk(accept_lineitem=None)
    assert (
        len(desk.claims(*[replace(LINK, line_item=LineItem("a", Fraction(1)))] * 100)[CONTENT_ITEMS]) == 100
    )


@pytest.mark.parametrize(
    "url", ["https://evil.example/return", "javascript:alert(1)", "http://lms.example/x"]
)
def test_c4_no_answer_is_signed_for_an_address_that_is_not_the_platforms(url: str) -> None:
    desk = Desk()
    desk.request = replace(desk.request, return_url=url)
    assert desk.refusal(LINK) == "return_url_foreign"


@pytest.mark.parametrize(
    "make",
    [
        lambda: LineItem("", Fraction(1)),
        lambda: LineItem("a", Fraction(0)),
        lambda: Window(datetime(2026, 1, 1)),  # noqa: DTZ001  # what is tested
        lambda: Window(end=datetime(2026, 1, 1)),  # noqa: DTZ001  # what is tested
        lambda: Window(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_an_item_that_makes_no_sense_cannot_be_made(make: Any) -> None:
    with pytest.raises(ValueError, match=r"line item|window"):
        make()
