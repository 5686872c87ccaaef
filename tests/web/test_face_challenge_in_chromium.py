"""The registration page in a real browser: it leads through a challenge, says what is wrong, and never blames.

The camera is drawn by the page (noise, so that no two pictures are alike); what the pictures show an engine says that
is scripted and recognises nobody. Time is the test's, moved on as the real one passes.
"""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import WSGIRequestHandler, make_server

from bridge.kernel.ids import LearnerRef
from bridge.presence.challenge import Move
from bridge.presence.face import FaceObservation
from bridge.settings import ROOT
from tests.presence.pictures import SHOWING, PictureEngine, picture
from tests.servers.children import free_port
from tests.web.furnished import CHEN, CHEN_ID, JPEG, ORG, RUN, Furnished, furnish

pytestmark = pytest.mark.e2e

_DRAWN_CAMERA = """
window.opened = 0; window.tracks = [];
navigator.mediaDevices.getUserMedia = async () => {
  window.opened += 1;
  if (window.denied) { window.denied -= 1; throw new DOMException('denied', 'NotAllowedError'); }
  const canvas = document.createElement('canvas');
  canvas.width = 640; canvas.height = 480;
  const paint = canvas.getContext('2d');
  const draw = () => {
    paint.fillStyle = window.dark ? '#060606' : '#8a8f94';
    paint.fillRect(0, 0, 640, 480);
    for (let grain = 0; grain < 300; grain += 1) {
      paint.fillStyle = 'rgba(' + [0, 0, 0].map(() => Math.floor(Math.random() * (window.dark ? 20 : 255))) + ',.7)';
      paint.fillRect(Math.random() * 640, Math.random() * 480, 14, 14);
    }
  };
  draw(); setInterval(draw, 40);
  const stream = canvas.captureStream(25);
  window.tracks.push(...stream.getTracks());
  return stream;
};
"""


class Scripted(PictureEngine):
    """Says of each frame of a burst what the script says of the movement that is asked for."""

    def __init__(self, furnished: Furnished, learner: LearnerRef) -> None:
        self._furnished, self._learner = furnished, learner
        self.script: Callable[[Move], Sequence[str]] = SHOWING.__getitem__
        self._burst, self._at = "", 0

    def observe(self, jpeg: bytes) -> FaceObservation:
        if jpeg == JPEG:
            return super().observe(picture("0"))
        with self._furnished.house.uow.for_institution(ORG, read_only=True) as tx:
            found = self._furnished.house.at(tx).challenges.look(self._learner, RUN)
        assert found is not None
        assert found.step is not None
        if found.step.nonce != self._burst:
            self._burst, self._at = found.step.nonce, 0
        says = self.script(found.step.move)
        self._at += 1
        return super().observe(picture(says[(self._at - 1) % len(says)]))


class Room:
    """A served house with its worker, and one learner on the registration page."""

    def __init__(self, furnished: Furnished, url: str, browser: Browser) -> None:
        self.furnished, self.url, self._browser = furnished, url, browser
        self.account, self.learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
        self.engine = Scripted(furnished, self.learner)
        furnished.house.__dict__["engine_for_faces"] = self.engine
        self.complaints: list[str] = []

    def open(self, width: int = 390, height: int = 844) -> Page:
        context = self._browser.new_context(viewport={"width": width, "height": height})
        cookie = self.furnished.as_learner(self.account, self.learner).get_cookie("anxue_session")
        assert cookie is not None
        context.add_cookies([{"name": "anxue_session", "value": cookie.value, "url": self.url}])
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.add_init_script(_DRAWN_CAMERA)
        page.goto(f"{self.url}/learner/face")
        return page

    def anchored(self) -> bool:
        with self.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
            found = self.furnished.house.at(tx).presence_store.reference(self.learner, RUN)
        return found is not None and found.anchored_ms is not None


@pytest.fixture
def room(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Room]:
    port, over = free_port(), threading.Event()
    furnished = furnish(tmp_path_factory.mktemp("challenge"), assets=ROOT / "var" / "assets", port=port)
    made = Room(furnished, f"http://127.0.0.1:{port}", browser)

    def work() -> None:
        while not over.wait(0.05):
            furnished.clock.advance(milliseconds=50)
            furnished.work_off()

    server = make_server("127.0.0.1", port, furnished.app, threaded=True, request_handler=_Quiet)
    threads = [threading.Thread(target=server.serve_forever), threading.Thread(target=work)]
    for thread in threads:
        thread.start()
    yield made
    over.set()
    server.shutdown()
    for thread in threads:
        thread.join()
    server.server_close()
    furnished.house.close()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        return


