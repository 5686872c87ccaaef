"""A furnished house whose platform answers on loopback; in one of them somebody has studied already."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.app import create_app
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import FixedClock
from bridge.settings import Mode, Settings
from bridge.wiring import House
from tests.web.furnished import CHEN, CHEN_ID, NOW, Furnished, furnish
from tests.wiring.lms import SUB, Lms, lms_of


@pytest.fixture
def lms(tmp_path: Path) -> Iterator[Lms]:
    with lms_of(furnish(tmp_path)) as made:
        yield made
        made.house.close()


@pytest.fixture(scope="session")
def studied_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Furnished, Path, LearnerRef]:
    """A house in which `SUB` proved a name and studied the whole online part, two class hours; tests copy it."""
    folder = tmp_path_factory.mktemp("studied")
    made = furnish(folder, with_fonts=True)
    _account, learner = made.enrol(SUB, CHEN, CHEN_ID)
    made.finish_course(learner)
    made.house.close()
    return made, folder / "var", learner


@pytest.fixture
def studied(studied_once: tuple[Furnished, Path, LearnerRef], tmp_path: Path) -> Iterator[Lms]:
    """A copy of that house, before anybody launched from the platform."""
    first, var, learner = studied_once
    shutil.copytree(var, tmp_path / "var", symlinks=True)
    house = House(Settings(mode=Mode.DEMONSTRATION, var=tmp_path / "var"), clock=FixedClock(NOW))
    house.__dict__["rules"] = first.house.rules
    app = create_app(house.settings, house)
    app.testing = True
    assert isinstance(house.clock, FixedClock)
    with lms_of(Furnished(house, app, house.clock)) as made:
        made.learner = learner
        yield made
        house.close()
