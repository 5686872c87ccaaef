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
BASES = {
    "guangdong-2022-3": Basis.LAW,
    "aq-8011-2023": Basis.STANDARD,
    "order-3": Basis.LAW,
    "order-30": Basis.PRACTICE,
    "order-19": Basis.PRACTICE,
    "jiangxi-2024-24": Basis.LAW,
    "outline-hours-2023": Basis.PRACTICE,
    "anxue-practice": Basis.PRACTICE,
    "face-measures-2025": Basis.PRACTICE,
}
READ_ON = {
    "scope.learner_categories": "enrolment",
    "training.skill_certificate_exempts": "enrolment",
    "training.review_allowed": "opening",
    "hours.minutes_per_online_class_hour": "opening",
    "hours.online_share_cap_of_theory": "opening",
    "hours.offline_share_floor_of_theory": "opening",
    "outline.initial_class_hours.hazchem_production_manager": "opening",
    "study.daily_cap_seconds": "study_second",
    "study.presence_required": "study_second",
    "archive.items": "issue",
    "retention.special_operation_archive_years": "issue",
    "exam.practical_attempts_max": "event",
    "service.first_reply_seconds": "event",
}


def test_what_ships_has_no_problem() -> None:
    assert LOADED.problems == ()
    assert set(BOOK.profiles) == {"guangdong", "jiangxi"}
    assert set(BOOK.packs) == set(BASES)


@pytest.mark.parametrize("case", LOADED.cases, ids=lambda case: f"{case.home}:{case.name}")
def test_case(case: Case) -> None:
    assert run_case(case, BOOK).difference == ""


@pytest.mark.parametrize("pack", LOADED.packs, ids=lambda pack: pack.id)
def test_each_change_of_each_parameter_has_a_case_on_its_day_and_the_day_before(pack: RulePack) -> None:
    asked: dict[str, set[date]] = defaultdict(set)
    for case in LOADED.cases:
        if case.home == pack.id and "parameter" in case.asked:
            asked[case.asked["parameter"]].add(case.on)
    for one in pack.parameters:
        for day in (one.effective_from, one.effective_until):
            assert day is None or {day, day - timedelta(days=1)} <= asked[one.name], one.name


@pytest.mark.parametrize("pack", LOADED.packs, ids=lambda pack: pack.id)
def test_each_pack_speaks_with_one_voice(pack: RulePack) -> None:
    bases = {one.citation.basis for one in pack.parameters if one.confirmed or pack.id != "order-3"}
    assert bases == {BASES[pack.id]}


@pytest.mark.parametrize("pack", LOADED.packs, ids=lambda pack: pack.id)
def test_what_is_not_known_word_for_word_is_unconfirmed_and_says_where_it_was_seen(pack: RulePack) -> None:
    for one in pack.parameters:
        assert one.citation.basis is not Basis.LAW or one.citation.article, one.name
        if not one.confirmed:
            assert (one.citation.basis, bool(one.note_zh)) == (Basis.PRACTICE, True), one.name


def test_no_number_of_the_outline_table_passes_for_guangdongs() -> None:
    table = BOOK.packs["outline-hours-2023"]
    assert not any(one.confirmed for one in table.parameters)
    assert all("非广东省规定,未经确认" in (one.note_zh or "") for one in table.parameters)


@pytest.mark.parametrize("on", [date(2024, 7, 1), date(2026, 5, 31), TODAY, date(2027, 7, 1)])
def test_nothing_of_guangdong_holds_in_jiangxi(on: date) -> None:
    for one in BOOK.profile("jiangxi").values(on):
        assert "guangdong" not in one.pack_id
        assert "广东" not in one.parameter.citation.document
        assert not [beaten for beaten in one.beaten if "guangdong" in beaten.pack_id]


@pytest.mark.parametrize(("name", "read_on"), READ_ON.items())
def test_each_parameter_is_read_on_its_own_day(name: str, read_on: str) -> None:
    assert BOOK.profile("guangdong").read_on(name) == read_on


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