def test_the_page_leads_through_the_challenge_and_lets_the_camera_go(room: Room) -> None:
    page = room.open()
    page.get_by_test_id("face-start").click()
    expect(page.get_by_test_id("face-say")).to_have_text("请正对屏幕,看着摄像头。")
    expect(page.get_by_test_id("face-count")).to_have_text("第 1 步，共 4 步")
    page.wait_for_selector('#face-view[data-move="turn_left"], #face-view[data-move="turn_right"],'
                           ' #face-view[data-move="nod"], #face-view[data-move="blink"]')  # fmt: skip
    page.wait_for_url("**/learner", timeout=60_000)
    assert room.anchored()
    assert room.complaints == []
    page.context.close()


def test_who_shows_nothing_is_told_kindly_and_may_begin_again(room: Room) -> None:
    room.engine.script = lambda _move: ("0",)
    page = room.open()
    page.get_by_test_id("face-start").click()
    expect(page.get_by_test_id("face-hint")).to_contain_text("没关系,没有看清动作", timeout=30_000)
    page.wait_for_selector('#face-room[data-state="failed"]', timeout=60_000)
    expect(page.get_by_test_id("face-say")).to_have_text("没关系，可以再来一次")
    expect(page.get_by_test_id("face-hint")).to_contain_text("班主任当面核对证件")
    assert page.evaluate("window.tracks.every((track) => track.readyState === 'ended')") is True

    room.engine.script = SHOWING.__getitem__
    page.get_by_test_id("face-again").click()
    page.wait_for_url("**/learner", timeout=60_000)
    assert room.anchored()
    assert room.complaints == []
    page.context.close()


def test_a_poor_picture_is_said_at_once_and_the_straight_look_goes_on(room: Room) -> None:
    room.engine.script = lambda _move: ("dark",)
    page = room.open()
    page.get_by_test_id("face-start").click()
    expect(page.get_by_test_id("face-hint")).to_have_text("光线太暗,请面向光源。")
    room.engine.script = SHOWING.__getitem__
    page.wait_for_url("**/learner", timeout=60_000)
    page.context.close()


def test_a_dark_room_is_seen_by_the_page_itself_and_nothing_is_sent(room: Room) -> None:
    page = room.open()
    page.evaluate("window.dark = true")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "frames" in request.url else None)
    page.get_by_test_id("face-start").click()
    expect(page.get_by_test_id("face-hint")).to_have_text("光线太暗，请面向灯或窗户。")
    assert sent == []
    page.evaluate("window.dark = false")
    page.wait_for_url("**/learner", timeout=60_000)
    page.context.close()


def test_another_person_is_named_as_such_and_nobody_is_anchored(room: Room) -> None:
    room.engine.script = lambda _move: ("90",)
    page = room.open()
    page.get_by_test_id("face-start").click()
    page.wait_for_selector('#face-room[data-state="failed"]', timeout=60_000)
    expect(page.get_by_test_id("face-hint")).to_contain_text("与报名照片不一致")
    assert not room.anchored()
    page.context.close()


def test_a_denied_camera_is_explained_and_can_be_tried_again_or_left(room: Room) -> None:
    page = room.open()
    page.evaluate("window.denied = 1")
    page.get_by_test_id("face-start").click()
    expect(page.get_by_test_id("face-hint")).to_contain_text("摄像头没有获得允许")
    page.get_by_test_id("face-leave").click()
    expect(page.get_by_test_id("face-room")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "face-start"
    page.get_by_test_id("face-start").click()
    page.wait_for_selector('#face-view[data-move="front"]')
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("face-room")).to_be_hidden()
    assert page.evaluate("window.tracks.every((track) => track.readyState === 'ended')") is True
    page.context.close()


def test_nothing_runs_off_the_screen_of_a_small_telephone(room: Room) -> None:
    room.engine.script = lambda _move: ("0",)
    for width, height in ((320, 568), (390, 844), (1280, 900)):
        page = room.open(width, height)
        page.get_by_test_id("face-start").click()
        page.wait_for_selector('#face-view[data-move="front"]')
        beyond = page.evaluate(
            "document.getElementById('face-room').scrollWidth - document.getElementById('face-room').clientWidth"
        )
        assert beyond == 0
        assert page.get_by_test_id("face-leave").bounding_box()["height"] >= 48  # type: ignore[index]
        page.context.close()
