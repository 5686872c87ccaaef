"""The pages in a real browser: the policy refuses nothing, nothing runs off a phone, progress comes by itself."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import epoch_ms
from bridge.settings import ROOT
from tests.servers.children import free_port
from tests.web.furnished import CHEN, CHEN_ID, NOW, Furnished, furnish

WIDTHS = (320, 390, 1280)


class Visit:
    """A running house, one learner in the middle of studying, and what the browser complained of."""

    def __init__(
        self, furnished: Furnished, url: str, account: str, learner: LearnerRef, browser: Browser
    ) -> None:
        self.furnished = furnished
        self.url = url
        self.account = account
        self.learner = learner
        self.complaints: list[str] = []
        self._browser = browser

    def open(self, path: str, cookie: str | None, width: int = 390) -> Page:
        context = self._browser.new_context(viewport={"width": width, "height": 844})
        if cookie:
            context.add_cookies([{"name": "anxue_session", "value": cookie, "url": self.url}])
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.url + path)
        return page

    def cookie(self, role: str) -> str | None:
        if role == "nobody":
            return None
        client = (
            self.furnished.as_learner(self.account, self.learner)
            if role == "learner"
            else self.furnished.as_staff(role)
        )
        found = client.get_cookie("anxue_session")
        assert found is not None
        return found.value


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Visit]:
    port = free_port()
    furnished = furnish(tmp_path_factory.mktemp("served"), assets=ROOT / "var" / "assets", port=port)
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    start = NOW - timedelta(hours=2)
    furnished.record(
        learner, [("anchor", {"at_ms": epoch_ms(start), "method": "id_photo", "good_frames": 3})]
    )
    furnished.capture(learner, anchored_at=start)
    furnished.watch(learner, "ses_first", "unit_electric", start, 600, hidden=(100, 200))
    for minutes in (0, 5, 10):
        furnished.check(learner, "ses_first", start + timedelta(minutes=minutes))
    server = make_server("127.0.0.1", port, furnished.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Visit(furnished, f"http://127.0.0.1:{port}", account, learner, browser)
    server.shutdown()
    thread.join()
    server.server_close()
    furnished.house.close()


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("role", "path"),
    [
        ("nobody", "/"),
        ("nobody", "/sign-in"),
        ("nobody", "/verify"),
        ("learner", "/learner"),
        ("learner", "/learner/face"),
        ("staff-lin", "/institution"),
        ("staff-lin", "/institution/class-runs/run_demo"),
        ("staff-lin", "/institution/class-runs/run_demo/enrolment"),
        ("staff-lin", "/institution/class-runs/run_demo/archive"),
        ("staff-lin", "/institution/signals"),
        ("staff-lin", "/institution/class-runs/run_demo/contact"),
        ("official-guangzhou", "/authority/signals"),
        ("official-guangzhou", "/authority"),
        ("official-guangzhou", "/authority/class-runs/run_demo"),
    ],
)
def test_no_page_breaks_the_policy_or_runs_off_the_screen(visit: Visit, role: str, path: str) -> None:
    visit.complaints.clear()
    cookie = visit.cookie(role)

    for width in WIDTHS:
        page = visit.open(path, cookie, width)
        page.wait_for_load_state("networkidle")
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        page.context.close()
        assert beyond == 0, f"{path} at {width} px"

    assert visit.complaints == []


@pytest.mark.e2e
def test_every_control_can_be_hit_with_a_thumb(visit: Visit) -> None:
    page = visit.open("/learner", visit.cookie("learner"))

    low = page.evaluate(
        """Array.from(document.querySelectorAll('main button, main a.button, main input:not([type=hidden]), summary'))
           .filter(e => e.offsetParent && e.getBoundingClientRect().height < 48).map(e => e.outerHTML)"""
    )

    page.context.close()
    assert low == []


@pytest.mark.e2e
def test_progress_comes_by_itself_and_keeps_what_the_reader_opened(visit: Visit) -> None:
    visit.complaints.clear()
    page = visit.open("/learner", visit.cookie("learner"))
    credited = page.get_by_test_id("progress-credited")
    first = int(credited.get_attribute("data-seconds") or "0")
    page.get_by_test_id("progress-details").click()
    page.locator("#timeline canvas").wait_for()

    start = NOW - timedelta(hours=1)
    visit.furnished.watch(visit.learner, "ses_later", "unit_fire", start, 300)
    for minutes in (0, 5):
        visit.furnished.check(visit.learner, "ses_later", start + timedelta(minutes=minutes))
    page.wait_for_selector(f'[data-testid="progress-credited"][data-seconds="{first + 300}"]', timeout=9000)

    assert page.locator("#progress-details").get_attribute("open") is not None
    assert "第二单元" in page.locator("#progress-details tbody").inner_text()
    page.context.close()
    assert visit.complaints == []


@pytest.mark.e2e
def test_the_camera_opens_under_the_pages_own_policy(visit: Visit) -> None:
    visit.furnished.capture(visit.learner, anchored_at=None)
    visit.complaints.clear()
    page = visit.open("/learner/face", visit.cookie("learner"))

    page.get_by_test_id("face-start").click()
    expect(page.locator("#face-video")).to_have_js_property("videoWidth", 640)
    page.get_by_test_id("face-leave").click()

    page.get_by_test_id("face-room").wait_for(state="hidden")
    page.context.close()
    visit.furnished.capture(visit.learner, anchored_at=NOW - timedelta(hours=2))
    assert visit.complaints == []
