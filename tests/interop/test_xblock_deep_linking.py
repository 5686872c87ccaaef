"""Deep linking with lti-consumer-xblock: chosen in our tool, kept by Open edX, launched by a learner."""

import re
from dataclasses import replace
from fractions import Fraction
from html import unescape

import pytest

from lti.deep_linking import (
    ContentItem,
    DeepLinkingRequest,
    LineItem,
    LtiResourceLinkItem,
    deep_linking_response_jwt,
)
from lti.keys import ToolKey, ToolKeyRing
from lti.tool_messages import BrowserPost
from tests.interop.browser import Browser, form_of
from tests.interop.record import Facts
from tests.interop.xblock import Xblock
from tests.interop.xblock_platform.course import DEEP_LINKED, LEARNER, TEACHER

pytestmark = pytest.mark.e2e

_UNIT = LtiResourceLinkItem(
    "高处作业安全",
    custom={"course_unit": "unit-7"},
    text="第七单元",
    line_item=LineItem("高处作业安全", Fraction(100), resource_id="unit-7"),
)
_GATE = LtiResourceLinkItem("结业考试", custom={"test_gate": "final"})


def _asked(xblock: Xblock, browser: Browser) -> DeepLinkingRequest:
    launch = xblock.launched(TEACHER, DEEP_LINKED, browser=browser, message="LtiDeepLinkingRequest")
    assert isinstance(launch.message, DeepLinkingRequest)
    return launch.message


def _answer(xblock: Xblock, request: DeepLinkingRequest, *items: ContentItem) -> BrowserPost:
    return deep_linking_response_jwt(xblock.tool.lti, xblock.registrations["course"], request, items)


def _choose(xblock: Xblock, *items: ContentItem) -> None:
    """Have the teacher choose `items`, in one browser, from the platform's page and back to it."""
    browser = xblock.browser(TEACHER)
    post = _answer(xblock, _asked(xblock, browser), *items)
    saved = browser.post(post.url, {post.FIELD: post.jwt})
    assert saved.status_code == 200, saved.text


def test_a_teachers_request_says_what_the_platform_takes(xblock: Xblock, facts: Facts) -> None:
    request = _asked(xblock, xblock.browser(TEACHER))
    assert {"ltiResourceLink", "link"} <= set(request.accept_types)
    assert request.accept_multiple
    assert request.return_url.startswith(f"{xblock.url}/api/lti_consumer/")
    facts.told(
        "LtiDeepLinkingRequest without resource_link", "accepted; ltiResourceLink and several items taken"
    )


def test_what_was_chosen_is_kept_and_launched(xblock: Xblock, facts: Facts) -> None:
    _choose(xblock, _UNIT)
    (kept,) = xblock.state("content_items", DEEP_LINKED)
    assert kept["type"] == "ltiResourceLink"
    assert kept["attributes"]["title"] == _UNIT.title
    assert kept["attributes"]["custom"] == {"course_unit": "unit-7"}
    assert kept["attributes"]["lineItem"]["scoreMaximum"] == 100
    launch = xblock.launched(LEARNER, DEEP_LINKED)
    assert launch.claims.custom == {"course_unit": "unit-7"}
    assert launch.claims.resource_link is not None
    assert launch.claims.resource_link.id == DEEP_LINKED.location
    facts.told("LtiDeepLinkingResponse with one unit, choice in custom", "stored, with its line item")
    facts.told("a learner opens the link", "launched with the custom parameters that were chosen")


def test_of_several_items_the_learner_opens_each(xblock: Xblock, facts: Facts) -> None:
    _choose(xblock, _UNIT, _GATE)
    browser = xblock.browser(LEARNER)
    contents = browser.open_link(DEEP_LINKED.name)
    logins = [unescape(url) for url in re.findall(r'href="([^"]+/lti/login\?[^"]+)"', contents.text)]
    assert len(logins) == 2
    opened = []
    for login in logins:
        form = form_of(browser.get(login))
        answer = browser.post(form.action, form.fields)
        opened.append(xblock.tool.launches[answer.json()["launch"]].claims.custom)
    assert opened == [{"course_unit": "unit-7"}, {"test_gate": "final"}]
    facts.told(
        "two items chosen; a learner opens both from the platform's list", "each launched with its own custom"
    )


def test_a_new_choice_replaces_the_old_one_and_none_empties_it(xblock: Xblock, facts: Facts) -> None:
    _choose(xblock, _UNIT)
    _choose(xblock, _GATE)
    titles = [item["attributes"]["title"] for item in xblock.state("content_items", DEEP_LINKED)]
    assert titles == [_GATE.title]
    _choose(xblock)
    assert xblock.state("content_items", DEEP_LINKED) == []
    facts.told("another choice, then an empty one", "replaced, then emptied")


def test_an_item_with_an_address_of_its_own_is_launched_under_another_and_refused(
    xblock: Xblock, facts: Facts
) -> None:
    # Open edX starts the login with the link's address and signs the item's: two that must be the same.
    _choose(xblock, replace(_UNIT, url=f"{xblock.tool.origin}/study/unit-7"))
    refused = xblock.browser(LEARNER).launch(DEEP_LINKED.name)
    assert (refused.status_code, refused.json()["reason"]) == (401, "target_link_uri_mismatch")
    facts.told(
        "an item with its own url",
        "launch refused: target_link_uri_mismatch (the choice belongs into custom)",
    )


def test_a_learner_is_not_sent_to_choose(xblock: Xblock, facts: Facts) -> None:
    page = xblock.browser(LEARNER).open_link(DEEP_LINKED.name, message="LtiDeepLinkingRequest")
    assert page.status_code == 403
    facts.told("a learner asks for deep linking", "refused by the platform: 403")


def test_a_choice_in_a_learners_browser_is_refused(xblock: Xblock, facts: Facts) -> None:
    post = _answer(xblock, _asked(xblock, xblock.browser(TEACHER)), _UNIT)
    refused = xblock.browser(LEARNER).post(post.url, {post.FIELD: post.jwt})
    assert refused.status_code == 403
    assert xblock.state("content_items", DEEP_LINKED) == []
    facts.told("the teacher's response posted from a learner's session", "refused by the platform: 403")


def test_a_choice_signed_by_another_key_is_refused(xblock: Xblock, facts: Facts) -> None:
    browser = xblock.browser(TEACHER)
    request = _asked(xblock, browser)
    forger = replace(xblock.tool.lti, tool_keys=ToolKeyRing([ToolKey.generate()]))
    post = deep_linking_response_jwt(forger, xblock.registrations["course"], request, [_UNIT])
    refused = browser.post(post.url, {post.FIELD: post.jwt})
    assert refused.status_code == 403
    assert xblock.state("content_items", DEEP_LINKED) == []
    facts.told("a response signed by a key that is not in our JWKS", "refused by the platform: 403")
