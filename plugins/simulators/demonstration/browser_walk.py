"""The road in a real browser: Chromium, with a puppet in the place of the camera."""

import json
import random
import re
import shutil
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Request, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from plugins.simulators.demonstration.browser_tab import BrowserTab, is_leaving
from plugins.simulators.demonstration.cameras import MOVES_ZH, Puppet
from plugins.simulators.demonstration.steps import StepFailed
from plugins.simulators.demonstration.walker import Tab
from plugins.simulators.question_reader import read_and_answer

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
_SHEET = {"width": 390, "height": 2400}  # the whole question sheet at once
_LOOK_SECONDS = 0.02
_MOVE_SECONDS = 0.15
_LONGEST_SECONDS = 300.0
_TELEPHONE = (
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Mobile Safari/537.36"
)
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
# One look at the page: what a person would see of it, and where the hand would go.
_LOOK = """(options) => {
  const one = (id) => document.querySelector('[data-testid="' + id + '"]');
  const words = (id) => (one(id) ? one(id).textContent : '');
  const place = document.getElementById('study') || document.getElementById('quiz');
  const free = (node) => {
    if (!node || node.hidden || node.disabled) return null;
    const box = node.getBoundingClientRect();
    if (box.top < 0 || box.bottom > innerHeight) node.scrollIntoView({ block: 'center' });
    const at = node.getBoundingClientRect();
    const point = [at.x + at.width / 2, at.y + at.height / 2];
    const hit = document.elementFromPoint(point[0], point[1]);
    return hit && (node === hit || node.contains(hit)) ? point : null;
  };
  return {
    state: place ? place.getAttribute('data-state') : null,
    next: free(one('next')), leave: free(one('leave')), submit: free(one('submit-quiz')),
    again: free(one('face-again')),
    options: options.filter((id) => one(id) && !one(id).checked).map((id) => free(one(id).closest('label'))),
    finished: Boolean(one('finished') && !one('finished').hidden),
    credited: words('agent-credited'), provisional: words('agent-provisional'),
    question: words('agent-prompt-question'),
    choices: Array.prototype.map.call(document.querySelectorAll('[data-testid="agent-prompt-choice"]'), (node) => (
      { id: node.dataset.choice, label: node.textContent, open: !node.disabled, at: free(node) }
    )),
    check: words('agent-check-title'), mood: one('agent-check') ? one('agent-check').dataset.mood : '',
    message: words('agent-message'), ready: Boolean(place && !place.hidden), path: location.pathname
  };
}"""


# The page's own camera, played by a puppet: it looks which sign the page shows, and does that movement. A film could
# not do what the page asks for only when its moment comes.
_PUPPET_CAMERA = """(films) => {
  const loaded = {};
  const load = async () => {
    for (const move of Object.keys(films)) {
      loaded[move] = loaded[move] || await Promise.all(films[move].map((jpeg) => {
        const bytes = Uint8Array.from(atob(jpeg), (letter) => letter.charCodeAt(0));
        return createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
      }));
    }
  };
  const asks = () => {
    const places = ['#face-view', '.anxue-overlay'].map((one) => document.querySelector(one));
    return places.map((one) => one && one.getAttribute('data-move')).find(Boolean) || 'front';
  };
  const canvas = document.createElement('canvas');
  canvas.width = 640;
  canvas.height = 480;
  const paint = canvas.getContext('2d');
  // Nobody sits before the camera twice alike; the same picture once more would be taken for a recording.
  const some = (most) => (2 * Math.random() - 1) * most;
  const seat = () => ({ zoom: 1.2 + some(0.07), turn: some(0.06), x: some(14), y: some(10) });
  let shown = 'front', since = performance.now(), view = seat();
  let stream = null, drawing = 0;
  const draw = () => {
    // A camera that nobody looks through costs nothing.
    if (stream && stream.getTracks().every((track) => track.readyState === 'ended')) {
      clearInterval(drawing);
      stream = null;
      drawing = 0;
      return;
    }
    const asked = asks();
    if (asked !== shown) { shown = asked; since = performance.now(); }
    const film = loaded[shown];
    const at = Math.floor((performance.now() - since) / 400);
    paint.setTransform(view.zoom, view.turn, -view.turn, view.zoom, 320 + view.x, 240 + view.y);
    paint.drawImage(film[shown === 'front' ? at % film.length : Math.min(at, film.length - 1)], -320, -240);
    paint.setTransform(1, 0, 0, 1, 0, 0);
    for (let grain = 0; grain < 400; grain += 1) {
      paint.fillStyle = Math.random() < 0.5 ? 'rgba(0,0,0,0.06)' : 'rgba(255,255,255,0.06)';
      paint.fillRect(Math.random() * 640, Math.random() * 480, 3, 3);
    }
  };
  if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = async () => {
    await load();
    view = seat();
    draw();
    drawing = drawing || setInterval(draw, 60);
    stream = canvas.captureStream(15);
    return stream;
  };
}"""


