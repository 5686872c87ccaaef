"""Learners who do not get past a check: who they are, and what each can do and where."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.presence.model import CheckKind, CheckState, PresenceCheck
from bridge.presence.review.model import WayOut, appeal_until, failures_in_a_row, ways_out, ways_words

if TYPE_CHECKING:
    from bridge.wiring.stations import Stations

_OF_TEST = frozenset({CheckKind.TEST_START, CheckKind.IN_TEST})


@dataclass(frozen=True, slots=True)
class Stuck:
    """A learner whose newest checks were not passed.

    Args:
        failures: how many in a row; `is_stuck`: as many as the pack calls stuck.
        ways: in words, most likely first.
    """

    outcome: CheckState
    failures: int
    is_stuck: bool
    needs_people: bool
    ways: tuple[str, ...]


def stuck_at(stations: "Stations", learner: LearnerRef, class_run: ClassRunId) -> Stuck | None:
    """Return where the learner stands; None if the newest check was passed, or there was none."""
    checks = stations.review_store.ended_checks(learner, class_run)
    failures = failures_in_a_row(check.state for check, _ended_at in checks)
    if failures == 0:
        return None
    check, ended_at = checks[-1]
    rules = stations.review_rules.reviews(class_run)
    ways = [
        way
        for way in ways_out(check.state, failures, rules)
        # Nothing of a test can be studied anew.
        if not (way is WayOut.MAKE_UP and check.kind in _OF_TEST)
    ]
    words = ways_words(
        ways,
        where=_where(stations),
        closes_on=stations.registry.class_run(class_run).closes_on,
        appeal_until=_until(stations, check, legal_date(ended_at)),
    )
    return Stuck(check.state, failures, failures >= rules.stuck_failures, WayOut.STAFF in ways, words)


def with_way_out(stations: "Stations", check: PresenceCheck, message: str) -> str:
    """Return what a learner is told of a check, with the way out and where it is for who does not get past it."""
    if check.state in (CheckState.OPEN, CheckState.PASSED):
        return message
    stuck = stuck_at(stations, check.learner, check.class_run)
    if stuck is None or not stuck.needs_people:
        return message
    return f"{message}您还可以:{';'.join(stuck.ways)}。"


def _until(stations: "Stations", check: PresenceCheck, ended: date) -> date:
    rules = stations.review_rules.reviews(check.class_run)
    cases = [
        one
        for one in stations.review_store.of_learner(check.learner, check.class_run)
        if one.check == check.id
    ]
    return appeal_until(ended, cases, rules)


def _where(stations: "Stations") -> str:
    institution = stations.registry_store.institution()
    return institution.name if institution is not None else "培训机构"
