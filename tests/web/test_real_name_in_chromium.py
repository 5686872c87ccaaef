"""Who waits for a provider stays on the page in a real browser, and it goes on by itself."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bridge.identity.provider_model import Outcome
from tests.web.furnished import CHEN, CHEN_ID, Furnished
from tests.web.pages_served import served_house
from tests.web.test_real_name_pages import Scripted, use

AWAY_MS = 60_000


def learner_in(browser: Browser, furnished: Furnished, url: str) -> tuple[Page, list[str]]:
    client = furnished.as_learner(furnished.account("lms-user-1001"))
    client.get("/learner")
    cookie = client.get_cookie("anxue_session")
    assert cookie is not None
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.add_cookies([{"name": "anxue_session", "value": cookie.value, "url": url}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{url}/learner")
    return page, complaints


@pytest.mark.parametrize(
    ("outcome", "shown"),
    [
        (Outcome.MATCH, "[data-testid=real-name-masked]"),
        (Outcome.NO_RECORD, '[data-testid=real-name-standing][data-state="staff"]'),
    ],
)
def test_the_page_goes_on_when_the_provider_has_answered(
    browser: Browser, tmp_path: Path, outcome: Outcome, shown: str
) -> None:
    with served_house(tmp_path) as (furnished, url):
        use(furnished, Scripted(outcome))
        page, complaints = learner_in(browser, furnished, url)
        page.get_by_test_id("real-name-name").fill(CHEN)
        page.get_by_test_id("real-name-id").fill(CHEN_ID)
        page.get_by_test_id("real-name-submit").click()
        expect(page.locator('[data-testid=real-name-standing][data-state="pending"]')).to_be_visible()
        expect(page.get_by_test_id("real-name-name")).to_be_hidden()

        furnished.work_off()

        expect(page.locator(shown)).to_be_visible(timeout=AWAY_MS)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert complaints == []
        page.context.close()
