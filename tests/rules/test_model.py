"""What holds on a day, and which of two meeting values binds."""

from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.citation import Basis
from bridge.kernel.errors import InvalidInput
from bridge.rules.model import LegalDates, NoRuleInForce, PackConflict, RuleBook, Stricter, Value
from tests.rules.made_packs import END, START, in_force, pack, parameter

NAME = "study.cap_seconds"
BASES = st.sampled_from([Basis.LAW, Basis.STANDARD, Basis.PRACTICE])
DAYS = st.dates(date(2020, 1, 1), date(2030, 1, 1))
DIRECTIONS: st.SearchStrategy[Stricter] = st.sampled_from(["min", "max"])


@given(st.lists(st.tuples(st.integers(0, 5), BASES), min_size=1, max_size=4), DIRECTIONS, st.randoms())
def test_the_order_of_packs_in_a_profile_changes_nothing(
    entries: list[tuple[int, Basis]], stricter: Stricter, chance: Random
) -> None:
    packs = [pack(f"p{i}", parameter(v, basis=b, stricter=stricter)) for i, (v, b) in enumerate(entries)]
    shuffled = list(packs)
    chance.shuffle(shuffled)
    one, other = in_force(*packs).value(NAME, START), in_force(*shuffled).value(NAME, START)
    assert one == other
    assert one.value == (min if stricter == "min" else max)(value for value, _ in entries)
    assert len(one.beaten) == len(entries) - 1


@given(st.fractions(0, 1), st.fractions(0, 1))
def test_shares_are_compared_exactly(a: Fraction, b: Fraction) -> None:
    rules = in_force(
        pack("a", parameter(a, stricter="max", unit="share")),
        pack("b", parameter(b, stricter="max", unit="share")),
    )
    assert rules.value(NAME, START).fraction() == max(a, b)


@given(DAYS, st.integers(1, 800), DAYS)
def test_a_value_holds_on_its_days_and_on_no_other(start: date, length: int, on: date) -> None:
    end = start + timedelta(days=length)
    rules = in_force(pack("a", parameter(1, effective_from=start, effective_until=end)))
    if start <= on < end:
        assert rules.value(NAME, on).integer() == 1
    else:
        with pytest.raises(NoRuleInForce):
            rules.value(NAME, on)


@given(DAYS, DAYS)
def test_a_value_without_end_holds_for_ever_but_never_before(start: date, on: date) -> None:
    rules = in_force(pack("a", parameter(1, effective_from=start, effective_until=None)))
    assert [one.value for one in rules.values(on)] == ([1] if on >= start else [])


def test_the_last_day_is_the_day_before_the_end() -> None:
    rules = in_force(pack("a", parameter(1)))
    assert rules.value(NAME, END - timedelta(days=1)).value == 1
    with pytest.raises(NoRuleInForce) as caught:
        rules.value(NAME, END)
    assert (caught.value.parameter, caught.value.profile, caught.value.on) == (NAME, "made", END)
    assert NAME in caught.value.message
    assert "2025-01-01" in caught.value.message


def test_the_other_pack_rules_alone_once_the_stricter_one_has_lapsed() -> None:
    rules = in_force(pack("a", parameter(1)), pack("b", parameter(2, effective_until=None)))
    assert rules.value(NAME, START).pack_id == "a"
    assert rules.value(NAME, END).pack_id == "b"
    assert rules.value(NAME, END).beaten == ()


def test_of_equal_values_the_law_is_cited() -> None:
    rules = in_force(pack("a", parameter(1, basis=Basis.PRACTICE)), pack("b", parameter(1, basis=Basis.LAW)))
    assert rules.value(NAME, START).pack_id == "b"


def test_a_named_pack_wins_where_it_speaks_and_leaves_other_days_alone() -> None:
    rules = in_force(
        pack("a", parameter(9)), pack("b", parameter(1, effective_until=None)), named={NAME: "a"}
    )
    assert rules.value(NAME, START).integer() == 9
    assert [one.pack_id for one in rules.value(NAME, START).beaten] == ["b"]
    assert rules.value(NAME, END).integer() == 1


