"""A served house whose clock runs, with a ready learner and short units, for tests of the player in a real browser."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Browser, Page
from werkzeug.serving import WSGIRequestHandler, make_server

from bridge.app import create_app
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import FixedClock
from bridge.settings import ROOT
from bridge.wiring import House
from tests.servers.children import free_port
from tests.web.furnished import NOW, ORG, RUN, Furnished
from tests.web.lms import HUANG_SUB, Lms, lms_of_ready_learners, person
from tests.web.lms_in_chromium import SEES_NO_MOVEMENT, EveryFace
from tests.web.materials import MEDIA_UNIT, TEXT_UNIT, THREE_PAGES, UNIT_SECONDS, give_material

FACTOR = 20
"""Study seconds in a real second."""


class RunningClock(FixedClock):
    """Real time from `NOW` on, so that no test rests on the day it runs."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self._began = time.monotonic()

    def now(self) -> datetime:
        return self.at + timedelta(seconds=time.monotonic() - self._began)


@dataclass
class PlayerVisit:
    """The house, who learns there, and what the browser complained of."""

    furnished: Furnished
    url: str
    account: str
    learner: LearnerRef
    browser: Browser
    complaints: list[str]
    lms: Lms

    def open(self, path: str, width: int = 390) -> Page:
        client = self.furnished.as_learner(self.account, self.learner)
        return self.show(path, client.get_cookie("anxue_session"), width)

    def open_as_staff(self, path: str, login: str, width: int = 390) -> Page:
        return self.show(path, self.furnished.as_staff(login).get_cookie("anxue_session"), width)

    def show(self, path: str, cookie: Any, width: int) -> Page:
        context = self.browser.new_context(viewport={"width": width, "height": 844}, locale="zh-CN")
        context.grant_permissions(["camera"], origin=self.url)
        context.add_cookies([{"name": "anxue_session", "value": cookie.value, "url": self.url}])
        page = context.new_page()
        page.on("console", lambda message: self._hear(message.text, str(message.location["url"])))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.url + path)
        return page

    def _hear(self, text: str, where: str) -> None:
        # A frame that was under way when the check was passed is answered 409; the agent expects that.
        if not where.endswith("/frames"):
            self.complaints.append(f"{text} {where}")

    def credited_ms(self, unit: str) -> int:
        """Return what the ledger says of the unit."""
        with self.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
            part = self.furnished.house.at(tx).ledger.statement(self.learner, RUN).unit(unit)
        return 0 if part is None else part.figures.credited_ms

    def as_another(self) -> "PlayerVisit":
        """Return the same house as the other ready learner sees it."""
        account, learner = person(self.lms, HUANG_SUB)
        return replace(self, account=account, learner=learner)


@contextmanager
def player_visit(folder: Path, browser: Browser, factor: int = FACTOR) -> Iterator[PlayerVisit]:
    """Give the house with its worker, a text of three pages and a video, each of one study minute."""
    port = free_port()
    lms = lms_of_ready_learners(folder, assets=ROOT / "var" / "assets", port=port)
    account, learner = person(lms)
    lms.furnished.house.close()
    settings = lms.furnished.house.settings.model_copy(update={"study_factor": factor})
    (settings.data_dir / "study_clock.json").unlink()
    clock = RunningClock()
    house = House(settings, clock=clock)
    house.__dict__["rules"] = lms.furnished.house.rules
    house.__dict__["engine_for_faces"] = EveryFace()
    house.__dict__["face_pack"] = SEES_NO_MOVEMENT
    give_material(house, TEXT_UNIT, THREE_PAGES.encode())
    give_material(house, MEDIA_UNIT, video(folder, UNIT_SECONDS))
    lms.furnished = furnished = Furnished(house, create_app(settings, house), clock)
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.05):
            furnished.work_off()

    server = make_server("127.0.0.1", port, _read_out(furnished.app), threaded=True, request_handler=_Quiet)
    threads = [threading.Thread(target=server.serve_forever), threading.Thread(target=work)]
    for thread in threads:
        thread.start()
    try:
        yield PlayerVisit(furnished, f"http://127.0.0.1:{port}", account, learner, browser, [], lms)
    finally:
        over.set()
        server.shutdown()
        for thread in threads:
            thread.join()
        server.server_close()
        house.close()


def video(folder: Path, seconds: int) -> bytes:
    """Return a WebM (VP8) of a changing colour, made here."""
    path = folder / "made.webm"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), 5, (160, 120))
    for number in range(5 * seconds):
        writer.write(np.full((120, 160, 3), (number % 255, 120, 200), np.uint8))
    writer.release()
    return path.read_bytes()


def _read_out(app: Any) -> Any:
    """Close what an answer holds before it is sent: this server leaves a file open whose reader went away."""

    def answered(environ: Any, start_response: Any) -> list[bytes]:
        parts = app(environ, start_response)
        try:
            return [b"".join(parts)]
        finally:
            if hasattr(parts, "close"):
                parts.close()

    return answered


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        return