class BrowserWalk:
    """Walks in Chromium.

    Args:
        pictures: folder for screenshots, made if missing; None for none.
    """

    def __init__(self, browser: Browser, pictures: Path | None) -> None:
        self.how = f"Chromium {browser.version}(无界面,摄像头由照片变形制成的画面代替)"
        self._browser = browser
        self._pictures = pictures
        self._dice = random.Random(4)  # noqa: S311  # where the hand moves
        # To a desktop Linux the bridge sends Chinese fonts of 20 MB for each window; a telephone has its own.
        self._user_agent = _TELEPHONE if _has_chinese_font() else None
        self._moved = 0.0
        self._checks_pictured: set[str] = set()

    @contextmanager
    def visitor(self) -> Iterator[Tab]:
        """Open a window that shares nothing with the others."""
        context = self._browser.new_context(
            viewport=PHONE,  # type: ignore[arg-type]  # a TypedDict
            locale="zh-CN",
            user_agent=self._user_agent,
        )
        context.add_init_script(f"({_PUPPET_CAMERA})({_films()})")
        try:
            yield BrowserTab(context)
        finally:
            with suppress(PlaywrightError):
                context.close()

    def capture_face(self, tab: Tab, bridge_url: str) -> list[Mapping[str, Any]]:
        """Let the bridge's own page lead through the challenge."""
        page = _own(tab).page
        page.goto(f"{bridge_url}/learner/face", wait_until="domcontentloaded")
        replies: list[Mapping[str, Any]] = []

        def heard(request: Request) -> None:
            answer = request.response() if "/learner/face/challenge" in request.url else None
            if answer is not None and answer.ok:
                replies.append(answer.json())

        page.on("requestfinished", heard)
        page.get_by_test_id("face-start").click()
        for _ in _looks():
            seen = self._look(page)
            if seen["path"] == "/learner":
                break
            if seen["again"]:
                page.mouse.click(*seen["again"])
        page.wait_for_load_state("domcontentloaded")
        page.remove_listener("requestfinished", heard)
        return replies

    def study(self, tab: Tab, unit_url: str, seconds: int) -> tuple[int, int]:
        """Let the slides turn until it is enough, then leave; a hand is too slow for hundreds of times real time."""
        page = _own(tab).page
        page.goto(unit_url, wait_until="domcontentloaded")
        # The entry check may stand over the page by now; a tick needs no hand.
        page.get_by_test_id("auto-turn").evaluate("box => { if (!box.checked) box.click(); }")
        checks = _Checks(self, tab)
        enough = left = False
        for _ in _looks():
            seen = self._look(page)
            checks.see(seen)
            self._answer_question(page, seen)
            if seen["path"] == "/course":
                return checks.passed, checks.failed
            _still_open(seen, left)
            done = _seconds(seen["credited"]) + _seconds(seen["provisional"])
            enough = enough or seen["finished"] or done >= seconds
            if enough and seen["state"] == "running" and seen["leave"]:
                page.mouse.click(*seen["leave"])
                left = True
            elif seen["next"] and not enough:
                page.mouse.click(*seen["next"])
        raise StepFailed("学习没有在规定时间内结束")

    def take_quiz(self, tab: Tab, quiz_url: str, answers: Sequence[int]) -> tuple[int, int]:
        """Answer the questions, wait for a check within the test, hand in."""
        page = _own(tab).page
        page.set_viewport_size(_SHEET)  # type: ignore[arg-type]  # a TypedDict
        page.goto(quiz_url, wait_until="domcontentloaded")
        _own(tab).click("start-quiz")
        checks = _Checks(self, tab)
        options = [f"option-{number}-{answer}" for number, answer in enumerate(answers, 1)]
        handed_in = False
        for _ in _looks():
            seen = self._look(page, options)
            checks.see(seen)
            if seen["path"].endswith("/result"):
                page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a TypedDict
                return checks.passed, checks.failed
            _still_open(seen, handed_in)
            if seen["state"] != "running" or not seen["ready"]:
                continue
            for point in filter(None, seen["options"]):
                page.mouse.click(*point)
            if not seen["options"] and checks.passed >= 2 and seen["submit"]:
                # A check may come up between the look and the click; then the button is there again.
                page.mouse.click(*seen["submit"])
                handed_in = True
        raise StepFailed("测验没有在规定时间内结束")

    def _answer_question(self, page: Page, seen: Mapping[str, Any]) -> None:
        """Read the question that is shown, and tap the choice whose turn it is."""
        if not seen["choices"]:
            return
        wanted = read_and_answer({"text": seen["question"], "choices": seen["choices"]})
        tapped = [one["id"] for one in seen["choices"] if not one["open"]]
        for choice in seen["choices"]:
            if choice["id"] == next((one for one in wanted if one not in tapped), None) and choice["at"]:
                page.mouse.click(*choice["at"])

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

    def _look(self, page: Page, options: Sequence[str] = ()) -> dict[str, Any]:
        """Look at the page after a moment; now and then the hand moves, or the learner would seem idle."""
        time.sleep(_LOOK_SECONDS)
        for _ in range(50):
            try:
                if time.monotonic() - self._moved > _MOVE_SECONDS:
                    page.mouse.move(self._dice.randint(40, 350), self._dice.randint(100, 500))
                    self._moved = time.monotonic()
                seen: dict[str, Any] = page.evaluate(_LOOK, list(options))
                return seen
            except PlaywrightError as error:
                # The page is being left: look again at the next one.
                if not is_leaving(error):
                    raise
                time.sleep(_LOOK_SECONDS)
        raise RuntimeError("the page never stood still")


