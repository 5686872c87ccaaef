"""The road in a real browser: Chromium, with a fake capture device that plays photographs."""

import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from plugins.simulators.demonstration.cameras import FakeFilm
from plugins.simulators.demonstration.walker import Tab

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
_TIMEOUT_MS = 30_000
_LOOK_SECONDS = 0.03
_MOST_LOOKS = 2_000
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
# One look at the page: what a person would see of it.
_LOOK = """() => {
  const one = (id) => document.querySelector('[data-testid="' + id + '"]');
  const words = (id) => (one(id) ? one(id).textContent : '');
  const place = document.getElementById('study') || document.getElementById('quiz');
  const next = one('next');
  return {
    state: place ? place.getAttribute('data-state') : null,
    next: Boolean(next && !next.hidden && !next.disabled),
    finished: Boolean(one('finished') && !one('finished').hidden),
    credited: words('agent-credited'), provisional: words('agent-provisional'),
    check: words('agent-check-title'), mood: one('agent-check') ? one('agent-check').dataset.mood : '',
    message: words('agent-message'), ready: Boolean(place && !place.hidden), path: location.pathname
  };
}"""


class BrowserTab:
    """A window of Chromium, as wide as a telephone."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(_TIMEOUT_MS)

    def open(self, url: str) -> None:
        self._arrive(self.page.goto(urljoin(self.page.url, url), wait_until="domcontentloaded"))

    def click(self, testid: str) -> None:
        with self.page.expect_navigation(wait_until="domcontentloaded") as leaving:
            self.page.get_by_test_id(testid).first.click()
        self._arrive(leaving.value)

    def fill(self, testid: str, value: str) -> None:
        field = self.page.get_by_test_id(testid).first
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)

    def choose(self, testid: str, value: str) -> None:
        self.page.locator(f'[data-testid="{testid}"][value="{value}"]').check()

    def attach(self, testid: str, path: Path) -> None:
        self.page.get_by_test_id(testid).first.set_input_files(path)

    def count(self, testid: str) -> int:
        return self.page.get_by_test_id(testid).count()

    def text(self, testid: str) -> str:
        place = self.page.get_by_test_id(testid)
        if not place.count():
            raise LookupError(f"{testid} is not on {urlsplit(self.page.url).path}")
        return " ".join((place.first.text_content() or "").split())

    def values(self, testid: str, attribute: str) -> list[str]:
        found = self.page.get_by_test_id(testid).evaluate_all(
            "(all, name) => all.map(one => one.getAttribute(name) || '')", attribute
        )
        return [str(value) for value in found]

    def fetch(self, url: str) -> bytes:
        answer = self.page.request.get(urljoin(self.page.url, url))
        if not answer.ok:
            raise RuntimeError(f"{urlsplit(url).path} answered {answer.status}")
        return answer.body()

    def _arrive(self, response: Response | None) -> None:
        if response is not None and response.status >= 500:
            raise RuntimeError(f"{urlsplit(response.url).path} answered {response.status}")
        # The platform hands the launch to the tool by a form that its script submits.
        for _ in range(20):
            try:
                if not self.count("to-tool"):
                    return
                self.page.wait_for_selector('[data-testid="to-tool"]', state="detached")
                self.page.wait_for_load_state("domcontentloaded")
            except PlaywrightError as error:
                if "navigat" not in str(error) and "destroyed" not in str(error):
                    raise


class BrowserWalk:
    """Walks in Chromium.

    Args:
        film: what the fake camera plays.
        pictures: folder for screenshots, made if missing; None for none.
    """

    def __init__(self, browser: Browser, film: FakeFilm, pictures: Path | None) -> None:
        self.how = f"Chromium {browser.version}(无界面,摄像头播放照片制成的视频)"
        self._browser = browser
        self._film = film
        self._pictures = pictures
        self._dice = random.Random(4)  # noqa: S311  # where the hand moves
        self._checks_pictured: set[str] = set()

    @contextmanager
    def visitor(self) -> Iterator[Tab]:
        """Open a window that shares nothing with the others."""
        context = self._browser.new_context(viewport=PHONE, locale="zh-CN")  # type: ignore[arg-type]  # a TypedDict
        try:
            yield BrowserTab(context)
        finally:
            with suppress(PlaywrightError):
                context.close()

    def capture_face(self, tab: Tab, bridge_url: str) -> list[Mapping[str, Any]]:
        """Let the bridge's own page take pictures with the camera until the face is registered."""
        page = _own(tab).page
        page.goto(f"{bridge_url}/learner/face", wait_until="domcontentloaded")
        replies: list[Mapping[str, Any]] = []

        def heard(request: Request) -> None:
            answer = request.response() if request.url.endswith("/learner/face/frames") else None
            if answer is not None:
                replies.append(answer.json())

        page.on("requestfinished", heard)
        page.get_by_test_id("face-start").click()
        for _ in range(_MOST_LOOKS):
            if self._look(page)["path"] == "/learner":
                break
            if page.get_by_test_id("agent-reference-again").count():
                self._tap(page, "agent-reference-again")
        page.wait_for_load_state("domcontentloaded")
        page.remove_listener("requestfinished", heard)
        self._film.renew()
        return replies

    def study(self, tab: Tab, unit_url: str, seconds: int) -> tuple[int, int]:
        """Turn the slides until it is enough, then leave."""
        page = _own(tab).page
        page.goto(unit_url, wait_until="domcontentloaded")
        checks = _Checks(self, tab)
        while True:
            seen = self._look(page)
            checks.see(seen)
            if seen["state"] in ("refused", "failed", "closed"):
                raise RuntimeError(f"study ended: {seen['message']}")
            if seen["state"] != "running":
                continue
            if seen["finished"] or _seconds(seen["credited"]) + _seconds(seen["provisional"]) >= seconds:
                break
            if seen["next"]:
                self._tap(page, "next")
        self._tap(page, "leave")
        while seen["path"] != "/course":
            seen = self._look(page)
            checks.see(seen)
        return checks.passed, checks.failed

    def take_quiz(self, tab: Tab, quiz_url: str, answers: Sequence[int]) -> int:
        """Answer the questions, wait for a check within the test, hand in."""
        page = _own(tab).page
        page.goto(quiz_url, wait_until="domcontentloaded")
        _own(tab).click("start-quiz")
        checks = _Checks(self, tab)
        answered = 0
        while answered < len(answers) or checks.passed < 2:
            seen = self._look(page)
            checks.see(seen)
            if seen["state"] in ("refused", "failed", "closed"):
                raise RuntimeError(f"quiz ended: {seen['message']}")
            if seen["state"] == "running" and seen["ready"] and answered < len(answers):
                answered += self._tap(page, f"option-{answered + 1}-{answers[answered]}")
        while not self._tap(page, "submit-quiz"):
            checks.see(self._look(page))
        while not seen["path"].endswith("/result"):
            seen = self._look(page)
            checks.see(seen)
        return checks.passed

    def renew_film(self) -> None:
        """Give the next opening of the camera other pictures than the last."""
        self._film.renew()

    def picture(self, tab: Tab, name: str) -> None:
        """Take a screenshot at each width; the window is a telephone's again afterwards."""
        if self._pictures is None:
            return
        page = _own(tab).page
        self._pictures.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=self._pictures / f"{name}-390.png", full_page=True)
        page.set_viewport_size(DESK)  # type: ignore[arg-type]  # a TypedDict
        page.screenshot(path=self._pictures / f"{name}-1280.png", full_page=True)
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a TypedDict

    def picture_check(self, tab: Tab, title: str) -> None:
        """Take one screenshot of each kind of check."""
        if self._pictures is not None and title not in self._checks_pictured:
            self._checks_pictured.add(title)
            self._pictures.mkdir(parents=True, exist_ok=True)
            number = len(self._checks_pictured)
            _own(tab).page.screenshot(path=self._pictures / f"check-{number}-390.png")

    def _look(self, page: Page) -> dict[str, Any]:
        """Look at the page after a moment in which the hand moved."""
        time.sleep(_LOOK_SECONDS)
        for _ in range(50):
            try:
                page.mouse.move(self._dice.randint(40, 350), self._dice.randint(100, 500))
                seen: dict[str, Any] = page.evaluate(_LOOK)
                return seen
            except PlaywrightError as error:
                # The page is being left: look again at the next one.
                if "navigat" not in str(error) and "destroyed" not in str(error):
                    raise
                time.sleep(_LOOK_SECONDS)
        raise RuntimeError("the page never stood still")

    def _tap(self, page: Page, testid: str) -> bool:
        """Click if nothing is in the way; return whether it was clicked."""
        try:
            page.get_by_test_id(testid).click(timeout=400)
        except PlaywrightError as error:
            # A check has come up between the look and the tap.
            if "Timeout" not in str(error):
                raise
            return False
        return True


