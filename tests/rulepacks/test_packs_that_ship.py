"""Each case beside a pack or profile is a test here; and what the law says is read back as it was written."""

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction

import pytest

from bridge.kernel.citation import Basis
from bridge.rules.cases import run_case
from bridge.rules.documents import Case
from bridge.rules.loader import CONFIG, load_all
from bridge.rules.model import RuleBook, RulePack, Value

LOADED = load_all([CONFIG / "rulepacks"], [CONFIG / "profiles"])
BOOK = RuleBook(LOADED.packs, LOADED.profiles)
TODAY = date(2026, 11, 23)


def test_what_ships_has_no_problem() -> None:
    assert LOADED.problems == ()
    assert {"guangdong-2022-3", "aq-8011-2023"} <= set(BOOK.packs)


@pytest.mark.parametrize("case", LOADED.cases, ids=lambda case: f"{case.home}:{case.name}")
def test_case(case: Case) -> None:
    assert run_case(case, BOOK).difference == ""


@pytest.mark.parametrize("pack", LOADED.packs, ids=lambda pack: pack.id)
def test_each_change_of_a_pack_has_a_case_on_its_day_and_the_day_before(pack: RulePack) -> None:
    asked: dict[str, set[date]] = defaultdict(set)
    for case in LOADED.cases:
        asked[case.home].add(case.on)
    changes = {day for one in pack.parameters for day in (one.effective_from, one.effective_until) if day}
    assert changes
    for day in changes:
        assert {day, day - timedelta(days=1)} <= asked[pack.id]


@pytest.mark.parametrize("pack", LOADED.packs, ids=lambda pack: pack.id)
def test_only_law_and_standard_speak_in_their_own_packs(pack: RulePack) -> None:
    wanted = {
        "guangdong-2022-3": {Basis.LAW},
        "aq-8011-2023": {Basis.STANDARD},
        "anxue-practice": {Basis.PRACTICE},
    }
    assert {one.citation.basis for one in pack.parameters} == wanted[pack.id]


@pytest.mark.parametrize(
    ("name", "value", "basis"),
    [
        ("presence.check_gap_min_seconds", 420, Basis.PRACTICE),
        ("presence.check_gap_max_seconds", 900, Basis.PRACTICE),
        ("presence.answer_window_seconds", 60, Basis.PRACTICE),
        ("presence.attempts_per_check", 3, Basis.PRACTICE),
        ("presence.anchor_good_frames", 3, Basis.PRACTICE),
        ("presence.test_check_gap_min_seconds", 60, Basis.PRACTICE),
        ("presence.test_check_gap_max_seconds", 300, Basis.PRACTICE),
        ("proctoring.severity_other_person", Fraction(9, 10), Basis.PRACTICE),
        ("proctoring.pause_allowed", False, Basis.PRACTICE),
        ("proctoring.terminate_allowed", False, Basis.PRACTICE),
        ("proctoring.session_lost_seconds", 120, Basis.PRACTICE),
        ("study.beat_interval_seconds", 10, Basis.PRACTICE),
        ("study.beat_gap_limit_seconds", 30, Basis.PRACTICE),
        ("study.idle_limit_seconds", 300, Basis.PRACTICE),
        ("study.max_rate", Fraction(1), Basis.PRACTICE),
        ("study.daily_cap_seconds", 28800, Basis.PRACTICE),
        ("study.counting_sessions", 1, Basis.PRACTICE),
        ("hours.minutes_per_online_class_hour", 45, Basis.LAW),
        ("hours.minutes_per_offline_class_hour", 45, Basis.STANDARD),
        ("hours.rounding", "floor", Basis.LAW),
        ("hours.online_share_cap_of_theory", Fraction(4, 5), Basis.LAW),
        ("hours.offline_share_floor_of_theory", Fraction(3, 10), Basis.STANDARD),
        ("hours.practical_online_allowed", False, Basis.LAW),
        ("test.pass_mark_share", Fraction(4, 5), Basis.PRACTICE),
        ("test.presence_required", True, Basis.LAW),
        ("test.beat_coverage_min_share", Fraction(9, 10), Basis.PRACTICE),
        ("completion.requires_test", True, Basis.LAW),
        ("privacy.contact_data_retained", False, Basis.LAW),
        ("service.first_reply_seconds", 7200, Basis.LAW),
        ("service.solve_working_days", 3, Basis.LAW),
        ("retention.special_operation_archive_years", 6, Basis.PRACTICE),
    ],
)
def test_guangdong_today(name: str, value: Value, basis: Basis) -> None:
    resolved = BOOK.profile("guangdong").value(name, TODAY)
    assert (resolved.value, resolved.parameter.citation.basis) == (value, basis)
    assert (resolved.parameter.citation.article is None) == (basis is Basis.PRACTICE)


def test_only_the_online_cap_may_be_departed_from() -> None:
    open_to_reason = [
        one.parameter.name
        for one in BOOK.profile("guangdong").values(TODAY)
        if one.parameter.override_with_reason
    ]
    assert open_to_reason == ["hours.online_share_cap_of_theory"]


def test_checks_due_and_bounds_make_sense_together() -> None:
    rules = BOOK.profile("guangdong")

    def whole(name: str) -> int:
        return rules.value(name, TODAY).integer()

    assert whole("presence.check_gap_min_seconds") < whole("presence.check_gap_max_seconds")
    assert whole("presence.test_check_gap_min_seconds") < whole("presence.test_check_gap_max_seconds")
    assert whole("study.beat_interval_seconds") < whole("study.beat_gap_limit_seconds")
    assert len(rules.value("archive.items", TODAY).strings()) == 7
