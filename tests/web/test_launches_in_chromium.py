"""What launches open, in a real browser: nothing runs off a phone or breaks the policy, and a test begins and ends."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from lti.claims import CONTEXT, ROLES
from lti.proctoring import ERROR_MESSAGE
from tests.lti.platform import TEACHER
from tests.web.lms import HUANG_SUB, Lms
from tests.web.lms_in_chromium import LmsVisit, lms_visit

pytestmark = pytest.mark.e2e
WIDTHS = (320, 390, 1280)
SLOW_MS = 40_000


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[LmsVisit]:
    with lms_visit(tmp_path_factory.mktemp("launches"), browser) as made:
        yield made


@pytest.mark.parametrize(
    ("send", "args", "named", "path"),
    [
        (Lms.launch, ({ROLES: TEACHER},), {}, "/lms/teacher"),
        (Lms.gate_link, ({ROLES: TEACHER},), {}, "/lms/teacher"),
        (Lms.deep_link, (), {"settings": {"accept_multiple": True}}, "/deep-link"),
        (Lms.deep_link, ({CONTEXT: {"id": "course-new"}},), {}, "/deep-link"),
        (Lms.review, (HUANG_SUB,), {}, "/submission-review"),
        (Lms.start_proctoring, ({"sub": "lms-user-9"},), {}, "/test-gate/"),
        (Lms.start_proctoring, (), {}, "/test-gate/"),
        (Lms.gate_link, (), {}, "/test-gate/"),
    ],
)
def test_no_page_breaks_the_policy_or_runs_off_the_screen(
    visit: LmsVisit, send: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any], path: str
) -> None:
    visit.complaints.clear()
    for width in WIDTHS:
        context = visit.context(width)
        page = visit.launch(context, send, *args, **named)
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        low = page.evaluate(
            """Array.from(document.querySelectorAll('main button, main a.button, main summary, main label.tick'))
               .filter(e => e.offsetParent && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"""
        )
        assert path in page.url
        context.close()
        assert (beyond, low) == (0, []), f"{path} at {width} px"
    assert visit.complaints == []


def test_a_teachers_choice_arrives_at_the_platform(visit: LmsVisit) -> None:
    visit.complaints.clear()
    context = visit.context()
    page = visit.launch(context, Lms.deep_link)
    page.get_by_test_id("deep-link-item").first.check()

    page.get_by_test_id("deep-link-submit").click()
    page.wait_for_url("**/return")

    path, form = visit.posted[-1]
    assert (path, list(form)) == ("/return", ["JWT"])
    context.close()
    assert visit.complaints == []


def test_a_learner_is_checked_sits_the_test_and_is_told_of_its_end(visit: LmsVisit) -> None:
    context = visit.context()
    page = visit.launch(context, Lms.start_proctoring, attempt=7)
    assert page.get_by_test_id("gate-start").is_disabled()
    assert page.get_by_test_id("gate-person").is_disabled()

    page.get_by_test_id("gate-device").click()
    page.wait_for_selector('[data-testid="gate-person"]:not([disabled])', timeout=SLOW_MS)
    page.get_by_test_id("gate-person").click()
    page.wait_for_selector('[data-testid="gate-start"]:not([disabled])', timeout=SLOW_MS)
    with context.expect_page() as opened:
        page.get_by_test_id("gate-start").click()
    opened.value.wait_for_url("**/start")
    page.wait_for_selector('[data-testid="gate-alive"]:not([hidden])', timeout=SLOW_MS)

    assert visit.posted[-1][0] == "/start"
    ended = visit.launch(context, Lms.end_assessment, {ERROR_MESSAGE: "时间到"}, attempt=7)
    assert "时间到" in ended.inner_text("main")
    page.wait_for_selector('[data-testid="gate-ended"]', timeout=SLOW_MS)
    context.close()


def test_steps_that_are_missing_lead_away_and_back(visit: LmsVisit) -> None:
    context = visit.context()
    page = visit.launch(context, Lms.start_proctoring, {"sub": "lms-user-8"}, attempt=8)
    gate = page.url

    page.get_by_test_id("gate-go").click()
    page.wait_for_url("**/learner#step-consent")
    page.get_by_test_id("consent-agree").click()
    page.wait_for_url("**/learner#step-real_name")
    page.get_by_test_id("back-to-test").get_by_role("link").click()

    page.wait_for_url(gate)
    assert page.locator('[data-step="consent"]').get_attribute("data-state") == "done"
    assert page.locator('[data-step="real_name"]').get_attribute("data-state") == "missing"
    context.close()
