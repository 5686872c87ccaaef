"""Frozen time: counted but for the institution's fault, and credited to the second once that is mended."""

from typing import Any

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.ledger.model import SecondsStatement, Verdict, settle
from bridge.ledger.model.facts import require_fact
from tests.ledger.study import MINUTE, START, Study, chain, rules, sheet

WHOSE = {"learner": "lrn_made_up", "class_run": "run_made_up"}


def freeze(name: str, start: int, end: int, fault: str = "not_registered") -> tuple[str, dict[str, Any]]:
    return "freeze", {
        **WHOSE,
        "freeze": name,
        "fault": fault,
        "start_ms": START + start,
        "end_ms": START + end,
    }


def release(name: str) -> tuple[str, dict[str, Any]]:
    return "release", {**WHOSE, "freeze": name, "at_ms": START + 90 * MINUTE}


def studied() -> Study:
    study = Study().anchor().watch("s", 0, 10 * MINUTE).passes("s", 0, 5 * MINUTE, 10 * MINUTE)
    return study.watch("hidden", 20 * MINUTE, 2 * MINUTE, visible=0).passes("hidden", 20 * MINUTE)


def settled(*facts: tuple[str, dict[str, Any]]) -> SecondsStatement:
    return settle(sheet(), chain([*studied().facts, *facts]), rules())


def test_frozen_time_is_neither_credited_nor_refused_and_says_why() -> None:
    after = settled(freeze("a", 2 * MINUTE, 6 * MINUTE))

    assert after.credited_seconds == 6 * 60
    assert after.figures.frozen_seconds == 4 * 60
    assert after.refused_seconds == settled().refused_seconds
    assert [(s.verdict, s.reason) for s in after.timeline if s.verdict is Verdict.FROZEN] == [
        (Verdict.FROZEN, "not_registered")
    ]
    reason = after.reasons["not_registered"]
    assert (reason.parameter, reason.citation.article) == ("institution.registration_required", "第十三条")
    unit = after.unit("unit-1")
    assert unit is not None
    assert unit.figures.credited_seconds == 6 * 60


def test_a_withdrawn_course_freezes_too() -> None:
    after = settled(freeze("a", 0, MINUTE, "course_withdrawn"))

    assert after.figures.frozen_seconds == 60
    assert after.reasons["course_withdrawn"].citation.article == "第十七条"


def test_what_was_released_is_worth_what_it_would_have_been_to_the_second() -> None:
    before = settled()

    assert settled(freeze("a", 0, 60 * MINUTE), release("a")) == before


def test_one_of_two_faults_that_is_mended_releases_nothing() -> None:
    both = (freeze("a", 0, 60 * MINUTE), freeze("b", 0, 60 * MINUTE, "course_withdrawn"))

    assert settled(*both).figures.frozen_seconds == 600
    assert settled(*both, release("a")).figures.frozen_seconds == 600
    assert settled(*both, release("a"), release("b")) == settled()


def test_time_that_is_refused_anyway_is_not_frozen() -> None:
    after = settled(freeze("a", 20 * MINUTE, 22 * MINUTE))

    assert after == settled()


def test_freezes_and_releases_may_come_in_any_order() -> None:
    facts = [*studied().facts, freeze("a", 0, MINUTE), release("b"), freeze("b", MINUTE, 2 * MINUTE)]

    assert settle(sheet(), chain(facts), rules()) == settle(sheet(), chain(facts[::-1]), rules())


@pytest.mark.parametrize(
    "wrong", [{"fault": "bad_weather"}, {"end_ms": START}, {"freeze": ""}, {"start_ms": None}]
)
def test_a_freeze_that_says_too_little_is_no_entry(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="ledger_fact_invalid"):
        require_fact("freeze", {**freeze("a", 0, MINUTE)[1], **wrong})
