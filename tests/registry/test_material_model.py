"""The arithmetic of pages: their times add up to the unit, and no more of a page counts than its time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput
from bridge.registry.material_model import (
    even_times,
    page_at,
    page_starts,
    position_on_page,
    require_length,
    require_times,
)

TIMES = st.lists(st.integers(1000, 600_000), min_size=1, max_size=40)


@given(nominal_ms=st.integers(1000, 86_400_000), pages=st.integers(1, 300))
def test_times_shared_out_add_up_and_differ_by_a_second_at_most(nominal_ms: int, pages: int) -> None:
    if nominal_ms // 1000 < pages:
        with pytest.raises(InvalidInput, match="material_page_time"):
            even_times(nominal_ms, pages)
        return
    times = even_times(nominal_ms, pages)

    assert len(times) == pages
    assert sum(times) == nominal_ms
    assert max(time // 1000 for time in times) - min(time // 1000 for time in times) <= 1
    assert require_times(times, nominal_ms, pages) == times


@given(times=TIMES)
def test_pages_tile_the_unit(times: list[int]) -> None:
    starts = page_starts(times)

    assert starts[0] == 0
    assert [a + t for a, t in zip(starts, times, strict=True)] == [*starts[1:], sum(times)]


@given(times=TIMES, data=st.data(), spent_ms=st.integers(-1000, 2_000_000))
def test_no_more_of_a_page_counts_than_its_time(times: list[int], data: st.DataObject, spent_ms: int) -> None:
    page = data.draw(st.integers(0, len(times) - 1))

    position = position_on_page(times, page, spent_ms)

    assert page_starts(times)[page] <= position <= page_starts(times)[page] + times[page]
    if 0 <= spent_ms < times[page]:
        assert page_at(times, position) == page


@given(times=TIMES, before=st.integers(0, 10**7), after=st.integers(0, 10**7))
def test_a_later_position_is_on_no_earlier_page(times: list[int], before: int, after: int) -> None:
    assert page_at(times, min(before, after)) <= page_at(times, max(before, after))


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        ([30_000, 29_999], "material_pages_sum"),
        ([30_000, 30_001], "material_pages_sum"),
        ([60_000], "material_page_count"),
        ([59_500, 500], "material_page_time"),
    ],
)
def test_times_that_do_not_fit_the_unit_are_refused(times: list[int], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        require_times(times, 60_000, 2)


def test_the_refusal_says_how_much_is_missing() -> None:
    with pytest.raises(InvalidInput, match=r"还差 0\.5 秒"):
        require_times([30_000, 29_500], 60_000, 2)


@pytest.mark.parametrize("pages", [0, 301])
def test_a_material_has_between_one_and_three_hundred_pages(pages: int) -> None:
    with pytest.raises(InvalidInput, match="material_pages"):
        even_times(3_600_000, pages)


@pytest.mark.parametrize(
    ("length_ms", "fits"),
    [(60_000, True), (60_999, True), (59_001, True), (None, True), (61_000, False), (59_000, False)],
)
def test_a_film_is_as_long_as_its_unit(length_ms: int | None, fits: bool) -> None:
    if fits:
        require_length(length_ms, 60_000)
        return
    with pytest.raises(InvalidInput, match="material_length"):
        require_length(length_ms, 60_000)
