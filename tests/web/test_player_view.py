"""What the player says of caps and milestones."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.web.pages.player_view import NEARLY_SECONDS, cap_warning, seconds_to_next_hour

CAP = 28_800


@pytest.mark.parametrize("today", [0, CAP - NEARLY_SECONDS - 1])
def test_nothing_is_said_while_the_cap_is_far(today: int) -> None:
    assert cap_warning(today, CAP) is None


def test_the_cap_is_named_before_it_is_reached() -> None:
    said = cap_warning(CAP - NEARLY_SECONDS, CAP)
    assert said is not None
    assert "8 小时" in said
    assert "15 分钟" in said


@pytest.mark.parametrize("today", [CAP, CAP + 100])
def test_a_reached_cap_sends_the_learner_home(today: int) -> None:
    said = cap_warning(today, CAP)
    assert said is not None
    assert "明天" in said


def test_where_no_rule_sets_a_cap_none_is_named() -> None:
    assert cap_warning(10**6, None) is None


@pytest.mark.parametrize(
    ("hours", "missing"), [("0", 2700), ("1/2", 1350), ("2699/2700", 1), ("1", 2700), ("26999/27000", 1)]
)
def test_the_next_class_hour_is_as_far_as_what_is_missing(hours: str, missing: int) -> None:
    assert seconds_to_next_hour(Fraction(hours), 45) == missing


@given(hours=st.fractions(min_value=0, max_value=100), minutes=st.integers(30, 60))
def test_so_many_more_seconds_make_the_next_hour_and_one_less_does_not(hours: Fraction, minutes: int) -> None:
    missing = seconds_to_next_hour(hours, minutes)
    measure = minutes * 60

    assert int(hours + Fraction(missing, measure)) >= int(hours) + 1
    assert int(hours + Fraction(missing - 1, measure)) == int(hours)
