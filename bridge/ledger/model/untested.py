"""What waits for the test of the course: studied and proved, but the test is not done. Pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from bridge.ledger.model.facts import TestFact
from bridge.ledger.model.reasons import AWAITS_TEST
from bridge.ledger.model.rules import StudyRules, legal_day, next_day_start_ms
from bridge.ledger.model.statement import Segment, Verdict
from bridge.registry.model import Course

_ACCEPTED = "accepted"


def untested_units(
    course: Course, tests: Iterable[TestFact], anchors: Collection[str] = ()
) -> frozenset[str]:
    """Return the units of which a test is not passed: one of their part of the outline, or of the whole course.

    A test whose checks saw a face that is nobody's yet is not passed until that reference is one of `anchors`.
    """
    passed = {test.unit for test in tests if test.decision == _ACCEPTED and test.stands_on(anchors)}
    open_tests = [unit for unit in course.units if unit.activity == "test" and unit.id not in passed]
    over_all = any(test.outline_unit_id is None for test in open_tests)
    parts = {test.outline_unit_id for test in open_tests}
    return frozenset(
        unit.id
        for unit in course.units
        if unit.activity == "study" and (over_all or unit.outline_unit_id in parts)
    )


def await_tests(
    timeline: Iterable[Segment], untested: frozenset[str], rules: StudyRules
) -> Iterator[Segment]:
    """Yield the timeline with credited time of `untested` units pending, on days when the rules want the test first.

    Raises:
        NoRuleInForce: as `StudyRules.on`.
    """
    for segment in timeline:
        if segment.verdict is not Verdict.CREDITED or segment.unit not in untested:
            yield segment
            continue
        for part in _by_legal_day(segment):
            held = rules.on(legal_day(part.start_ms)).test_before_credit
            yield replace(part, verdict=Verdict.PENDING, reason=AWAITS_TEST) if held else part


def _by_legal_day(segment: Segment) -> Iterator[Segment]:
    at = segment.start_ms
    while at < segment.end_ms:
        end = min(segment.end_ms, next_day_start_ms(at))
        yield replace(segment, start_ms=at, end_ms=end)
        at = end