@pytest.mark.parametrize(
    ("stricter", "wanted"), [("max", ("film", "sound", "text")), ("min", ("film",))], ids=["all", "only"]
)
def test_of_two_lists_the_larger_binds_as_demand_and_the_smaller_as_permission(
    stricter: Stricter, wanted: tuple[str, ...]
) -> None:
    large = parameter(("film", "sound", "text"), unit="none", stricter=stricter)
    small = parameter(("film",), unit="none", stricter=stricter)
    assert in_force(pack("a", large), pack("b", small)).value(NAME, START).strings() == wanted


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        (parameter(1), parameter(1, stricter="max"), "stricter_differs"),
        (parameter(1), parameter(1, unit="minutes"), "unit_differs"),
        (parameter(1), parameter(Fraction(1)), "unit_differs"),
        (parameter(1), parameter(True), "unit_differs"),
        (parameter(1), parameter(1, read_on="opening"), "read_on_differs"),
        (parameter(1, stricter=None), parameter(2, stricter=None), "neither_is_stricter"),
        (parameter("floor"), parameter("ceiling"), "neither_is_stricter"),
        (parameter(("x",)), parameter(("y",)), "neither_is_stricter"),
        (parameter(("x", "y"), stricter=None), parameter(("y", "x"), stricter=None), "neither_is_stricter"),
    ],
)
def test_packs_that_disagree_on_how_they_meet_are_refused(a: object, b: object, reason: str) -> None:
    with pytest.raises(PackConflict) as caught:
        in_force(pack("a", a), pack("b", b))  # type: ignore[arg-type]  # parametrised
    assert caught.value.reason == reason
    assert NAME in caught.value.message


def test_values_that_never_hold_on_one_day_do_not_meet() -> None:
    rules = in_force(
        pack("a", parameter(1)), pack("b", parameter("x", effective_from=END, effective_until=None))
    )
    assert rules.value(NAME, END).string() == "x"


def test_a_named_pack_settles_what_cannot_be_compared() -> None:
    rules = in_force(pack("a", parameter("floor")), pack("b", parameter("ceiling")), named={NAME: "b"})
    assert rules.value(NAME, START).string() == "ceiling"


def test_a_profile_that_names_a_pack_without_the_parameter_is_refused() -> None:
    with pytest.raises(PackConflict) as caught:
        in_force(pack("a", parameter(1)), named={NAME: "b"})
    assert caught.value.reason == "named_pack_has_no_value"


def test_a_parameter_is_read_on_its_own_date() -> None:
    rules = in_force(pack("a", parameter(1, read_on="opening")))
    assert rules.read(NAME, LegalDates(opening=START, issue=END)).value == 1
    with pytest.raises(NoRuleInForce):
        rules.read(NAME, LegalDates(opening=END, issue=START))
    with pytest.raises(ValueError, match="opening"):
        rules.read(NAME, LegalDates(issue=START))
    with pytest.raises(NoRuleInForce):
        rules.read("study.unheard_of", LegalDates(opening=START))


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (True, lambda rules: rules.integer()),
        (True, lambda rules: rules.fraction()),
        (1, lambda rules: rules.boolean()),
        (Fraction(1, 2), lambda rules: rules.integer()),
        (1, lambda rules: rules.string()),
        ("x", lambda rules: rules.strings()),
    ],
)
def test_a_value_is_never_taken_for_another_type(value: Value, wrong: Callable[[object], object]) -> None:
    resolved = in_force(pack("a", parameter(value))).value(NAME, START)
    with pytest.raises(InvalidInput) as caught:
        wrong(resolved)
    assert caught.value.reason == "rule_type"


def test_a_reason_carries_its_rule() -> None:
    resolved = in_force(pack("a", parameter(1))).value(NAME, START)
    reason = resolved.reason("too_long", "太长。", seconds=5)
    assert (reason.pack_id, reason.parameter, reason.citation) == ("a", NAME, resolved.parameter.citation)
    assert reason.seconds == 5


@pytest.mark.parametrize("ask", [RuleBook.profile, RuleBook.pack_alone])
def test_an_unknown_name_is_refused_with_the_known_ones(ask: Callable[[RuleBook, str], object]) -> None:
    with pytest.raises(InvalidInput) as caught:
        ask(RuleBook([pack("a", parameter(1))], []), "nowhere")
    assert caught.value.reason.endswith("_unknown")
