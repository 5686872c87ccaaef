"""What a learner's page is told: the day, its reasons, what comes next, a cap that is near, and the way back."""

from dataclasses import dataclass, replace
from datetime import date

import pytest

from bridge.hours.model import credit_class_hours
from bridge.kernel.intervals import IntervalSet
from bridge.ledger.model import Refusal, SecondsStatement, StudyLimits, settle
from bridge.presence.model import Command
from bridge.rules.model import Resolved
from bridge.wiring.learner_news import Seen, last_gap, news_of, next_of, orders_of
from tests.ledger.study import MINUTE, SECOND, START, Study, guangdong, rules, sheet

DAY_MS = 24 * 60 * MINUTE


@dataclass(frozen=True)
class Capped:
    """The rules of the tests with another daily cap."""

    cap_ms: int

    def on(self, day: date) -> StudyLimits:
        return replace(rules().on(day), daily_cap_ms=self.cap_ms)

    def source(self, parameter: str, day: date) -> Resolved:
        return rules().source(parameter, day)


def worth(study: Study, cap_ms: int = 8 * 60 * MINUTE) -> SecondsStatement:
    return settle(sheet(), study.entries(), Capped(cap_ms))


def half_an_hour() -> Study:
    study = Study().anchor().watch("s", 0, 30 * MINUTE)
    return study.passes("s", 0, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE)


def ordered(
    study: Study,
    *,
    cap_ms: int = 8 * 60 * MINUTE,
    media_ms: int = 30 * MINUTE,
    asked: bool = False,
    before: tuple[Command, ...] = (),
) -> list[Command]:
    seen = Seen("s", "unit-1", media_ms, asked)
    return orders_of(worth(study, cap_ms), seen, Capped(cap_ms), START + 30 * MINUTE, before)


def test_the_day_is_the_legal_day_and_the_totals_are_of_the_class_run() -> None:
    study = half_an_hour().watch("later", DAY_MS, 5 * MINUTE, media=30 * MINUTE)
    study.passes("later", DAY_MS, DAY_MS + 5 * MINUTE)

    told = news_of(worth(study), "", START + DAY_MS + 5 * MINUTE)

    assert told["credited_seconds"] == 35 * 60
    assert told["day"] == {"credited_seconds": 300, "provisional_seconds": 0, "refused_seconds": 0}
    assert "next" not in told


def test_reasons_are_the_days_the_longest_first_with_what_to_do() -> None:
    study = half_an_hour()
    study.prompt("s", 13 * MINUTE, "missed", due=12 * MINUTE).prompt("s", 13 * MINUTE + 30 * SECOND)
    study.check("s", 25 * MINUTE, "missed", due=24 * MINUTE)

    told = news_of(worth(study), "", START + 30 * MINUTE)

    assert [(one["code"], one["seconds"]) for one in told["reasons"]] == [
        ("check_missed", 360),
        ("prompt_missed", 90),
    ]
    assert all("重新学习这部分内容" in one["message"] for one in told["reasons"])
    assert news_of(worth(study), "", START + DAY_MS)["reasons"] == []


def test_what_comes_next_is_said_of_the_part_that_the_unit_teaches() -> None:
    statement = worth(half_an_hour())
    hours = credit_class_hours(statement, sheet(), guangdong())

    assert next_of(sheet(), hours, "unit-1") == "“线上理论”再学 1 小时即学满。"
    assert next_of(sheet(), hours, "quiz") == ""
    met = replace(hours, units=tuple(replace(one, counted_ms=one.required_ms) for one in hours.units))
    assert next_of(sheet(), met, "unit-1") == "线上学时已全部学满。"


def test_nothing_is_ordered_while_all_is_well() -> None:
    assert ordered(half_an_hour()) == []


def test_a_cap_that_is_near_is_warned_of_once_a_day() -> None:
    (warning,) = ordered(half_an_hour(), cap_ms=40 * MINUTE)

    assert (warning["type"], warning["id"]) == ("warn", "daily_cap|2026-11-24")
    assert "今天还可计入约 10 分钟" in warning["message"]
    assert ordered(half_an_hour(), cap_ms=46 * MINUTE) == []


def test_a_cap_that_is_reached_pauses_and_the_next_day_resumes() -> None:
    (pause,) = ordered(half_an_hour(), cap_ms=20 * MINUTE)
    assert (pause["type"], pause["reason"]) == ("pause", "daily_cap")

    assert ordered(half_an_hour(), before=(pause,)) == [{"type": "resume"}]
    assert ordered(half_an_hour(), before=({"type": "resume"},)) == [{"type": "resume"}]


