"""Identifiers: unlike, in order, and silent about people."""

import re
from concurrent.futures import ThreadPoolExecutor

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


def test_ids_sort_by_their_making_even_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = new_id("led")[4:14]
    monkeypatch.setattr("bridge.kernel.ids.time.time_ns", lambda: 1_000_000_000_000)
    later = [new_id("led")[4:14] for _ in range(100)]

    assert [first, *later] == sorted([first, *later])


def test_a_learners_id_says_nothing_of_its_making() -> None:
    beginnings = {random_ref("lrn")[4:6] for _ in range(200)}

    assert len(beginnings) > 100
    assert ids.LearnerRef("lrn_x") == "lrn_x"
