"""Furnished houses (some only looked at, one for each test that changes it), and the one browser of the run."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import select

from bridge.app import create_app
from bridge.identity.tables import LearnerRow
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import FixedClock
from bridge.settings import Mode, Settings
from bridge.wiring import House
from tests.web.furnished import CHEN, CHEN_ID, NOW, Furnished, furnish


@pytest.fixture
def furnished(tmp_path: Path) -> Furnished:
    return furnish(tmp_path)


@pytest.fixture(scope="session")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """A house that its tests leave as it is."""
    return furnish(tmp_path_factory.mktemp("looked_at"))


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Furnished, str, LearnerRef, str]:
    """A house with one learner who has a paper: (house, account, learner, number)."""
    made = furnish(tmp_path_factory.mktemp("finished"), with_fonts=True)
    account, learner = made.enrol("lms-user-1001", CHEN, CHEN_ID)
    made.finish_course(learner)
    made.pass_test(learner)
    return made, account, learner, made.papers(learner)[0].number


@pytest.fixture
def finished(
    finished_once: tuple[Furnished, str, LearnerRef, str],
) -> Iterator[tuple[Furnished, str, LearnerRef, str]]:
    """That house, which its tests leave as it is: all of them share it, in any order."""
    yield finished_once
    with finished_once[0].house.uow.across_institutions("test: who lives here", read_only=True) as tx:
        learners = tx.session.scalars(select(LearnerRow.id)).all()
    assert learners == [finished_once[2]], "whoever lets somebody in takes `finished_alone`"


@pytest.fixture
def finished_alone(
    finished_once: tuple[Furnished, str, LearnerRef, str], tmp_path: Path
) -> Iterator[tuple[Furnished, str, LearnerRef, str]]:
    """A copy of the finished house for a test that changes it."""
    made, account, learner, number = finished_once
    var = tmp_path / "var"
    shutil.copytree(made.house.settings.var, var, symlinks=True)
    house = House(Settings(mode=Mode.DEMONSTRATION, var=var), clock=FixedClock(NOW))
    house.__dict__["rules"] = made.house.rules
    app = create_app(house.settings, house)
    app.testing = True
    yield Furnished(house, app, FixedClock(NOW)), account, learner, number
    house.close()


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A moving pattern, 640×480 at 10 frames a second, as Chromium's fake camera reads it."""
    path = tmp_path_factory.mktemp("camera") / "pattern.y4m"
    rows, columns = np.mgrid[0:480, 0:640]
    with path.open("wb") as stream:
        stream.write(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n")
        for frame in range(10):
            luma = ((rows + columns + 25 * frame) % 256).astype(np.uint8)
            stream.write(b"FRAME\n" + luma.tobytes() + b"\x70" * (320 * 240) + b"\x90" * (320 * 240))
    return path


@pytest.fixture(scope="session")
def browser(camera: Path) -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable is not None, "install Debian's package chromium"
    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    ]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=flags)
        yield chromium
        chromium.close()
