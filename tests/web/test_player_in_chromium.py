"""The player in a real browser with the real agent: a text and a video are studied until the ledger credits them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.materials import MEDIA_UNIT, TEXT_UNIT, UNIT_SECONDS
from tests.web.player_served import PlayerVisit, player_visit

pytestmark = pytest.mark.e2e
WIDTHS = (320, 390, 1280)


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[PlayerVisit]:
    with player_visit(tmp_path_factory.mktemp("player"), browser) as made:
        yield made


def begin(visit: PlayerVisit, unit: str, width: int = 390) -> Page:
    """Open the unit, start, and wait until the check at the entry is passed."""
    page = visit.open(f"/learner/units/{unit}", width)
    page.set_default_timeout(20_000)
    page.get_by_test_id("player-start").click()
    expect(page.get_by_test_id("player")).to_have_attribute("data-agent", "running", timeout=20_000)
    return page


def until(page: Page, holds: Callable[[], bool]) -> None:
    for _ in range(1500):
        if holds():
            return
        page.wait_for_timeout(20)
    pytest.fail("it did not come to pass within thirty seconds")


def finish(page: Page) -> None:
    """Leave: the exit check is answered by the page itself, and the browser goes home."""
    page.get_by_test_id("player-finish").click()
    page.wait_for_url("**/learner#step-study", timeout=30_000)


def test_a_text_is_read_page_by_page_until_the_ledger_credits_it(visit: PlayerVisit) -> None:
    page = begin(visit, TEXT_UNIT)
    number, onward = page.get_by_test_id("player-page-number"), page.get_by_test_id("player-next")
    assert page.locator(".page.text:visible").inner_text().startswith("第一页")

    expect(onward).to_be_enabled(timeout=30_000)
    onward.click()
    expect(number).to_have_text("2 / 3")
    expect(onward).to_be_disabled()
    expect(onward).to_be_enabled(timeout=30_000)
    onward.click()
    expect(page.get_by_test_id("player-say")).to_contain_text("已到末尾", timeout=30_000)
    finish(page)

    until(page, lambda: visit.credited_ms(TEXT_UNIT) > 0)
    visit.furnished.work_off()
    assert UNIT_SECONDS * 800 <= visit.credited_ms(TEXT_UNIT) <= UNIT_SECONDS * 1000
    page.context.close()
    assert visit.complaints == []


def test_no_page_is_reached_before_the_pages_before_it_were_read(visit: PlayerVisit) -> None:
    page = begin(visit.as_another(), TEXT_UNIT)

    bar = page.get_by_test_id("player-track").bounding_box()
    assert bar is not None
    page.mouse.click(bar["x"] + bar["width"] * 0.95, bar["y"] + bar["height"] / 2)

    expect(page.get_by_test_id("player-say")).to_contain_text("不能快进")
    expect(page.get_by_test_id("player-page-number")).to_have_text("1 / 3")
    page.context.close()


def test_a_video_is_watched_until_the_ledger_credits_it(visit: PlayerVisit) -> None:
    page = begin(visit, MEDIA_UNIT)
    expect(page.get_by_test_id("player-media")).to_have_js_property("controls", False)

    expect(page.get_by_test_id("player-say")).to_contain_text("已到末尾", timeout=40_000)
    finish(page)

    until(page, lambda: visit.credited_ms(MEDIA_UNIT) > 0)
    visit.furnished.work_off()
    assert UNIT_SECONDS * 700 <= visit.credited_ms(MEDIA_UNIT) <= UNIT_SECONDS * 1000
    page.context.close()
    assert visit.complaints == []


def test_a_seek_forward_and_another_rate_are_set_back(tmp_path: Path, browser: Browser) -> None:
    # In real time: hurried, the video would be over before a busy machine gets to seek in it.
    with player_visit(tmp_path, browser, factor=1) as visit:
        page = begin(visit, MEDIA_UNIT)
        media, said = page.get_by_test_id("player-media"), page.get_by_test_id("player-say")

        media.evaluate("video => { video.currentTime = 90; }")
        expect(said).to_contain_text("不能快进")
        until(page, lambda: float(media.evaluate("video => video.currentTime")) < UNIT_SECONDS)
        media.evaluate("video => { video.playbackRate = 4; }")
        expect(said).to_contain_text("正常速度")
        expect(media).to_have_js_property("playbackRate", 1)

        page.context.close()


_STAGE = """factor => {
  const pages = [{start_ms: 0, nominal_ms: 20000, url: null}, {start_ms: 20000, nominal_ms: 40000, url: null}];
  const shown = {stage: document.createElement('div'), picture: null, texts: []};
  window.stage = new AnxuePlayer.PagesStage({nominal_ms: 60000, pages: pages}, shown, () => null);
  window.stage.setFactor(factor);
}"""


def test_time_on_a_page_stops_at_its_nominal_time_and_nothing_beyond_it_is_reached(
    visit: PlayerVisit,
) -> None:
    page = visit.as_another().open(f"/learner/units/{TEXT_UNIT}")
    page.evaluate(_STAGE, 1_000_000)

    assert page.evaluate("stage.seekTo(50000), stage.positionMs()") == 0
    page.evaluate("stage.setPaused(false)")
    until(page, lambda: page.evaluate("stage.pageLeftMs()") == 0)
    assert page.evaluate("[stage.positionMs(), stage.reachMs(), stage.page()]") == [20_000, 20_000, 0]
    page.evaluate("stage.setPaused(true), stage.seekTo(20000)")
    assert page.evaluate("[stage.positionMs(), stage.page()]") == [20_000, 1]
    assert page.evaluate("stage.seekTo(5000), [stage.positionMs(), stage.page()]") == [5_000, 0]
    page.evaluate("stage.setLimits([[0, 60000]], true)")
    assert page.evaluate("stage.seekTo(50000), stage.positionMs()") == 50_000
    page.context.close()


@pytest.mark.parametrize("unit", [TEXT_UNIT, MEDIA_UNIT])
def test_the_pages_keep_the_policy_and_the_screen(visit: PlayerVisit, unit: str) -> None:
    for width in WIDTHS:
        pages = [
            visit.open(f"/learner/units/{unit}", width),
            visit.open_as_staff(f"/institution/class-runs/run_demo/materials/{unit}", "staff-lin", width),
            visit.open_as_staff("/institution/class-runs/run_demo/materials", "staff-lin", width),
        ]
        for page in pages:
            page.wait_for_load_state("networkidle")
            beyond = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            low = page.evaluate(
                """Array.from(document.querySelectorAll('main button, main a.button, summary'))
                   .filter(e => e.offsetParent && e.getBoundingClientRect().height < 48).map(e => e.outerHTML)"""
            )
            page.context.close()
            assert (beyond, low) == (0, []), f"{unit} at {width} px"

    assert visit.complaints == []