class _Checks:
    """Watches the check dialog come and go."""

    def __init__(self, walk: BrowserWalk, tab: Tab) -> None:
        self._walk = walk
        self._tab = tab
        self._open = ""
        self._mood = ""
        self.passed = 0
        self.failed = 0

    def see(self, seen: Mapping[str, Any]) -> None:
        """Take in one look at the page."""
        if seen["check"]:
            if not self._open:
                self._walk.picture_check(self._tab, seen["check"])
            self._open, self._mood = seen["check"], seen["mood"] or self._mood
        elif self._open:
            self.passed += self._mood == "passed"
            self.failed += self._mood == "failed"
            self._open = self._mood = ""
            self._walk.renew_film()


@contextmanager
def chromium(executable: Path, film: FakeFilm, pictures: Path | None) -> Iterator[BrowserWalk]:
    """Run Chromium and yield who walks in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=[*_FLAGS, f"--use-file-for-fake-video-capture={film.path}"]
        )
        try:
            yield BrowserWalk(browser, film, pictures)
        finally:
            with suppress(PlaywrightError):
                browser.close()


def _seconds(clock: str) -> int:
    """Return the seconds in "1:02:03" or "02:03"; 0 for anything else."""
    if not re.fullmatch(r"[\d:]+", clock):
        return 0
    total = 0
    for part in clock.split(":"):
        total = total * 60 + int(part)
    return total


def _own(tab: Tab) -> BrowserTab:
    if not isinstance(tab, BrowserTab):
        raise TypeError("a window of another walker")
    return tab
