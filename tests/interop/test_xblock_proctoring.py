"""Proctoring with lti-consumer-xblock: our checks before the exam, and that only the right permission starts it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lti.claims import ResourceLink
from lti.errors import ServiceFailed
from lti.keys import ToolKey, ToolKeyRing
from lti.proctoring import (
    Action,
    AssessmentControl,
    Control,
    EndAssessment,
    StartProctoring,
    start_assessment_jwt,
)
from lti.tool import LtiTool
from lti.tool_messages import BrowserPost, sign_tool_message
from tests.interop.browser import Browser
from tests.interop.record import Facts
from tests.interop.xblock import Xblock
from tests.interop.xblock_platform.course import LEARNER, PROCTORED, SECOND_LEARNER, Person

pytestmark = pytest.mark.e2e

_ATTEMPT = 2


def _start(xblock: Xblock, browser: Browser, person: Person = LEARNER) -> StartProctoring:
    launch = xblock.launched(
        person, PROCTORED, browser=browser, message="LtiStartProctoring", attempt=str(_ATTEMPT)
    )
    assert isinstance(launch.message, StartProctoring)
    return launch.message


def _permit(xblock: Xblock, message: StartProctoring, tool: LtiTool | None = None) -> BrowserPost:
    return start_assessment_jwt(tool or xblock.tool.lti, xblock.registrations["exam"], message)


def _started(xblock: Xblock) -> list[tuple[str, int]]:
    return [(exam["user"], exam["attempt_number"]) for exam in xblock.state("started_exams", PROCTORED)]


def test_a_start_is_verified_and_our_permission_starts_the_exam(xblock: Xblock, facts: Facts) -> None:
    browser = xblock.browser(LEARNER)
    message = _start(xblock, browser)
    assert message.attempt == _ATTEMPT
    assert message.resource_link.id == PROCTORED.location
    assert message.control is not None
    assert set(message.control.actions) == {action.value for action in Action}
    assert _started(xblock) == []
    post = _permit(xblock, message)
    answer = browser.post(post.url, {post.FIELD: post.jwt})
    assert answer.status_code == 200, answer.text
    assert _started(xblock) == [(LEARNER.external_id, _ATTEMPT)]
    facts.told(
        f"LtiStartProctoring, attempt {_ATTEMPT}", "verified; attempt, exam, session data and acs read"
    )
    facts.told(
        "LtiStartAssessment from the learner's browser", "accepted by the platform: the exam is started"
    )


_SPOILT: dict[str, Callable[[StartProctoring], StartProctoring]] = {
    "session_data": lambda message: replace(message, session_data="guessed"),
    "attempt_number": lambda message: replace(message, attempt_number=_ATTEMPT + 1),
    "resource_link": lambda message: replace(
        message, resource_link=ResourceLink(PROCTORED.location.replace("proctored", "declarative"), None)
    ),
}


@pytest.mark.parametrize("what", sorted(_SPOILT))
def test_a_permission_that_does_not_fit_starts_nothing(xblock: Xblock, facts: Facts, what: str) -> None:
    browser = xblock.browser(LEARNER)
    message = _start(xblock, browser)
    post = _permit(xblock, _SPOILT[what](message))
    refused = browser.post(post.url, {post.FIELD: post.jwt})
    assert refused.status_code in (400, 404)
    assert _started(xblock) == []
    # The right one still works: nothing but the one value was wrong.
    post = _permit(xblock, message)
    assert browser.post(post.url, {post.FIELD: post.jwt}).status_code == 200
    facts.told(f"LtiStartAssessment with a wrong {what}", f"refused by the platform: {refused.status_code}")


def test_another_type_of_message_starts_nothing(xblock: Xblock, facts: Facts) -> None:
    browser = xblock.browser(LEARNER)
    message = _start(xblock, browser)
    post = sign_tool_message(
        xblock.tool.lti,
        xblock.registrations["exam"],
        "LtiDeepLinkingResponse",
        message.deployment_id,
        message.start_assessment_url,
        {"https://purl.imsglobal.org/spec/lti/claim/resource_link": {"id": message.resource_link.id}},
    )
    refused = browser.post(post.url, {post.FIELD: post.jwt})
    assert refused.status_code == 400
    assert _started(xblock) == []
    facts.told("LtiDeepLinkingResponse where LtiStartAssessment belongs", "refused by the platform: 400")


def test_one_learners_permission_does_not_start_anothers_exam(xblock: Xblock, facts: Facts) -> None:
    mine, theirs = xblock.browser(LEARNER), xblock.browser(SECOND_LEARNER)
    _start(xblock, mine)
    post = _permit(xblock, _start(xblock, theirs, SECOND_LEARNER))
    refused = mine.post(post.url, {post.FIELD: post.jwt})
    assert refused.status_code == 400
    assert _started(xblock) == []
    facts.told(
        "the permission of one learner posted by another", "refused by the platform: 400 (session_data)"
    )


def test_a_permission_signed_by_another_key_starts_nothing(xblock: Xblock, facts: Facts) -> None:
    browser = xblock.browser(LEARNER)
    message = _start(xblock, browser)
    forger = replace(xblock.tool.lti, tool_keys=ToolKeyRing([ToolKey.generate()]))
    post = _permit(xblock, message, forger)
    refused = browser.post(post.url, {post.FIELD: post.jwt})
    assert not refused.ok
    assert _started(xblock) == []
    facts.told("LtiStartAssessment signed by a key not in our JWKS", f"not accepted: {refused.status_code}")


def test_the_end_of_an_exam_is_told(xblock: Xblock, facts: Facts) -> None:
    browser = xblock.browser(LEARNER)
    post = _permit(xblock, _start(xblock, browser))
    assert browser.post(post.url, {post.FIELD: post.jwt}).status_code == 200
    launch = xblock.launched(
        LEARNER, PROCTORED, browser=browser, message="LtiEndAssessment", attempt=str(_ATTEMPT)
    )
    assert isinstance(launch.message, EndAssessment)
    assert launch.message.attempt == _ATTEMPT
    assert launch.message.resource_link is not None
    assert launch.message.resource_link.id == PROCTORED.location
    facts.told("LtiEndAssessment with session_data null", "verified; attempt and exam read")


def test_assessment_control_that_the_platform_names_but_does_not_serve_is_a_failure_with_a_reason(
    xblock: Xblock, facts: Facts
) -> None:
    message = _start(xblock, xblock.browser(LEARNER))
    assert message.control is not None
    flag = Control(
        user_sub=LEARNER.external_id,
        resource_link_id=message.resource_link.id,
        attempt_number=message.attempt,
        action=Action.FLAG,
        incident_time=datetime.now(UTC),
        incident_severity=Decimal("0.5"),
    )
    with pytest.raises(ServiceFailed) as failed:
        AssessmentControl(xblock.tool.calls).act(xblock.registrations["exam"], message.control, flag)
    assert failed.value.permanent
    facts.told("Assessment Control: flag", f"the package has no such service: {failed.value.reason}")
