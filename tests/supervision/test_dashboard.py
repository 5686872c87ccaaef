import pytest

from bridge.supervision.dashboard import credited_hours

_MINUTE = 60_000


@pytest.mark.parametrize(
    ("minutes", "hours"),
    [(0, 0), (5, 0), (92, 1.5), (95, 1.5), (96, 1.6), (5_999, 99.9), (6_000, 100), (6_059, 100)],
)
def test_credited_hours_of_a_small_area_have_a_tenth_and_are_never_rounded_up(
    minutes: int, hours: float
) -> None:
    assert credited_hours(minutes * _MINUTE) == hours
