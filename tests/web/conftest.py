"""Two furnished houses: some that are only looked at, one for each test that changes it."""

from pathlib import Path

import pytest

from bridge.kernel.ids import LearnerRef
from tests.web.furnished import CHEN, CHEN_ID, Furnished, furnish


@pytest.fixture
def furnished(tmp_path: Path) -> Furnished:
    return furnish(tmp_path)


@pytest.fixture(scope="session")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """A house that its tests leave as it is."""
    return furnish(tmp_path_factory.mktemp("looked_at"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Furnished, str, LearnerRef, str]:
    """A house with one learner who has a paper: (house, account, learner, number). Tests only look."""
    made = furnish(tmp_path_factory.mktemp("finished"), with_fonts=True)
    account, learner = made.enrol("lms-user-1001", CHEN, CHEN_ID)
    made.finish_course(learner)
    made.pass_test(learner)
    return made, account, learner, made.papers(learner)[0].number
