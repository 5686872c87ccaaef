"""Study waits for the test of its course where the rules say so, and counts from when it is passed."""

from dataclasses import replace
from datetime import date

from bridge.ledger.model import ProfileStudyRules, SecondsStatement, Verdict, facts, settle
from bridge.ledger.model.reasons import AWAITS_TEST
from bridge.ledger.model.rules import StudyLimits, next_day_start_ms
from bridge.ledger.model.untested import untested_units
from bridge.registry.model import ClassRunSheet, Course
from bridge.rules.model import Resolved
from tests.ledger.study import MINUTE, START, Study, chain, rules, sheet

MIDNIGHT = next_day_start_ms(START) - START


class TestFirst:
    """The rules that ship, but from `since` on study waits for the test."""

    __test__ = False

    def __init__(self, of: ClassRunSheet, since: date = date.min) -> None:
        self._rules: ProfileStudyRules = rules(of)
        self._since = since

    def on(self, day: date) -> StudyLimits:
        return replace(self._rules.on(day), test_before_credit=day >= self._since)

    def source(self, parameter: str, day: date) -> Resolved:
        return self._rules.source(parameter, day)


def studied(begin: int = 0) -> Study:
    return (
        Study()
        .anchor()
        .watch("a", begin, 20 * MINUTE)
        .passes("a", begin, begin + 10 * MINUTE, begin + 20 * MINUTE)
    )


def with_quiz(study: Study, decision: str = "accepted") -> Study:
    fact = {
        "learner": "lrn_made_up",
        "class_run": "run_made_up",
        "unit": "quiz",
        "attempt": "1",
        "decision": decision,
    }
    study.facts.append(("test", fact))
    return study


def worth(study: Study, since: date = date.min, of: ClassRunSheet | None = None) -> SecondsStatement:
    of = of or sheet()
    return settle(of, chain(study.facts), TestFirst(of, since))


def test_study_is_pending_until_the_test_of_the_course_is_passed() -> None:
    said = worth(studied())
    assert (said.credited_seconds, said.figures.pending_seconds) == (0, 20 * 60)
    assert said.reasons[AWAITS_TEST].parameter == "study.test_before_credit"
    assert said.reasons[AWAITS_TEST].seconds == 20 * 60
    assert worth(with_quiz(studied(), "refused")).figures.pending_seconds == 20 * 60
    passed = worth(with_quiz(studied()))
    assert (passed.credited_seconds, passed.figures.pending_seconds) == (20 * 60, 0)
    assert passed == settle(sheet(), chain(with_quiz(studied()).facts), rules())


def test_as_the_packs_ship_nothing_waits_for_a_test() -> None:
    said = settle(sheet(), chain(studied().facts), rules())
    assert (said.credited_seconds, said.figures.pending_seconds) == (20 * 60, 0)


def test_what_is_refused_or_unconfirmed_is_not_pending() -> None:
    said = worth(Study().anchor().watch("a", 0, 20 * MINUTE).passes("a", 0, 10 * MINUTE))
    assert said.figures.pending_seconds == 10 * 60
    assert said.provisional_seconds == 10 * 60


def test_a_rule_that_begins_at_midnight_holds_from_midnight_on() -> None:
    said = worth(studied(MIDNIGHT - 5 * MINUTE), date(2026, 11, 25))
    assert (said.credited_seconds, said.figures.pending_seconds) == (5 * 60, 15 * 60)
    (change,) = {s.start_ms for s in said.timeline if s.verdict is Verdict.PENDING}
    assert change == START + MIDNIGHT


def test_media_studied_before_the_test_is_not_to_be_studied_again() -> None:
    part = worth(studied()).unit("unit-1")
    assert part is not None
    assert part.seen_media.total == 20 * MINUTE


def with_tests(*outline_units: str | None) -> Course:
    course = sheet().course
    study = [unit for unit in course.units if unit.activity == "study"]
    other = replace(study[0], id=type(study[0].id)("unit-3"), outline_unit_id="another-part")
    quizzes = [
        replace(course.units[-1], id=type(study[0].id)(f"quiz-{index}"), outline_unit_id=part)
        for index, part in enumerate(outline_units)
    ]
    return replace(course, units=(*study, other, *quizzes))


def test_a_test_of_one_part_holds_that_part_and_a_test_of_the_course_holds_all() -> None:
    assert untested_units(with_tests(), ()) == frozenset()
    assert untested_units(with_tests("another-part"), ()) == {"unit-3"}
    assert untested_units(with_tests("another-part", None), ()) == {"unit-1", "unit-2", "unit-3"}
    passed = facts.TestFact("quiz-1", "1", "accepted")
    assert untested_units(with_tests("another-part", None), [passed]) == {"unit-3"}
    assert untested_units(
        with_tests("online-part", "online-part"), [facts.TestFact("quiz-0", "1", "accepted")]
    ) == {
        "unit-1",
        "unit-2",
    }
