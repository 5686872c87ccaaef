"""Laws of interval sets, against plain sets of integers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.intervals import Interval, IntervalSet

pairs = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


def points(of: list[tuple[int, int]]) -> set[int]:
    return {point for start, end in of for point in range(start, end)}


def members(of: IntervalSet) -> set[int]:
    return {point for one in of for point in range(one.start, one.end)}


@given(pairs)
def test_a_set_is_sorted_disjoint_and_not_touching(of: list[tuple[int, int]]) -> None:
    made = list(IntervalSet(of))

    assert all(a.end < b.start for a, b in pairwise(made))
    assert members(IntervalSet(of)) == points(of)


@given(pairs, pairs)
def test_union_intersection_and_difference_are_those_of_sets(
    a: list[tuple[int, int]], b: list[tuple[int, int]]
) -> None:
    left, right = IntervalSet(a), IntervalSet(b)

    assert members(left | right) == points(a) | points(b)
    assert members(left & right) == points(a) & points(b)
    assert members(left - right) == points(a) - points(b)


@given(pairs, pairs)
def test_equal_sets_are_equal_however_they_were_made(
    a: list[tuple[int, int]], b: list[tuple[int, int]]
) -> None:
    left, right = IntervalSet(a), IntervalSet(b)

    assert (left == right) == (points(a) == points(b))
    assert (left - right) | (left & right) == left
    assert hash(IntervalSet(list(reversed(a)))) == hash(left)


@given(pairs, st.integers(0, 60), st.integers(0, 60))
def test_adding_is_a_union(of: list[tuple[int, int]], start: int, end: int) -> None:
    assert IntervalSet(of).add(start, end) == IntervalSet([*of, (start, end)])


@given(pairs, st.integers(0, 60), st.integers(0, 60))
def test_clipping_keeps_what_lies_within(of: list[tuple[int, int]], start: int, end: int) -> None:
    assert members(IntervalSet(of).clip(start, end)) == points(of) & set(range(start, end))


@given(pairs, st.integers(-5, 65))
def test_total_membership_and_pairs_agree_with_the_points(of: list[tuple[int, int]], point: int) -> None:
    made = IntervalSet(of)

    assert made.total == len(points(of))
    assert (point in made) == (point in points(of))
    assert IntervalSet((start, end) for start, end in made.pairs()) == made
    assert bool(made) == (made.total > 0)
    assert len(made) == len(made.pairs())


def test_an_interval_is_never_empty() -> None:
    assert Interval(1, 3).length == 2
    for start, end in ((3, 3), (3, 1)):
        with pytest.raises(ValueError, match="end after"):
            Interval(start, end)


def test_a_set_is_not_equal_to_other_things() -> None:
    assert IntervalSet([(1, 2)]) != [(1, 2)]
    assert repr(IntervalSet([(1, 2)])) == "IntervalSet([1, 2))"