def missed(at: int, until: int) -> Study:
    """Half an hour with a check missed at `at` and the next one passed at `until`."""
    study = Study().anchor().watch("s", 0, 30 * MINUTE).passes("s", 0, until, 30 * MINUTE)
    return study.check("s", at + MINUTE, "missed", due=at)


def test_after_a_missed_check_the_learner_is_sent_back_to_where_it_was_due() -> None:
    (rewind,) = ordered(missed(12 * MINUTE, 15 * MINUTE))

    assert (rewind["type"], rewind["media_ms"]) == ("rewind", 12 * MINUTE)
    assert "从 12:00 起" in rewind["message"]
    assert "核验" in rewind["message"]


def test_the_order_to_go_back_stays_the_same_as_study_goes_on() -> None:
    first = ordered(missed(12 * MINUTE, 15 * MINUTE), media_ms=20 * MINUTE)

    assert first == ordered(missed(12 * MINUTE, 15 * MINUTE), media_ms=28 * MINUTE)


def test_nobody_is_sent_back_while_a_check_or_a_question_is_open_or_study_does_not_count() -> None:
    assert ordered(missed(12 * MINUTE, 15 * MINUTE), asked=True) == []
    still_missed = Study().anchor().watch("s", 0, 30 * MINUTE).passes("s", 0)
    still_missed.check("s", 13 * MINUTE, "missed", due=12 * MINUTE)
    assert ordered(still_missed) == []


def test_nobody_is_sent_back_to_what_was_made_up_or_lies_ahead() -> None:
    study = missed(12 * MINUTE, 15 * MINUTE)
    assert ordered(study, media_ms=12 * MINUTE) == []
    study.watch("s2", 31 * MINUTE, 3 * MINUTE, media=12 * MINUTE)
    study.passes("s2", 31 * MINUTE, 34 * MINUTE)

    assert ordered(study) == []


@pytest.mark.parametrize(
    ("seen", "media_ms", "gap"),
    [
        ([], 9_999, None),
        ([], 10_000, 0),
        ([(0, 60_000)], 90_000, 60_000),
        ([(0, 60_000), (75_000, 80_000)], 81_000, 60_000),
        ([(0, 60_000), (65_000, 80_000)], 80_000, None),
        ([(20_000, 60_000), (80_000, 90_000)], 90_000, 60_000),
    ],
)
def test_the_way_back_leads_to_the_last_stretch_that_is_missing(
    seen: list[tuple[int, int]], media_ms: int, gap: int | None
) -> None:
    assert last_gap(IntervalSet(seen), media_ms) == gap


def jumped(to: int, *, back: int | None = None) -> Study:
    """Five minutes studied, a jump ahead, a minute there; back again where that is said."""
    study = Study().anchor().watch("s", 0, 5 * MINUTE).passes("s", 0, 5 * MINUTE)
    places = [to + step * 10 * SECOND for step in range(7)]
    places += [] if back is None else [back + step * 10 * SECOND for step in range(7)]
    for step, media in enumerate(places, 1):
        at = 5 * MINUTE + step * 10 * SECOND
        study.beats("s", [(at, media, 1, 0, 1000)], previous=at - 10 * SECOND)
    return study.passes("s", 5 * MINUTE + len(places) * 10 * SECOND)


def test_who_jumped_ahead_is_sent_back_to_where_the_jump_began_and_told_why() -> None:
    (rewind,) = ordered(jumped(20 * MINUTE), media_ms=21 * MINUTE)

    assert (rewind["type"], rewind["media_ms"]) == ("rewind", 5 * MINUTE + 10 * SECOND)
    assert "还没学到的位置" in rewind["message"]
    assert "回到 5:10 接着学" in rewind["message"]
    assert (rewind,) == tuple(ordered(jumped(20 * MINUTE), media_ms=28 * MINUTE))


def test_who_is_back_is_left_alone() -> None:
    back = jumped(20 * MINUTE, back=5 * MINUTE + 10 * SECOND)

    assert worth(back).figures.refused_ms == {Refusal.BEYOND_FURTHEST: 70 * SECOND}
    assert ordered(back, media_ms=6 * MINUTE + 10 * SECOND) == []
    assert ordered(jumped(20 * MINUTE), media_ms=5 * MINUTE + 10 * SECOND) == []
    assert ordered(jumped(20 * MINUTE), media_ms=21 * MINUTE, asked=True) == []


def test_a_jump_within_the_tolerance_sends_nobody_back() -> None:
    assert ordered(jumped(6 * MINUTE), media_ms=7 * MINUTE) == []
