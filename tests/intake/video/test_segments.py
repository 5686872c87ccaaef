"""Arithmetic of watched segments: the text goes round, and neither order nor repetition adds a millisecond."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.intake.video.segments import MAX_SEGMENTS, read_segments, watched, write_segments

points = st.integers(0, 86_400_000)
segments = st.lists(st.tuples(points, points).map(lambda pair: (min(pair), max(pair))), max_size=30)


def test_the_profiles_own_example_is_read() -> None:
    assert read_segments("0[.]46.6[,]60[.]70") == ((0, 46_600), (60_000, 70_000))
    overlapping = read_segments("0.000[.]12.000[,]14.000[.]21.000[,]18.000[.]30.000")
    assert watched(overlapping).pairs() == [[0, 12_000], [14_000, 30_000]]
    assert read_segments("") == ()


@given(segments)
def test_the_text_goes_round(said: list[tuple[int, int]]) -> None:
    assert read_segments(write_segments(said)) == tuple(said)


@given(segments, st.randoms(use_true_random=False))
def test_order_and_repetition_are_nothing_to_what_was_watched(
    said: list[tuple[int, int]], chance: random.Random
) -> None:
    shuffled = [*said, *said]
    chance.shuffle(shuffled)
    assert watched(shuffled) == watched(said)


@given(segments, segments)
def test_what_was_watched_in_two_sessions_is_the_union(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    both = watched([*first, *second])
    assert both == watched(first) | watched(second)
    assert both.total <= watched(first).total + watched(second).total
    assert both.total == sum(end - start for start, end in both.pairs())


@given(segments, st.data())
def test_cutting_a_segment_in_two_changes_nothing(said: list[tuple[int, int]], data: st.DataObject) -> None:
    cut = []
    for start, end in said:
        middle = data.draw(st.integers(start, end))
        cut += [(start, middle), (middle, end)]
    assert watched(cut) == watched(said)


@pytest.mark.parametrize(
    "text",
    [
        "0[.]",
        "[.]5",
        "0-5",
        "0[.]5[,]",
        "5[.]4",
        "-1[.]4",
        "0[.]1.2345",
        "0[.]1e3",
        "0[.]nan",
        "0[.]5,6[.]7",
        " 0[.]5",
        "٣[.]٤",
        "0[.]5[.]6",
        "[,]".join(["0[.]1"] * (MAX_SEGMENTS + 1)),
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"start|ends|many"):
        read_segments(text)
