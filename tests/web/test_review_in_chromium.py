"""Reviews, appeals and the class teacher's list in a real browser, on a phone and on a desk, by keyboard."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from bridge.kernel.ids import CheckId, LearnerRef
from bridge.presence.review.model import ReviewState
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, NOW, RUN, Furnished
from tests.web.pages_served import served_house
from tests.web.reviewed import MISJUDGED, fail, frame, review_of

WIDTHS = (390, 1280)
PATIENCE_MS = 60_000


@dataclass
class Desk:
    """A served house with cases, and a browser that complains here."""

    furnished: Furnished
    url: str
    browser: Browser
    learner: LearnerRef
    checks: tuple[CheckId, CheckId]
    complaints: list[str] = field(default_factory=list)

    def open(self, who: str, path: str, width: int = 1280) -> Page:
        client = (
            self.furnished.as_learner(self.furnished.account("chen"), self.learner)
            if who == "learner"
            else self.furnished.as_staff(who)
        )
        client.get("/verify")
        cookie = client.get_cookie("anxue_session")
        assert cookie is not None
        context = self.browser.new_context(viewport={"width": width, "height": 844})
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([{"name": "anxue_session", "value": cookie.value, "url": self.url}])
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.url + path)
        return page


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Desk]:
    with served_house(tmp_path_factory.mktemp("reviews")) as (furnished, url):
        _account, learner = furnished.enrol("chen", CHEN, CHEN_ID)
        furnished.enrol("huang", HUANG, HUANG_ID)
        furnished.finish_course(learner)
        frame(furnished, learner, None)
        first = fail(furnished, learner)
        furnished.clock.advance(hours=1)
        second = fail(furnished, learner, "suspected_spoof", at=MISJUDGED + timedelta(minutes=11))
        yield Desk(furnished, url, browser, learner, (first, second))


def step(page: Page, key: str) -> None:
    """Press a key that leads on, and wait until the next page listens."""
    with page.expect_navigation(wait_until="load"):
        page.keyboard.press(key)


@pytest.mark.e2e
def test_two_reviewers_decide_by_keyboard_and_one_takes_it_back(desk: Desk) -> None:
    lin = desk.open("staff-lin", "/institution/reviews")
    step(lin, "j")
    expect(lin.get_by_test_id("review-state")).to_have_attribute("data-state", "waiting")
    # The list's photo is a stand-in that no browser draws; the registration and the two frames are pictures.
    drawn = lin.locator('[data-testid="face"]:not([data-face="id-photo"])')
    expect(drawn).to_have_count(3)
    for place in range(3):
        expect(drawn.nth(place)).to_have_js_property("naturalWidth", 320)
    step(lin, "1")
    expect(lin.get_by_test_id("own-word")).to_be_visible()
    step(lin, "u")
    expect(lin.get_by_test_id("review-state")).to_have_attribute("data-state", "waiting")
    step(lin, "3")
    expect(lin.get_by_test_id("own-word")).to_be_visible()
    lin.keyboard.press("y")  # nothing: who decided does not confirm
    step(lin, "j")
    expect(lin.locator("h1")).to_have_text("疑似照片或屏幕")
    step(lin, "k")
    expect(lin.locator("h1")).to_have_text("与登记的人脸不一致")
    assert review_of(desk.furnished, desk.checks[0]).state is ReviewState.DECIDED

    zhou = desk.open("staff-zhou", f"/institution/reviews?class_run={RUN}")
    step(zhou, "j")
    expect(zhou.get_by_test_id("first-word")).to_contain_text("认定为误判")
    step(zhou, "y")
    expect(zhou.get_by_test_id("review-final")).to_be_visible()
    zhou.keyboard.press("1")  # an end is an end
    desk.furnished.work_off()
    zhou.reload()
    expect(zhou.get_by_test_id("to-correction")).to_be_visible()
    step(zhou, "j")
    expect(zhou.locator("h1")).to_have_text("疑似照片或屏幕")

    assert review_of(desk.furnished, desk.checks[0]).reason == "light_or_angle"
    assert review_of(desk.furnished, desk.checks[0]).state is ReviewState.OVERTURNED
    assert desk.complaints == []


@pytest.mark.e2e
def test_a_learner_appeals_with_one_button_on_a_phone(desk: Desk) -> None:
    page = desk.open("learner", "/learner/checks", 390)
    form = page.locator(f'[data-check="{desk.checks[0]}"]')
    form.get_by_test_id("appeal-reason").select_option("light_or_gear")
    form.get_by_test_id("appeal").click()
    expect(page.get_by_test_id("done")).to_be_visible()
    expect(form.get_by_test_id("own-review")).to_have_attribute("data-state", "open")
    expect(form.get_by_test_id("appeal")).to_have_count(0)
    assert review_of(desk.furnished, desk.checks[0]).appeal_reason == "light_or_gear"
    assert desk.complaints == []


@pytest.mark.e2e
def test_no_page_breaks_the_policy_or_runs_off_the_screen(desk: Desk) -> None:
    for number in range(3):
        at = NOW - timedelta(minutes=9 - number)
        fail(desk.furnished, desk.learner, "too_poor", at=at, session="ses_late", name=f"late{number}")
    case = f"/institution/reviews/{review_of(desk.furnished, desk.checks[0]).id}"
    pages = [
        ("staff-lin", "/institution/reviews"),
        ("staff-lin", case),
        ("staff-lin", f"/institution/class-runs/{RUN}/learners/{desk.learner}/checks"),
        ("staff-lin", f"/institution/class-runs/{RUN}/to-do"),
        ("learner", "/learner/checks"),
    ]
    for who, path in pages:
        for width in WIDTHS:
            page = desk.open(who, path, width)
            page.wait_for_load_state("networkidle")
            beyond = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            low = page.evaluate(
                """Array.from(document.querySelectorAll('main button, main select, summary'))
                   .filter(e => e.offsetParent && e.getBoundingClientRect().height < 48).map(e => e.outerHTML)"""
            )
            page.context.close()
            assert (beyond, low) == (0, []), f"{path} at {width} px"
    assert desk.complaints == []
