"""Time counts by the very face reference that was anchored; anchoring one reference heals nothing of another."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput
from bridge.ledger.model import facts as ledger_facts
from bridge.ledger.model import settle
from bridge.ledger.model.facts import CheckFact, require_fact
from bridge.ledger.model.statement import SecondsStatement
from bridge.ledger.model.untested import untested_units
from tests.ledger.chains import Chain
from tests.ledger.study import MINUTE, START, Study, chain, rules, sheet
from tests.ledger.test_closing import kept_from, settled, three_lectures


def named(study: Study, references: dict[str, str]) -> Study:
    """Return the study in which each session's checks were compared with the reference that is named for it."""
    facts: list[tuple[str, dict[str, Any]]] = []
    for kind, data in study.facts:
        own = references.get(data.get("session", "")) if kind == "check" else None
        facts.append((kind, data if own is None else {**data, "reference": own}))
    return replace(study, facts=facts)


def anchor(reference: str, at: int = 0) -> tuple[str, dict[str, Any]]:
    return ("anchor", {"at_ms": START + at, "method": "staff_card_check", "reference": reference})


def studied() -> Study:
    """Ten minutes in session a, then ten minutes of another unit in session b, all between passed checks."""
    study = Study().watch("a", 0, 10 * MINUTE).passes("a", 0, 5 * MINUTE, 10 * MINUTE)
    study.watch("b", 20 * MINUTE, 10 * MINUTE, unit="unit-2")
    return study.passes("b", 20 * MINUTE, 25 * MINUTE, 30 * MINUTE)


def worth(study: Study, *more: tuple[str, dict[str, Any]]) -> SecondsStatement:
    return settle(sheet(), chain([*study.facts, *more]), rules())


def test_until_a_reference_is_anchored_its_time_is_provisional_and_says_why() -> None:
    said = worth(named(studied(), {"a": "one", "b": "one"}))
    assert (said.credited_seconds, said.provisional_seconds, said.anchored) == (0, 1200, False)
    assert set(said.reasons) == {"not_anchored"}


def test_anchoring_later_makes_the_earlier_seconds_count_exactly() -> None:
    study = named(studied(), {"a": "one", "b": "one"})
    later, before = worth(study, anchor("one", 60 * MINUTE)), worth(study)
    assert (later.credited_seconds, later.provisional_seconds) == (before.provisional_seconds, 0)
    assert later.anchored


def test_anchoring_never_heals_checks_against_another_reference() -> None:
    said = worth(named(studied(), {"a": "lent", "b": "own"}), anchor("own", 60 * MINUTE))
    assert (said.credited_seconds, said.provisional_seconds) == (600, 600)
    assert said.units[0].figures.credited_ms == 0
    assert said.units[1].figures.credited_ms == 10 * MINUTE
    assert set(said.reasons) == {"not_anchored"}


def test_time_between_checks_against_two_references_counts_only_when_both_are_the_persons() -> None:
    study = studied()
    facts = [
        (kind, {**data, "reference": "one" if data["at_ms"] <= START + 5 * MINUTE else "two"})
        if kind == "check"
        else (kind, data)
        for kind, data in study.facts
    ]
    mixed = Study(facts)
    assert worth(mixed, anchor("one")).credited_seconds == 300
    assert worth(mixed, anchor("two")).credited_seconds == 600
    assert worth(mixed, anchor("one"), anchor("two")).credited_seconds == 1200


def test_entries_of_earlier_versions_count_by_anchors_of_earlier_versions_alone() -> None:
    assert worth(studied().anchor()).credited_seconds == 1200
    assert worth(studied(), anchor("own")).credited_seconds == 0


@given(st.lists(st.sampled_from(["a", "b", ""]), max_size=3), st.sampled_from(["a", "b"]), st.booleans())
def test_credit_is_the_sum_over_anchored_references_whatever_comes_when(
    anchors: list[str], of_second: str, last: bool
) -> None:
    study = named(studied(), {"a": "a", "b": of_second})
    more = [anchor(one) if one else ("anchor", {"at_ms": START, "method": "id_photo"}) for one in anchors]
    facts = [*study.facts, *more] if last else [*more, *study.facts]
    said = settle(sheet(), chain(facts), rules())
    expected = 600 * ("a" in anchors) + 600 * (of_second in anchors)
    assert (said.credited_seconds, said.provisional_seconds) == (expected, 1200 - expected)


def test_a_test_that_another_face_sat_is_not_passed() -> None:
    course = sheet().course
    lent = ledger_facts.TestFact("quiz", "1", "accepted", ("lent",))
    assert untested_units(course, [lent], ["own"]) == {"unit-1", "unit-2"}
    assert untested_units(course, [lent], ["own", "lent"]) == frozenset()
    assert untested_units(course, [ledger_facts.TestFact("quiz", "1", "accepted")], []) == frozenset()


def test_a_statement_names_the_tests_whose_face_is_nobodys_yet() -> None:
    test = {"unit": "quiz", "attempt": "1", "decision": "accepted", "references": ["lent"]}
    study = named(studied(), {"a": "own", "b": "own"})
    said = worth(study, anchor("own"), ("test", test))
    assert said.unanchored_tests == {("quiz", "1")}
    assert worth(study, anchor("own"), ("test", test), anchor("lent")).unanchored_tests == frozenset()


@pytest.mark.parametrize("reference", ["", 7, None, ["one"]])
def test_a_reference_that_is_no_name_is_refused(reference: object) -> None:
    with pytest.raises(InvalidInput, match="未记录"):
        require_fact("anchor", {**anchor("x")[1], "learner": "l", "class_run": "r", "reference": reference})


def test_checks_without_a_name_read_as_before() -> None:
    assert CheckFact("c", "s", 1, 2, "passed").reference == ""


def test_a_further_anchor_has_the_whole_ledger_settled() -> None:
    study = named(three_lectures(), {"s0": "one", "s1": "two", "s2": "two"})
    study.facts[0] = anchor("one")
    kept, ledger = kept_from(study), Chain(chain([*study.facts, anchor("two", 24 * 60 * MINUTE)]))
    standing = settled(ledger, kept)
    assert not standing.from_snapshot
    assert standing.statement == settle(sheet(), ledger.all, rules())
    assert standing.statement.credited_ms > settle(sheet(), chain(study.facts), rules()).credited_ms > 0
