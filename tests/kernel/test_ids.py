"""Identifiers: unlike, in order, and silent about people."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from bridge.kernel import ids
from bridge.kernel.ids import new_id, random_ref

SHAPE = re.compile(r"led_[0-9a-hjkmnp-tv-z]{26}")


def test_ids_have_one_shape_that_fits_their_column() -> None:
    for made in (new_id("led"), random_ref("led")):
        assert SHAPE.fullmatch(made)
        assert len(made) <= 40


def test_no_two_are_alike_also_from_many_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id("led"), range(5000)))

    assert len(set(made)) == len(made)


@pytest.mark.parametrize(
    "nanoseconds", [1_000_000_000_000, None], ids=["a clock gone back", "the real clock"]
)
def test_ids_sort_by_their_making(monkeypatch: pytest.MonkeyPatch, nanoseconds: int | None) -> None:
    first = new_id("led")
    if nanoseconds is not None:
        monkeypatch.setattr("bridge.kernel.ids.time.time_ns", lambda: nanoseconds)
    made = [first, *(new_id("led") for _ in range(2000))]

    assert made == sorted(made)


def test_what_follows_within_a_millisecond_cannot_be_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    new_id("led")
    monkeypatch.setattr("bridge.kernel.ids.time.time_ns", lambda: 0)
    numbers = [int_of(new_id("led")) for _ in range(200)]
    steps = [later - earlier for earlier, later in pairwise(numbers)]

    assert len(set(steps)) == len(steps)
    assert sorted(steps)[len(steps) // 2] > 2**60


def int_of(made: str) -> int:
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    number = 0
    for digit in made.removeprefix("led_"):
        number = number * 32 + alphabet.index(digit)
    return number


def test_a_learners_id_says_nothing_of_its_making() -> None:
    beginnings = {random_ref("lrn")[4:6] for _ in range(200)}

    assert len(beginnings) > 100
    assert ids.LearnerRef("lrn_x") == "lrn_x"
