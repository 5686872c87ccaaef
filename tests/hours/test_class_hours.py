"""Class hours: floored once, never filled from another unit, and held against two share rules."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.hours.model import HoursStatement, credit_class_hours
from bridge.kernel.intervals import IntervalSet
from bridge.ledger.model import Figures, OfflineFact, SecondsStatement, UnitSeconds
from bridge.registry.model import ClassRunSheet, Outline, OutlineUnit
from tests.ledger.study import MINUTE, START, guangdong, sheet

HOUR = 45 * MINUTE


def seconds(credited: dict[str, int], offline: tuple[OfflineFact, ...] = ()) -> SecondsStatement:
    """Return a statement with this many credited ms in each course unit."""
    return SecondsStatement(
        figures=Figures(sum(credited.values()), 0, {}),
        units=tuple(
            UnitSeconds(unit, Figures(ms, 0, {}), IntervalSet([(0, ms)]), 0) for unit, ms in credited.items()
        ),
        timeline=(),
        reasons={},
        anchored=True,
        offline=offline,
        tests=(),
    )


def session(start: int, minutes: int, class_hours: int, unit: str = "offline-part") -> OfflineFact:
    return OfflineFact(START + start, START + start + minutes * MINUTE, unit, class_hours, "ab" * 32)


def hours(
    credited: dict[str, int],
    *offline: OfflineFact,
    of: ClassRunSheet | None = None,
    override: str | None = None,
) -> HoursStatement:
    return credit_class_hours(
        seconds(credited, offline), of or sheet(), guangdong(), online_share_override=override
    )


def two_online_units() -> ClassRunSheet:
    """Return a sheet whose outline has two online units of one class hour, one course unit for each."""
    made = sheet()
    outline = Outline(
        made.outline.id,
        made.outline.title,
        4,
        (
            OutlineUnit("a", "甲", "online", 1),
            OutlineUnit("b", "乙", "online", 1),
            OutlineUnit("offline-part", "线下理论", "offline", 2),
        ),
    )
    units = tuple(
        replace(unit, outline_unit_id={"unit-1": "a", "unit-2": "b"}.get(unit.id))
        for unit in made.course.units
    )
    return replace(made, outline=outline, course=replace(made.course, units=units))


def codes(statement: HoursStatement) -> set[str]:
    return {reason.code for reason in statement.reasons}


def test_one_millisecond_short_of_45_minutes_is_no_class_hour() -> None:
    assert hours({"unit-1": HOUR - 1}).online_class_hours == 0
    assert hours({"unit-1": HOUR}).online_class_hours == 1


def test_remainders_accumulate_over_units_to_the_millisecond() -> None:
    assert hours({"unit-1": HOUR - 1, "unit-2": 1}).online_class_hours == 1
    assert hours({"unit-1": HOUR // 2, "unit-2": HOUR // 2}, of=two_online_units()).online_class_hours == 1


def test_surplus_in_one_outline_unit_never_fills_another() -> None:
    statement = hours({"unit-1": 2 * HOUR, "unit-2": HOUR - 1000}, of=two_online_units())

    assert statement.online_class_hours == 1
    assert [unit.met for unit in statement.units] == [True, False, False]
    assert statement.units[1].missing_seconds == 1
    assert {"surplus_in_outline_unit", "outline_unit_not_met"} <= codes(statement)


def test_what_is_left_over_is_said() -> None:
    statement = hours({"unit-1": HOUR + 10 * MINUTE})

    (left,) = [r for r in statement.online.reasons if r.code == "remainder_below_class_hour"]
    assert left.seconds == 600
    assert left.citation.article == "第十九条"
    assert statement.exact_online == Fraction(55, 45)


def test_online_and_offline_parts_together_complete_the_outline() -> None:
    statement = hours({"unit-1": 2 * HOUR}, session(0, 90, 2))

    assert (statement.online_class_hours, statement.offline_class_hours) == (2, 2)
    assert statement.complete
    assert statement.online_met
    assert statement.offline_met
    assert statement.reasons == ()


def test_the_online_part_alone_is_met_but_completes_nothing() -> None:
    statement = hours({"unit-1": 2 * HOUR})

    assert statement.online_met
    assert not statement.complete
    assert {"outline_unit_not_met", "offline_floor_not_met"} == codes(statement)
    # Half of the outline online is within the cap, though no offline hour was taught yet.
    assert statement.online_share.value == statement.online_class_hours


def test_the_cap_and_the_floor_are_two_rules_with_their_own_sources() -> None:
    made = sheet()
    outline = replace(
        made.outline,
        theory_class_hours=10,
        units=(
            OutlineUnit("online-part", "线上", "online", 8),
            OutlineUnit("offline-part", "线下", "offline", 2),
        ),
    )
    statement = hours({"unit-1": 8 * HOUR}, session(0, 90, 2), of=replace(made, outline=outline))

    assert statement.outline_met.value
    assert statement.online_share.value == 8  # 80 % of ten hours
    assert statement.offline_share.value == 1  # 30 % of ten hours are three
    assert not statement.shares_allowed
    (floor,) = statement.offline_share.reasons
    assert floor.citation.document.startswith("AQ 8011")


def test_the_cap_yields_to_a_registered_reason_and_the_floor_to_nothing() -> None:
    statement = hours({"unit-1": 2 * HOUR}, override="经办人登记的理由")

    assert statement.online_share.value == 2
    assert statement.offline_share.value > 0
    assert not statement.complete


def test_the_cap_binds_initial_training_only() -> None:
    made = sheet()
    renewal = replace(made, class_run=replace(made.class_run, kind="renewal"))

    assert hours({"unit-1": 2 * HOUR}, of=renewal).online_share.value == 2


def test_an_offline_session_counts_no_more_than_its_clock_time_holds() -> None:
    statement = hours({}, session(0, 89, 2))

    assert statement.offline_class_hours == 1
    assert "offline_time_too_short" in codes(statement)


def test_overlapping_offline_sessions_are_counted_once() -> None:
    statement = hours({}, session(0, 45, 1), session(15 * MINUTE, 45, 1))

    assert statement.offline_class_hours == 1


def test_an_offline_session_outside_the_class_dates_counts_nothing() -> None:
    assert hours({}, session(60 * 24 * 60 * MINUTE, 90, 2)).offline_class_hours == 0


def test_an_offline_session_that_a_transfer_brought_counts_though_it_was_held_before_the_class_opened() -> (
    None
):
    before = session(-30 * 24 * 60 * MINUTE, 90, 2)
    moved = replace(seconds({}, (before,)), carried_offline=(before,))

    assert hours({}, before).offline_class_hours == 0
    assert credit_class_hours(moved, sheet(), guangdong()).offline_class_hours == 2


def test_offline_hours_for_an_online_or_unknown_unit_count_nothing() -> None:
    statement = hours({}, session(0, 45, 1, "online-part"), session(100 * MINUTE, 45, 1, "elsewhere"))

    assert statement.offline_class_hours == 0
    assert "offline_unit_unknown" in codes(statement)


def test_an_offline_part_studied_online_makes_no_hours() -> None:
    made = sheet()
    units = tuple(replace(unit, outline_unit_id="offline-part") for unit in made.course.units)
    statement = hours({"unit-1": 2 * HOUR}, of=replace(made, course=replace(made.course, units=units)))

    assert statement.online_class_hours == 0
    assert "not_an_online_part" in codes(statement)


@given(st.lists(st.integers(0, 3_000_000), min_size=2, max_size=2))
@settings(max_examples=200, deadline=None)
def test_hours_are_the_floor_of_the_sum_and_never_the_sum_of_floors(parts: list[int]) -> None:
    statement = hours({"unit-1": parts[0], "unit-2": parts[1]})

    assert statement.online_class_hours == min(sum(parts), 2 * HOUR) // HOUR
    assert statement.online_class_hours <= statement.exact_online < statement.online_class_hours + 1


@given(st.integers(0, 6_000_000), st.integers(0, 6_000_000), st.integers(0, 6_000_000))
@settings(max_examples=200, deadline=None)
def test_more_study_never_makes_fewer_hours_and_a_full_unit_gains_none(a: int, b: int, more: int) -> None:
    of = two_online_units()
    before = hours({"unit-1": a, "unit-2": b}, of=of)
    after = hours({"unit-1": a + more, "unit-2": b}, of=of)

    assert after.online_class_hours >= before.online_class_hours
    if a >= HOUR:
        assert after.online_class_hours == before.online_class_hours


def test_an_exception_that_two_people_stand_for_lifts_the_cap_and_nothing_else() -> None:
    made = sheet()
    outline = Outline(
        made.outline.id, made.outline.title, 2, (OutlineUnit("online-part", "线上", "online", 2),)
    )
    plain = replace(made, outline=outline)
    excepted = replace(plain, online_cap_exception="台风停课期间经市局同意")

    capped, lifted = hours({"unit-1": 2 * HOUR}, of=plain), hours({"unit-1": 2 * HOUR}, of=excepted)

    assert (capped.online_share.value, lifted.online_share.value) == (1, 2)
    assert [reason.code for reason in lifted.online_share.reasons] == ["online_cap_overridden"]
    assert lifted.offline_share == capped.offline_share
    assert not lifted.complete  # the floor of 30 % offline yields to nobody
    assert ClassRunSheet.from_json(excepted.to_json()).online_cap_exception == "台风停课期间经市局同意"
    assert "online_cap_exception" not in plain.to_json()
