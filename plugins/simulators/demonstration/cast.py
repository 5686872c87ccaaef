"""Who plays in the demonstration, read from its YAML: made-up people, their accounts, the quiz's answers."""

from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from plugins.simulators.demo_lms.course import load
from plugins.simulators.demonstration.walker import Person

_LEARNER, _SECOND_LEARNER = "lms-user-1001", "lms-user-1002"
_STRANGER, _SECOND_ACCOUNT = "lms-user-1003", "lms-user-1004"


@dataclass(frozen=True, slots=True)
class Cast:
    """The parts.

    Args:
        second_learner: left for the reader to play.
        second_account: another LMS user of the same person.
        units: resource links of the study units, in order.
        answers: index of the right option of each question.
        staff: two people of the institution; the first enters, the second confirms.
        officials: one of the class run's city, one of another.
    """

    learner: Person
    second_learner: Person
    stranger: Person
    second_account: str
    units: tuple[str, ...]
    answers: tuple[int, ...]
    staff: tuple[str, str]
    officials: tuple[str, str]


def read_cast(catalogue: Path) -> Cast:
    """Return the cast of the catalogue folder; KeyError or ValueError if the folder is not a demonstration's."""
    yaml = YAML(typ="safe", pure=True)
    listed, other_listed = yaml.load(catalogue / "enrolment_list.yaml")["learners"][:2]
    stranger = yaml.load(catalogue / "stranger.yaml")
    first, second = (one["login"] for one in yaml.load(catalogue / "institution.yaml")["staff"][:2])
    own, other = (one["login"] for one in yaml.load(catalogue / "officials.yaml")["officials"][:2])
    course = load(catalogue / "lms.yaml", lms_url="", bridge_url="").course
    return Cast(
        learner=Person(_LEARNER, listed["name"], listed["citizen_id"]),
        second_learner=Person(_SECOND_LEARNER, other_listed["name"], other_listed["citizen_id"]),
        stranger=Person(_STRANGER, stranger["name"], stranger["citizen_id"]),
        second_account=_SECOND_ACCOUNT,
        units=tuple(unit.resource_link_id for unit in course.units),
        answers=tuple(question.answer for question in course.quiz.questions),
        staff=(first, second),
        officials=(own, other),
    )
