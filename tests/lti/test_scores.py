"""Scores: what may be sent at all, and in which order, so that no grade is lost at a platform like Moodle."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti.scores import (
    MAX_COMMENT_CHARACTERS,
    ActivityProgress,
    Drop,
    GradingProgress,
    Score,
    Send,
    Wait,
    exact_number,
    keeps_grade,
    next_step,
)
from tests.lti.platform import START, StandingClock
from tests.lti.service_platform import ServicePlatform

SECOND = timedelta(seconds=1)


def score(given: int | None = 85, at: datetime = START, **changes: Any) -> Score:
    maximum = None if given is None else Fraction(100)
    return replace(Score("user-1", None if given is None else Fraction(given), maximum, at), **changes)


def interim(at: datetime = START) -> Score:
    return score(50, at, grading_progress=GradingProgress.PENDING_MANUAL)


def test_a_score_is_written_as_the_standard_says() -> None:
    assert score(85).document() == {
        "userId": "user-1",
        "scoreGiven": 85,
        "scoreMaximum": 100,
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
        "timestamp": "2026-11-23T08:00:00.000Z",
    }


def test_an_instant_of_another_zone_is_written_in_utc_with_milliseconds() -> None:
    at = datetime(2026, 11, 23, 16, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=8)))
    assert score(at=at).document()["timestamp"] == "2026-11-23T08:00:00.123Z"


def test_progress_without_a_score_sends_none() -> None:
    started = score(
        None, activity_progress=ActivityProgress.STARTED, grading_progress=GradingProgress.NOT_READY
    )
    assert not {"scoreGiven", "scoreMaximum", "comment"} & set(started.document())
    assert not started.is_final


def test_a_fraction_is_rounded_once_at_the_end() -> None:
    third = replace(score(), score_given=Fraction(1, 3), score_maximum=Fraction(5, 2))
    assert (third.document()["scoreGiven"], third.document()["scoreMaximum"]) == (1 / 3, 2.5)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"user_id": ""}, "user_id"),
        ({"user_id": "x" * 256}, "user_id"),
        ({"score_given": None}, "maximum"),
        ({"score_maximum": None}, "maximum"),
        ({"score_maximum": Fraction(0)}, "greater than 0"),
        ({"score_maximum": Fraction(-1)}, "greater than 0"),
        ({"score_given": Fraction(-1, 1000)}, "not negative"),
        ({"timestamp": datetime(2026, 11, 23, 8)}, "aware"),  # noqa: DTZ001  # naive on purpose
        ({"activity_progress": "Completed"}, "ActivityProgress"),
        ({"grading_progress": "FullyGraded"}, "GradingProgress"),
        ({"comment": "x" * (MAX_COMMENT_CHARACTERS + 1)}, "characters"),
        ({"comment": "有问题请写信给 teacher@lms.example"}, "contact data"),
        ({"comment": "请打电话 13800138000"}, "contact data"),
    ],
)
def test_what_a_platform_would_misread_is_never_made(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replace(score(), **changes)


def test_the_edges_of_a_score() -> None:
    assert score(0).is_final
    assert replace(score(), score_given=Fraction(120)).is_final  # extra credit is the standard's own
    assert replace(score(), comment="x" * MAX_COMMENT_CHARACTERS).document()["comment"][0] == "x"
    assert replace(score(), comment="第 3 题答案有误。").document()["comment"] == "第 3 题答案有误。"
    assert replace(score(), user_id="x" * 255).is_final


@pytest.mark.parametrize(
    ("sent", "exact"),
    [
        (85, Fraction(85)),
        (0.88, Fraction(22, 25)),
        (1e-3, Fraction(1, 1000)),
        (0, Fraction(0)),
        (True, None),
        ("85", None),
        (None, None),
        (float("inf"), None),
        (float("nan"), None),
        ([], None),
    ],
)
def test_a_number_is_read_as_it_was_written(sent: Any, exact: Fraction | None) -> None:
    assert exact_number(sent) == exact


@pytest.mark.parametrize(
    ("previous", "new", "keeps"),
    [
        (None, interim(), True),
        (None, score(), True),
        (interim(), interim(), True),
        (interim(), score(), True),
        (score(), score(90), True),
        (score(), interim(), False),
        (score(), score(None), False),  # FullyGraded without a score erases as well
        (score(None), interim(), True),
    ],
)
def test_a_final_grade_is_never_followed_by_less(previous: Score | None, new: Score, keeps: bool) -> None:
    assert keeps_grade(previous, new) is keeps


def sent(made: Score) -> Send:
    return Send(made, made.timestamp)


def test_the_first_score_goes_at_once() -> None:
    assert next_step(None, score(), START) == sent(score())


def test_a_score_of_a_later_second_goes_as_it_is() -> None:
    later = score(90, START + SECOND)
    assert next_step(sent(score()), later, START + SECOND) == sent(later)


def test_a_second_score_within_the_second_waits_for_the_next_and_is_dated_so() -> None:
    first, second = score(at=START + SECOND / 10), score(90, START + SECOND / 2)
    assert next_step(sent(first), second, START + SECOND / 2) == Wait(1)
    step = next_step(sent(first), second, START + SECOND)
    assert isinstance(step, Send)
    assert (step.score, step.timestamp) == (second, START + SECOND)
    assert step.outgoing() == replace(second, timestamp=START + SECOND)


def test_three_within_a_second_take_three_seconds_and_the_newest_stands() -> None:
    second = Send(score(80, START + SECOND / 4), START + SECOND)
    third = score(90, START + SECOND / 2)
    assert next_step(second, third, START + SECOND) == Wait(1)
    assert next_step(second, third, START + 2 * SECOND) == Send(third, START + 2 * SECOND)


def test_an_older_score_that_comes_late_is_dropped() -> None:
    assert next_step(sent(score(at=START)), score(90, START - SECOND), START) == Drop("older")
    assert next_step(sent(score(at=START)), score(90, START - SECOND / 100), START) == Drop("older")


def test_the_same_score_twice_is_sent_once() -> None:
    assert next_step(sent(score()), score(), START + 9 * SECOND) == Drop("already_sent")


def test_another_decision_of_the_same_instant_is_sent() -> None:
    corrected = score(95)
    assert next_step(sent(score()), corrected, START + 9 * SECOND) == Send(corrected, START + SECOND)


def test_an_interim_state_after_a_final_score_is_dropped() -> None:
    assert next_step(sent(score()), interim(START + 9 * SECOND), START + 9 * SECOND) == Drop("would_erase")


def test_no_score_is_dated_ahead() -> None:
    assert next_step(None, score(at=START + 5 * SECOND), START) == Wait(5)
    assert next_step(None, score(at=START + SECOND * 1.5), START) == Wait(2)


DECISIONS = st.lists(
    st.tuples(st.integers(0, 1500), st.integers(0, 100), st.sampled_from(list(GradingProgress))), max_size=12
)


@given(DECISIONS)
def test_no_order_of_decisions_loses_the_last_grade_or_meets_a_refusal(
    decisions: list[tuple[int, int, GradingProgress]],
) -> None:
    """Each decision follows the one before by some milliseconds; a queue sends them one by one."""
    platform = ServicePlatform(StandingClock())
    at = now = START
    last: Send | None = None
    final: int | None = None
    dates: list[datetime] = []
    for milliseconds, points, progress in decisions:
        at += timedelta(milliseconds=milliseconds)
        made = score(points, at, grading_progress=progress)
        if made.is_final:
            final = points
        now = max(now, at)
        step = next_step(last, made, now)
        while isinstance(step, Wait):
            assert 1 <= step.seconds <= 2
            now += timedelta(seconds=step.seconds)
            step = next_step(last, made, now)
        if isinstance(step, Send):
            assert platform.keep("1", step.outgoing().document()) == 200
            dates.append(step.timestamp)
            last = step
            assert step.timestamp <= now
    assert platform.grades.get(("1", "user-1"), (0, None))[1] == final
    seconds = [int(date.astimezone(UTC).timestamp()) for date in dates]
    assert seconds == sorted(set(seconds))
