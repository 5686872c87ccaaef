"""Marks as text: exact to nine places, never a float's noise, never what is no mark."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.completion.score_decision import share_of
from bridge.intake.results import mark_text, result_text
from tests.completion.papers import score


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(100), "100"),
        (Fraction("85.50"), "85.5"),
        (Fraction("66.66666666666667"), "66.666666667"),
        (Fraction("79.99999999999999"), "80"),
        (Fraction("79.99999999"), "79.99999999"),
        (Fraction(10**9), None),
        (Fraction(-1), None),
    ],
)
def test_a_mark_is_written_to_nine_places(mark: Fraction, text: str | None) -> None:
    assert mark_text(mark) == text


@given(st.fractions(min_value=0, max_value=10**9 - 1))
def test_every_mark_that_is_written_can_be_decided_on(mark: Fraction) -> None:
    text = mark_text(mark)

    assert text is not None
    assert abs(Fraction(text) - mark) <= Fraction(1, 2 * 10**9)
    assert 0 <= share_of(score(text, "999999999")) <= 1


def test_no_score_is_told_from_a_score_of_nothing() -> None:
    assert result_text(None, Fraction(100)) == ""
    assert result_text(Fraction(0), Fraction(100)) != ""
    assert result_text(Fraction(50), Fraction(100)) != result_text(Fraction(50), Fraction(50))
