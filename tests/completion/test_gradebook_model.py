"""Hours as a grade: never beyond the maximum, finished exactly when the online part is."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.completion.gradebook_model import COMPLETED, IN_PROGRESS, Grade, hours_grade
from bridge.completion.model import Earned, EarnedUnit

NOTHING = Earned(
    anchored=True,
    credited_seconds=0,
    provisional_seconds=0,
    refused_seconds={},
    online_class_hours=0,
    counted_online_class_hours=0,
    offline_class_hours=0,
    units=(EarnedUnit("a", "线上", "online", 26, 0, False), EarnedUnit("b", "线下", "offline", 6, 0, False)),
    online_done=False,
    offline_done=False,
    shares_allowed=False,
    reasons=(),
    first_ms=None,
    last_ms=None,
    ledger_head="0" * 64,
    packs=(),
    documents=(),
)


def after(hours: int, *, done: bool = False) -> Earned:
    return replace(NOTHING, counted_online_class_hours=hours, online_done=done)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (Fraction(26), Grade(Fraction(13), Fraction(26), IN_PROGRESS)),
        (Fraction(32), Grade(Fraction(13), Fraction(32), IN_PROGRESS)),
        (Fraction(100), Grade(Fraction(13), Fraction(26), IN_PROGRESS)),
        (None, Grade(Fraction(13), Fraction(26), IN_PROGRESS)),
    ],
)
def test_a_column_of_hours_shows_the_hours_and_any_other_their_share(
    column: Fraction | None, expected: Grade
) -> None:
    assert hours_grade(after(13), 32, column) == expected


def test_an_outline_without_online_hours_has_no_grade() -> None:
    offline = replace(NOTHING, units=NOTHING.units[1:])
    assert hours_grade(offline, 32, None) is None


@given(
    hours=st.integers(-5, 200),
    theory=st.integers(0, 100),
    column=st.none() | st.integers(1, 100).map(Fraction),
    done=st.booleans(),
)
def test_a_grade_lies_between_nothing_and_its_maximum(
    hours: int, theory: int, column: Fraction | None, done: bool
) -> None:
    grade = hours_grade(after(hours, done=done), theory, column)

    assert grade is not None
    assert 0 <= grade.given <= grade.maximum
    assert grade.maximum >= 26
    assert (grade.progress == COMPLETED) is done
