"""Class hours are floored once; the cap and the floor are two rules."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput
from bridge.rules.decisions import (
    class_hours,
    offline_floor,
    online_cap,
    online_class_hours,
    practical_online,
)
from bridge.rules.loader import load_rule_book
from bridge.rules.model import Parameter, ProfileInForce
from tests.rules.made_packs import START, in_force, pack, parameter

TODAY = date(2026, 11, 23)
SECONDS = st.integers(0, 10**7)


@pytest.fixture(scope="module")
def guangdong() -> ProfileInForce:
    return load_rule_book().profile("guangdong")


@given(SECONDS, st.integers(1, 120))
def test_class_hours_never_exceed_the_time_and_leave_less_than_one(seconds: int, minutes: int) -> None:
    hours = class_hours(seconds, minutes)
    assert hours * minutes * 60 <= seconds < (hours + 1) * minutes * 60


@given(st.lists(SECONDS, max_size=6))
def test_flooring_once_never_loses_against_flooring_each_part(parts: list[int]) -> None:
    assert class_hours(sum(parts), 45) >= sum(class_hours(part, 45) for part in parts)


@pytest.mark.parametrize(("seconds", "minutes"), [(-1, 45), (1, 0)])
def test_negative_time_and_empty_hours_are_bugs(seconds: int, minutes: int) -> None:
    with pytest.raises(ValueError, match="class hour"):
        class_hours(seconds, minutes)


def test_the_remainder_is_told_with_its_rule(guangdong: ProfileInForce) -> None:
    decision = online_class_hours(2 * 2700 + 61, guangdong, TODAY)
    assert decision.value == 2
    (reason,) = decision.reasons
    assert (reason.code, reason.seconds, reason.pack_id) == (
        "remainder_below_class_hour",
        61,
        "guangdong-2022-3",
    )
    assert reason.citation.article == "第十九条"
    assert "1 分 1 秒" in reason.sentence_zh


def test_an_unknown_rounding_stops() -> None:
    rules = in_force(
        pack(
            "a",
            parameter(45, name="hours.minutes_per_online_class_hour"),
            parameter("nearest", name="hours.rounding", stricter=None),
        )
    )
    with pytest.raises(InvalidInput) as caught:
        online_class_hours(1, rules, START)
    assert caught.value.reason == "rounding_unknown"


@given(online=st.integers(0, 300), theory=st.integers(0, 300))
def test_the_cap_lets_at_most_four_fifths_of_theory_count(
    guangdong: ProfileInForce, online: int, theory: int
) -> None:
    decision = online_cap(online, theory, "initial", guangdong, TODAY)
    assert decision.value <= online
    assert decision.value <= Fraction(4, 5) * theory
    assert bool(decision.reasons) == (decision.value < online)


@given(offline=st.integers(0, 300), theory=st.integers(0, 300))
def test_what_the_floor_calls_missing_is_just_enough(
    guangdong: ProfileInForce, offline: int, theory: int
) -> None:
    missing = offline_floor(offline, theory, guangdong, TODAY).value
    assert offline + missing >= Fraction(3, 10) * theory
    assert missing == 0 or offline + missing - 1 < Fraction(3, 10) * theory


def test_a_cap_that_is_no_principle_bears_no_exception() -> None:
    cap: Parameter = parameter(Fraction(1, 2), name="hours.online_share_cap_of_theory", unit="share")
    kinds = parameter(("initial",), name="hours.online_share_cap_training_kinds", unit="none", stricter="max")
    decision = online_cap(4, 4, "initial", in_force(pack("a", cap, kinds)), START, "有理由")
    assert decision.value == 2
    assert [reason.code for reason in decision.reasons] == ["online_cap_exceeded", "override_not_allowed"]


def test_cap_and_floor_name_their_own_documents(guangdong: ProfileInForce) -> None:
    (cap,) = online_cap(88, 88, "initial", guangdong, TODAY).reasons
    (floor,) = offline_floor(0, 88, guangdong, TODAY).reasons
    assert (cap.citation.document, cap.citation.article) == ("粤应急规〔2022〕3号", "第十九条")
    assert (floor.citation.document, floor.citation.article) == ("AQ 8011-2023", "4.4.4")


def test_practical_training_online_is_allowed_only_where_a_rule_says_so() -> None:
    allowed = in_force(pack("a", parameter(True, name="hours.practical_online_allowed")))
    assert practical_online(allowed, START).value is True