class _Checks:
    """Watches the check dialog come and go; its verdict counts from when it is shown."""

    def __init__(self, walk: BrowserWalk, tab: Tab) -> None:
        self._walk = walk
        self._tab = tab
        self._asked = self._judged = False
        self.passed = 0
        self.failed = 0

    def see(self, seen: Mapping[str, Any]) -> None:
        """Take in one look at the page."""
        mood = seen["mood"] if seen["check"] else None
        judged = mood in ("passed", "failed")
        if judged and not self._judged:
            self.passed += mood == "passed"
            self.failed += mood == "failed"
        elif seen["check"] and not judged and not self._asked:
            self._walk.picture_check(self._tab, seen["check"])
        self._asked, self._judged = bool(seen["check"]) and not judged, judged


@contextmanager
def chromium(executable: Path, pictures: Path | None) -> Iterator[BrowserWalk]:
    """Run Chromium and yield who walks in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(_FLAGS))
        try:
            yield BrowserWalk(browser, pictures)
        finally:
            with suppress(PlaywrightError):
                browser.close()


@cache
def _films() -> str:
    """Return the puppet's pictures of each movement as the page's script takes them."""
    puppet = Puppet(seed=9)
    return json.dumps(
        {move: [b64encode(jpeg).decode() for jpeg in puppet.burst(move, 8)] for move in MOVES_ZH}
    )


def _has_chinese_font() -> bool:
    """Return whether pages are readable here with no font sent along."""
    listing = shutil.which("fc-list")
    if listing is None:
        return False
    found = subprocess.run([listing, ":lang=zh"], capture_output=True, check=False)
    return bool(found.stdout.strip())


def _looks() -> Iterator[None]:
    """Yield until it has taken too long."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline:
        yield


def _still_open(seen: Mapping[str, Any], leaving: bool) -> None:
    """Raise StepFailed when the agent's session is over before we left it."""
    if seen["state"] in ("refused", "failed") or (seen["state"] == "closed" and not leaving):
        raise StepFailed(f"学习会话中断:{seen['message']}")


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
