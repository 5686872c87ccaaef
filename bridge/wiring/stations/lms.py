"""What the platforms are told of their learners: scores and states."""

from typing import TYPE_CHECKING

from bridge.completion.gradebook import Gradebook
from bridge.completion.hour_scores import HourScores
from bridge.completion.learner_states import LearnerStates
from bridge.kernel.ids import RegistrationId
from bridge.wiring.lms_courses import LmsCourses

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations


def lms_courses(stations: "Stations") -> LmsCourses:
    return LmsCourses(stations.tx, stations.identity_store, stations.rosters)


def gradebook(stations: "Stations") -> Gradebook:
    return Gradebook(stations.tx)


def hour_scores(stations: "Stations") -> HourScores:
    return HourScores(
        stations.tx, stations.gradebook, stations.lms_courses, stations.registry, stations.earned
    )


def learner_states(stations: "Stations") -> LearnerStates:
    offered = stations.exam_services.is_set_up
    return LearnerStates(stations.tx, stations.lms_courses, stations.identity, stations.earned, offered)


def tell_platform_of_all(stations: "Stations", registration: RegistrationId) -> None:
    """Have a platform told of all its learners' states, whatever it was told before."""
    stations.learner_states.tell_again(registration)
    for learner, class_run in stations.lms_courses.learners_at(registration):
        stations.learner_states.ask(learner, class_run)
