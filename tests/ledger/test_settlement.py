"""Each rule of settlement, by one example to the millisecond."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from bridge.kernel.citation import Basis
from bridge.kernel.time import epoch_ms
from bridge.ledger.model import (
    LedgerInvalid,
    Refusal,
    SecondsStatement,
    StudyLimits,
    StudyRules,
    Verdict,
    settle,
)
from bridge.rules.model import NoRuleInForce, Resolved
from tests.ledger.study import BEAT, MINUTE, SECOND, START, Study, chain, rules, sheet, with_nominal


def settled(study: Study, given: StudyRules | None = None) -> SecondsStatement:
    return settle(sheet(), study.entries(), given or rules())


class MaySeek:
    """The rules of the tests where media may be sought forward."""

    def on(self, day: date) -> StudyLimits:
        return replace(rules().on(day), forward_seek=True)

    def source(self, parameter: str, day: date) -> Resolved:
        return rules().source(parameter, day)


def refused(study: Study) -> dict[str, int]:
    return dict(settled(study).figures.refused_ms)


def test_time_between_two_passed_checks_is_credited() -> None:
    statement = settled(Study().anchor().watch("s", 0, 5 * MINUTE).passes("s", 0, 5 * MINUTE))

    assert statement.credited_ms == 5 * MINUTE
    assert statement.figures.provisional_ms == 0
    assert statement.figures.refused_ms == {}


def test_time_after_the_last_pass_is_provisional() -> None:
    statement = settled(Study().anchor().watch("s", 0, 5 * MINUTE).passes("s", 0, 3 * MINUTE))

    assert (statement.credited_ms, statement.figures.provisional_ms) == (3 * MINUTE, 2 * MINUTE)


def test_everything_stays_provisional_until_the_person_is_anchored() -> None:
    statement = settled(Study().watch("s", 0, 5 * MINUTE).passes("s", 0, 5 * MINUTE))

    assert (statement.credited_ms, statement.figures.provisional_ms) == (0, 5 * MINUTE)
    assert set(statement.reasons) == {"not_anchored"}


def test_nothing_counts_before_the_first_pass() -> None:
    statement = settled(Study().anchor().watch("s", 0, 5 * MINUTE).passes("s", MINUTE, 5 * MINUTE))

    assert statement.credited_ms == 4 * MINUTE
    assert statement.figures.refused_ms == {Refusal.NO_PRESENCE: MINUTE}


def test_a_passed_check_earns_nothing_by_itself() -> None:
    assert settled(Study().anchor().passes("s", 0, 5 * MINUTE)).timeline == ()


@pytest.mark.parametrize("outcome", ["missed", "no_face", "several_faces", "too_poor", "unsure", "new_word"])
def test_a_failed_check_withdraws_from_its_due_time_to_the_next_pass(outcome: str) -> None:
    study = Study().anchor().watch("s", 0, 10 * MINUTE).passes("s", 0, 8 * MINUTE, 10 * MINUTE)
    study.check("s", 6 * MINUTE, outcome, due=5 * MINUTE + 7)

    statement = settled(study)

    assert statement.figures.refused_ms == {Refusal.CHECK_MISSED: 3 * MINUTE - 7}
    assert statement.credited_ms == 7 * MINUTE + 7
    (withdrawn,) = [s for s in statement.timeline if s.verdict is Verdict.REFUSED]
    assert withdrawn.start_ms == START + 5 * MINUTE + 7


def test_another_persons_face_withdraws_back_to_the_last_pass() -> None:
    study = Study().anchor().watch("s", 0, 10 * MINUTE).passes("s", 0, 2 * MINUTE, 8 * MINUTE, 10 * MINUTE)
    study.check("s", 6 * MINUTE, "other_person", due=5 * MINUTE)

    assert refused(study) == {Refusal.OTHER_PERSON: 6 * MINUTE}


def test_a_pass_at_the_very_moment_of_another_face_protects_nothing_before_it() -> None:
    study = Study().anchor().watch("s", 0, 8 * MINUTE).passes("s", 0, 2 * MINUTE, 6 * MINUTE, 8 * MINUTE)
    study.check("s", 6 * MINUTE, "other_person")

    assert refused(study) == {Refusal.OTHER_PERSON: 6 * MINUTE}


def test_another_face_on_a_check_due_before_the_last_pass_withdraws_from_its_due_time() -> None:
    study = Study().anchor().watch("s", 0, 8 * MINUTE).passes("s", 0, 2 * MINUTE, 8 * MINUTE)
    study.check("s", 6 * MINUTE, "other_person", due=MINUTE)

    assert refused(study) == {Refusal.OTHER_PERSON: 7 * MINUTE}


def test_a_device_still_in_use_keeps_its_provisional_time_when_another_passes_a_check() -> None:
    study = Study().anchor().watch("s", 0, 10 * MINUTE).passes("s", 0)
    study.watch("t", 2 * MINUTE, 2 * MINUTE, unit="unit-2").passes("t", 2 * MINUTE, 4 * MINUTE)

    statement = settled(study)

    assert (statement.credited_ms, statement.figures.provisional_ms) == (2 * MINUTE, 8 * MINUTE)


def test_withdrawn_media_may_be_studied_anew() -> None:
    study = Study().anchor().watch("s", 0, 6 * MINUTE).passes("s", 0).check("s", 6 * MINUTE, "other_person")
    study.watch("t", 10 * MINUTE, 6 * MINUTE).passes("t", 10 * MINUTE, 16 * MINUTE)

    statement = settled(study)

    assert statement.credited_ms == 6 * MINUTE
    assert statement.figures.refused_ms == {Refusal.OTHER_PERSON: 6 * MINUTE}


def test_media_that_awaited_a_check_may_be_studied_anew_once_the_learner_is_elsewhere() -> None:
    study = Study().anchor().watch("s", 0, 6 * MINUTE).passes("s", 0, 2 * MINUTE)
    study.watch("t", 10 * MINUTE, 4 * MINUTE, media=2 * MINUTE).passes("t", 10 * MINUTE, 14 * MINUTE)

    statement = settled(study)

    assert statement.credited_ms == 6 * MINUTE
    assert statement.figures.refused_ms == {Refusal.UNCONFIRMED: 4 * MINUTE}


def test_a_pass_proves_no_more_than_the_longest_gap_and_the_time_to_answer() -> None:
    study = Study().anchor().watch("s", 0, 30 * MINUTE).passes("s", 0, 30 * MINUTE)

    statement = settled(study)  # 15 minutes, and three attempts of a minute

    assert statement.credited_ms == 18 * MINUTE
    assert statement.figures.refused_ms == {Refusal.PRESENCE_GAP: 12 * MINUTE}


def test_a_pass_in_one_session_proves_nothing_in_another() -> None:
    study = Study().anchor().watch("s", 0, MINUTE).passes("s", 0, MINUTE)
    study.watch("t", 2 * MINUTE, MINUTE, media=MINUTE)

    assert refused(study) == {Refusal.NO_PRESENCE: MINUTE}


def test_a_silence_longer_than_the_limit_is_refused_wholly() -> None:
    study = Study().anchor().passes("s", 0, 2 * MINUTE).watch("s", 0, MINUTE)
    beats = [(MINUTE + i * BEAT, MINUTE + i * BEAT, 1, 0, 1000) for i in range(1, 5)]
    study.beats("s", beats, previous=MINUTE, received=MINUTE + 40 * SECOND)

    statement = settled(study)

    assert statement.credited_ms == MINUTE
    assert statement.figures.refused_ms == {Refusal.BEAT_GAP: 40 * SECOND}


def test_a_silence_of_exactly_the_limit_counts() -> None:
    study = Study().anchor().passes("s", 0, 2 * MINUTE).watch("s", 0, MINUTE)
    study.beats("s", [(MINUTE + 30 * SECOND, MINUTE + 30 * SECOND, 1, 0, 1000)], previous=MINUTE)

    assert settled(study).credited_ms == MINUTE + 30 * SECOND


def test_a_first_batch_that_brings_an_hour_earns_nothing() -> None:
    hour = [(i * BEAT, i * BEAT, 1, 0, 1000) for i in range(180)]
    study = Study().anchor().passes("s", 0, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE)
    study.beats("s", hour, previous=None)

    assert settled(study).timeline == ()


def test_beats_dated_outside_the_servers_interval_are_pulled_into_it() -> None:
    study = Study().anchor().passes("s", 0, 10 * MINUTE).beats("s", [(0, 0, 1, 0, 1000)], previous=None)
    study.beats(
        "s", [(-5 * MINUTE, 0, 1, 0, 1000), (9 * MINUTE, 9 * MINUTE, 1, 0, 1000)], previous=0, received=BEAT
    )

    assert settled(study).credited_ms == BEAT


def test_hidden_pages_earn_nothing() -> None:
    study = Study().anchor().watch("s", 0, MINUTE, visible=0).passes("s", 0, MINUTE)

    assert refused(study) == {Refusal.HIDDEN: MINUTE}


def test_a_page_hidden_at_either_end_of_a_stretch_earns_nothing_in_it() -> None:
    study = Study().anchor().passes("s", 0, MINUTE)
    for i, visible in enumerate([1, 1, 0, 1, 1]):
        previous = None if i == 0 else (i - 1) * BEAT
        study.beats("s", [(i * BEAT, i * BEAT, visible, 0, 1000)], previous=previous)

    assert refused(study) == {Refusal.HIDDEN: 2 * BEAT}


def test_batches_that_are_missing_leave_a_gap() -> None:
    study = Study().anchor().passes("s", 0, MINUTE).beats("s", [(0, 0, 1, 0, 1000)], previous=None)
    study.beats("s", [(MINUTE, MINUTE, 1, 0, 1000)], previous=50 * SECOND)

    assert refused(study) == {Refusal.BEAT_GAP: MINUTE}


def test_idle_time_is_split_exactly_at_the_limit() -> None:
    study = Study().anchor().passes("s", 0, 10 * MINUTE)
    for i in range(61):
        at = i * BEAT
        study.beats("s", [(at, at, 1, at, 1000)], previous=None if i == 0 else at - BEAT)

    statement = settled(study)

    assert statement.credited_ms == 5 * MINUTE
    assert statement.figures.refused_ms == {Refusal.IDLE: 5 * MINUTE}


def test_no_interaction_at_all_counts_from_the_opening_of_the_page() -> None:
    study = Study().anchor().watch("s", 0, 6 * MINUTE, age=None).passes("s", 0, 6 * MINUTE)

    assert refused(study) == {Refusal.IDLE: MINUTE}


def test_a_declared_rate_above_the_rule_is_refused() -> None:
    study = Study().anchor().watch("s", 0, MINUTE, speed=2, rate=2000).passes("s", 0, MINUTE)

    assert refused(study) == {Refusal.OVER_RATE: MINUTE}


def test_media_that_passes_faster_than_the_wall_is_not_seen() -> None:
    study = Study().anchor().watch("s", 0, MINUTE, speed=3).passes("s", 0, MINUTE)
    statement = settled(study, MaySeek())

    unit = statement.unit("unit-1")
    assert unit is not None
    assert statement.credited_ms == MINUTE
    assert unit.seen_media.total == MINUTE
    assert unit.skipped_media_ms == 2 * MINUTE


def test_media_that_passes_faster_than_the_wall_is_soon_beyond_the_furthest_point() -> None:
    study = Study().anchor().watch("s", 0, MINUTE, speed=3).passes("s", 0, MINUTE)

    # Twenty seconds too many a beat: the tolerance of a minute lasts for three of them and for one that begins at it.
    assert refused(study) == {Refusal.BEYOND_FURTHEST: 2 * BEAT}
    assert settled(study).credited_ms == 4 * BEAT


def test_a_drag_to_the_end_earns_the_wall_time_and_no_more() -> None:
    study = Study().anchor().passes("s", 0, MINUTE).beats("s", [(0, 0, 1, 0, 1000)], previous=None)
    study.beats("s", [(BEAT, 2_900_000, 1, 0, 1000)], previous=0)

    assert settled(study).credited_ms == BEAT


def test_media_is_credited_once() -> None:
    study = Study().anchor().watch("s", 0, MINUTE).passes("s", 0, MINUTE)
    study.watch("t", 2 * MINUTE, MINUTE).passes("t", 2 * MINUTE, 3 * MINUTE)

    statement = settled(study)

    assert statement.credited_ms == MINUTE
    assert statement.figures.refused_ms == {Refusal.REPEATED: MINUTE}


def test_the_same_position_in_another_unit_is_other_media() -> None:
    study = Study().anchor().watch("s", 0, MINUTE).passes("s", 0, MINUTE)
    study.watch("t", 2 * MINUTE, MINUTE, unit="unit-2").passes("t", 2 * MINUTE, 3 * MINUTE)

    assert settled(study).credited_ms == 2 * MINUTE


def test_media_beyond_the_reviewed_length_earns_nothing() -> None:
    study = Study().anchor().watch("s", 0, MINUTE).passes("s", 0, MINUTE)

    statement = settle(with_nominal("unit-1", 45 * SECOND), study.entries(), rules())

    assert statement.credited_ms == 45 * SECOND
    assert statement.figures.refused_ms == {Refusal.BEYOND_NOMINAL: 15 * SECOND}


def test_a_unit_that_the_course_does_not_have_earns_nothing() -> None:
    study = Study().anchor().watch("s", 0, MINUTE, unit="elsewhere").passes("s", 0, MINUTE)

    assert refused(study) == {Refusal.BEYOND_NOMINAL: MINUTE}


def test_standing_media_earns_nothing() -> None:
    study = Study().anchor().watch("s", 0, MINUTE, speed=0).passes("s", 0, MINUTE)

    assert refused(study) == {Refusal.NOT_PROGRESSING: MINUTE}


def test_the_bank_smooths_jitter_within_one_beat_interval() -> None:
    study = Study().anchor().passes("s", 0, MINUTE)
    positions = [0, 9_000, 20_500, 29_000, 40_000]
    for i, media in enumerate(positions):
        study.beats("s", [(i * BEAT, media, 1, 0, 1000)], previous=None if i == 0 else (i - 1) * BEAT)

    statement = settled(study)

    unit = statement.unit("unit-1")
    assert unit is not None
    assert unit.skipped_media_ms == 500  # the position ran ahead of the wall once; the rest is smoothed
    assert statement.credited_ms == 39_500
    assert statement.figures.refused_ms == {Refusal.NOT_PROGRESSING: 500}


def test_a_long_pause_cannot_be_spent_on_speed_afterwards() -> None:
    study = Study().anchor().passes("s", 0, 3 * MINUTE).watch("s", 0, MINUTE, speed=0)
    study.beats("s", [(MINUTE + BEAT, MINUTE, 1, 0, 1000)], previous=MINUTE)

    statement = settled(study)

    assert statement.credited_ms == 2 * BEAT
    assert statement.figures.refused_ms == {Refusal.NOT_PROGRESSING: 50 * SECOND}


@pytest.mark.parametrize("given", [rules(), MaySeek()])
def test_a_jump_back_is_a_new_baseline(given: StudyRules) -> None:
    study = Study().anchor().passes("s", 0, MINUTE)
    for i, media in enumerate([50_000, 60_000, 10_000, 20_000]):
        study.beats("s", [(i * BEAT, media, 1, 0, 1000)], previous=None if i == 0 else (i - 1) * BEAT)

    statement = settled(study, given)

    unit = statement.unit("unit-1")
    assert unit is not None
    assert unit.seen_media.pairs() == [[10_000, 20_000], [50_000, 60_000]]
    assert statement.credited_ms == 2 * BEAT


def test_of_two_devices_at_once_the_later_opened_counts() -> None:
    study = Study().anchor().watch("s", 0, 4 * MINUTE).passes("s", 0, 4 * MINUTE)
    study.watch("t", MINUTE, 2 * MINUTE, unit="unit-2").passes("t", MINUTE, 3 * MINUTE)

    statement = settled(study)

    assert statement.credited_ms == 4 * MINUTE
    assert statement.figures.refused_ms == {Refusal.SECOND_SESSION: 2 * MINUTE}
    assert {s.session for s in statement.timeline if s.reason == Refusal.SECOND_SESSION} == {"s"}


def test_a_silent_device_takes_no_time_from_one_that_is_used() -> None:
    study = Study().anchor().watch("s", 0, 4 * MINUTE).passes("s", 0, 4 * MINUTE)
    study.beats("t", [(MINUTE, 0, 1, 0, 1000)], previous=None)
    study.beats("t", [(3 * MINUTE, 0, 1, 0, 1000)], previous=MINUTE)

    assert settled(study).credited_ms == 4 * MINUTE


def test_test_time_is_no_study() -> None:
    study = Study().anchor().watch("s", 0, MINUTE, unit="quiz", activity="test").passes("s", 0, MINUTE)
    study.watch("t", 2 * MINUTE, MINUTE, unit="quiz").passes("t", 2 * MINUTE, 3 * MINUTE)
    study.watch("u", 4 * MINUTE, MINUTE, activity="test").passes("u", 4 * MINUTE, 5 * MINUTE)

    assert refused(study) == {Refusal.TEST_TIME: 3 * MINUTE}


def test_study_outside_the_class_runs_dates_earns_nothing() -> None:
    closing = epoch_ms(datetime(2026, 12, 20, 16, 0, tzinfo=UTC)) - START  # midnight in Guangzhou
    study = Study().anchor().watch("s", closing - MINUTE, 2 * MINUTE)
    study.passes("s", closing - MINUTE, closing + MINUTE)

    statement = settled(study)

    assert statement.credited_ms == MINUTE
    assert statement.figures.refused_ms == {Refusal.OUTSIDE_CLASS_DATES: MINUTE}


def test_online_study_during_an_offline_session_earns_nothing() -> None:
    study = Study().anchor().watch("s", 0, 4 * MINUTE).passes("s", 0, 4 * MINUTE)
    study.offline(MINUTE, 2 * MINUTE)

    assert refused(study) == {Refusal.OFFLINE_SESSION: MINUTE}


@pytest.mark.parametrize("later", [0, 5 * SECOND], ids=["beat at midnight", "midnight between two beats"])
def test_the_daily_cap_is_split_exactly_and_the_day_is_guangzhous(later: int) -> None:
    # Eight hours and five minutes before midnight; the first pass comes late, so the cap falls between two beats.
    late = 4 * SECOND
    at = epoch_ms(datetime(2026, 11, 24, 7, 55, tzinfo=UTC)) - START + later
    length = 9 * 60 * MINUTE
    study = Study().anchor().watch("s", at, length).passes("s", *range(at + late, at + length, 10 * MINUTE))

    statement = settle(with_nominal("unit-1", 100 * 60 * MINUTE), study.entries(), rules())

    unit = statement.unit("unit-1")
    assert unit is not None
    assert statement.figures.refused_ms == {
        Refusal.NO_PRESENCE: late,
        Refusal.OVER_DAILY_CAP: 5 * MINUTE - later - late,
    }
    assert statement.on_day(date(2026, 11, 24)).credited_ms == 8 * 60 * MINUTE
    tomorrow = statement.on_day(date(2026, 11, 25))
    assert tomorrow.credited_ms + tomorrow.provisional_ms == 55 * MINUTE + later
    assert unit.seen_media.total == statement.credited_ms + statement.figures.provisional_ms


def test_reasons_cite_an_article_only_where_the_law_speaks() -> None:
    study = Study().anchor().watch("s", 0, MINUTE, speed=0)
    study.watch("t", 2 * MINUTE, MINUTE, speed=0).passes("t", 2 * MINUTE, 3 * MINUTE)

    reasons = settled(study).reasons

    assert reasons["no_presence"].citation.article == "第二十四条"
    assert reasons["not_progressing"].citation.basis is Basis.PRACTICE
    assert reasons["not_progressing"].citation.article is None
    assert reasons["no_presence"].seconds == 60


def test_every_refusal_has_a_sentence_that_says_what_to_do() -> None:
    from bridge.ledger.model.reasons import explain

    for code in (*Refusal, "not_anchored", "awaits_check"):
        reason = explain(code, rules(), date(2026, 11, 24), 1500)
        assert reason.sentence_zh.endswith("。")
        assert reason.seconds == 1


def test_study_on_a_day_without_rules_stops_the_settlement() -> None:
    after_the_measures = epoch_ms(datetime(2027, 7, 2, tzinfo=UTC)) - START
    study = Study().anchor().watch("s", after_the_measures, MINUTE)
    longer = replace(sheet(), class_run=replace(sheet().class_run, closes_on=date(2027, 7, 31)))

    with pytest.raises(NoRuleInForce):
        settle(longer, study.entries(), rules(longer))


def test_a_stray_beat_after_the_law_lapsed_leaves_what_was_studied_under_it() -> None:
    after_the_measures = epoch_ms(datetime(2027, 7, 2, tzinfo=UTC)) - START
    study = Study().anchor().watch("s", 0, MINUTE).passes("s", 0, MINUTE)
    study.watch("t", after_the_measures, MINUTE)

    statement = settled(study)

    assert statement.credited_ms == MINUTE
    assert statement.figures.refused_ms == {Refusal.OUTSIDE_CLASS_DATES: MINUTE}


def test_an_unreadable_entry_is_named_by_its_line() -> None:
    entries = chain([("anchor", {"at_ms": 1}), ("beats", {"session": "s"})])

    with pytest.raises(LedgerInvalid) as caught:
        settle(sheet(), entries, rules())

    assert (caught.value.reason, caught.value.line) == ("entry_invalid", 3)
