"""Laws of the arithmetic, for any outline and any study: exact, floored once, unit by unit, under two share rules."""

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.hours.model import HoursStatement, credit_class_hours
from bridge.kernel.ids import CourseUnitId
from bridge.ledger.model import OfflineFact, SecondsStatement
from bridge.registry.model import ClassRunSheet, CourseUnit, Outline, OutlineUnit
from bridge.rules.decisions import offline_floor, online_cap
from tests.hours.test_class_hours import HOUR, seconds, session
from tests.ledger.study import MINUTE, guangdong, sheet
from tests.rules.made_packs import START, in_force, pack, parameter

LAWS = settings(max_examples=60, deadline=None)
MS = st.integers(0, 4 * HOUR)
SHARES = st.fractions(0, 1, max_denominator=97)
KINDS = parameter(("initial",), name="hours.online_share_cap_training_kinds", unit="none", stricter="max")


@st.composite
def studies(draw: st.DrawFn) -> tuple[ClassRunSheet, dict[str, int]]:
    """Return a sheet with any outline, each online unit taught in one to three course units, and what was credited."""
    online = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    offline = draw(st.lists(st.integers(1, 3), min_size=0, max_size=2))
    units = (
        *(OutlineUnit(f"on{i}", f"线上{i}", "online", hours) for i, hours in enumerate(online)),
        *(OutlineUnit(f"off{i}", f"线下{i}", "offline", hours) for i, hours in enumerate(offline)),
    )
    made = sheet()
    credited: dict[str, int] = {}
    taught = []
    for i in range(len(online)):
        for j in range(draw(st.integers(1, 3))):
            name = f"on{i}_{j}"
            credited[name] = draw(MS)
            taught.append(CourseUnit(CourseUnitId(name), f"on{i}", name, "study", 4 * HOUR, None))
    outline = Outline(made.outline.id, made.outline.title, sum(online) + sum(offline), units)
    return replace(made, outline=outline, course=replace(made.course, units=tuple(taught))), credited


def hours(
    of: ClassRunSheet, credited: dict[str, int], *offline: OfflineFact, override: str | None = None
) -> HoursStatement:
    statement: SecondsStatement = seconds(credited, offline)
    return credit_class_hours(statement, of, guangdong(), online_share_override=override)


@given(studies())
@LAWS
def test_all_counted_time_is_added_up_exactly_and_floored_once(
    study: tuple[ClassRunSheet, dict[str, int]],
) -> None:
    of, credited = study
    made = hours(of, credited)
    counted = sum(unit.counted_ms for unit in made.units if unit.mode == "online")
    assert made.exact_online == Fraction(counted, HOUR)
    assert made.online_class_hours == floor(made.exact_online)
    assert counted + sum(unit.surplus_ms for unit in made.units) == sum(credited.values())


@given(studies())
@LAWS
def test_no_unit_counts_more_than_the_outline_asks_and_all_must_be_met(
    study: tuple[ClassRunSheet, dict[str, int]],
) -> None:
    of, credited = study
    made = hours(of, credited)
    assert all(unit.counted_ms <= unit.required_ms for unit in made.units)
    assert made.outline_met.value == all(unit.counted_ms == unit.required_ms for unit in made.units)
    assert len(made.outline_met.reasons) == sum(not unit.met for unit in made.units)
    assert not (made.complete and any(not unit.met for unit in made.units))


@given(studies(), st.integers(1, 10 * HOUR))
@LAWS
def test_time_in_one_unit_changes_nothing_in_another(
    study: tuple[ClassRunSheet, dict[str, int]], more: int
) -> None:
    of, credited = study
    before = hours(of, credited)
    after = hours(of, credited | {"on0_0": credited["on0_0"] + more})
    assert after.units[1:] == before.units[1:]
    most = of.outline.units[0].class_hours * HOUR
    assert after.units[0].counted_ms == min(most, before.units[0].counted_ms + more)


@given(studies(), st.integers(0, HOUR))
@LAWS
def test_where_within_an_outline_unit_the_time_was_spent_is_nothing(
    study: tuple[ClassRunSheet, dict[str, int]], moved: int
) -> None:
    of, credited = study
    within = [name for name in credited if name.startswith("on0_")]
    source, target = within[0], within[-1]
    step = min(moved, credited[source])
    if source == target:
        step = 0
    shifted = credited | {source: credited[source] - step}
    shifted[target] += step
    assert hours(of, shifted) == hours(of, credited)


@given(studies(), st.permutations(range(4)))
@LAWS
def test_the_order_of_lessons_in_rooms_is_nothing(
    study: tuple[ClassRunSheet, dict[str, int]], order: list[int]
) -> None:
    of, credited = study
    lessons = [session(i * 100 * MINUTE, 90, 2, "off0") for i in range(4)]
    shuffled = [lessons[i] for i in order]
    one, other = hours(of, credited, *lessons), hours(of, credited, *shuffled)
    assert (one.offline, one.units, one.offline_share) == (other.offline, other.units, other.offline_share)


@given(studies(), st.integers(0, 3))
@LAWS
def test_cap_and_floor_each_hold_by_their_own_base_and_only_one_yields(
    study: tuple[ClassRunSheet, dict[str, int]], lessons: int
) -> None:
    of, credited = study
    attended = [session(i * 100 * MINUTE, 90, 2, "off0") for i in range(lessons)]
    plain, excused = hours(of, credited, *attended), hours(of, credited, *attended, override="登记的理由")
    theory = of.outline.theory_class_hours
    taught = max(theory, plain.online_class_hours + plain.offline_class_hours)
    assert plain.online_share.value == min(plain.online_class_hours, floor(Fraction(4, 5) * taught))
    assert excused.online_share.value == plain.online_class_hours
    least = ceil(Fraction(3, 10) * theory)
    assert plain.offline_share.value == max(0, least - plain.offline_class_hours)
    assert excused.offline_share == plain.offline_share
    documents = {one.parameter.name: one.parameter.citation.document for one in plain.bound}
    assert documents["hours.online_share_cap_of_theory"] == "粤应急规〔2022〕3号"
    assert documents["hours.offline_share_floor_of_theory"] == "AQ 8011-2023"


@given(SHARES, st.integers(0, 300), st.integers(0, 300))
@example(Fraction(1, 49), 49, 49)  # as a float this product is a little less than one
def test_shares_are_exact_whatever_their_denominator(share: Fraction, online: int, theory: int) -> None:
    cap = parameter(share, name="hours.online_share_cap_of_theory", unit="share")
    rule = parameter(share, name="hours.offline_share_floor_of_theory", unit="share", stricter="max")
    rules = in_force(pack("a", cap, rule, KINDS))
    counted = online_cap(online, theory, "initial", rules, START).value
    assert counted <= share * theory or counted == 0
    assert counted == online or counted + 1 > share * theory
    missing = offline_floor(online, theory, rules, START).value
    assert online + missing >= share * theory
    assert missing == 0 or online + missing - 1 < share * theory
