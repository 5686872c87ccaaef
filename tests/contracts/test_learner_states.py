"""What every `LearnerStateKeeper` does: run on the Moodle adapter, before a stand-in, and on the fake."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bridge.completion.ports import LearnerStateKeeper
from bridge.kernel.errors import Unavailable
from lti.registration import NetworkPolicy
from plugins.lms.moodle_learner_states import MoodleLearnerStates
from tests.contracts.moodle_stand_in import TOKEN, MoodleStandIn
from tests.contracts.remembered_states import RememberedStates
from tests.lti.served import served


@dataclass
class Case:
    """An adapter, and where to look for what it did."""

    keeper: LearnerStateKeeper
    there: Any


@pytest.fixture(params=["moodle", "fake"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    if request.param == "fake":
        fake = RememberedStates()
        yield Case(fake, fake)
        return
    moodle = MoodleStandIn()
    with served(moodle) as origin:
        yield Case(MoodleLearnerStates(f"{origin}/site", TOKEN, NetworkPolicy(demo=True)), moodle)


def tell(case: Case, *, real_name: bool = True, hours: int = 3, context: str = "7", sub: str = "42") -> None:
    case.keeper.set_learner_state(sub=sub, context_id=context, real_name=real_name, class_hours=hours)


def test_a_state_is_kept_for_one_person_in_one_course(case: Case) -> None:
    tell(case)
    tell(case, sub="43", hours=0)
    tell(case, context="8", real_name=False)

    assert case.there.states == {("42", "7"): (True, 3), ("43", "7"): (True, 0), ("42", "8"): (False, 3)}


def test_what_is_said_now_stands_in_place_of_what_was_said_before(case: Case) -> None:
    for real_name, hours in ((True, 3), (True, 3), (True, 4), (False, 0)):
        tell(case, real_name=real_name, hours=hours)

    assert case.there.states == {("42", "7"): (False, 0)}


def test_a_course_that_is_not_there_is_refused_for_good(case: Case) -> None:
    with pytest.raises(Unavailable) as refused:
        tell(case, context="no-course")

    assert refused.value.permanent
    assert case.there.states == {}
