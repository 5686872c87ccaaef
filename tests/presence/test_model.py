"""What a check decides from its frames, and when the next one is due."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.ids import CheckId, ClassRunId, LearnerRef, StudySessionId
from bridge.presence.face import FaceVerdict
from bridge.presence.model import (
    CHECK_SENTENCES,
    CheckKind,
    CheckRules,
    CheckState,
    PresenceCheck,
    batch_nonce,
    check_command,
    medoid,
)

FAILURES = [verdict for verdict in FaceVerdict if verdict is not FaceVerdict.VERIFIED]


def check(attempts: int = 3) -> PresenceCheck:
    return PresenceCheck(
        id=CheckId("chk_1"),
        session=StudySessionId("ss_1"),
        learner=LearnerRef("lrn_1"),
        class_run=ClassRunId("run_1"),
        kind=CheckKind.RANDOM,
        due_ms=1_000,
        opened_ms=1_500,
        answer_by_ms=61_500,
        attempts_left=attempts,
        state=CheckState.OPEN,
        nonce="n" * 32,
        verdicts=(),
    )


def judged(one: PresenceCheck, *verdicts: FaceVerdict) -> PresenceCheck:
    """The check after these verdicts, as long as it stays open."""
    for verdict in verdicts:
        if one.state is not CheckState.OPEN:
            break
        state, left = one.after(verdict)
        one = replace(one, state=state, attempts_left=left, verdicts=(*one.verdicts, verdict.value))
    return one


@given(
    gap_min=st.integers(1, 10**8),
    spread=st.integers(0, 10**8),
    start=st.integers(0, 2**43),
    chance=st.integers(0, 2**32 - 1),
)
def test_the_next_check_falls_within_the_packs_bounds(
    gap_min: int, spread: int, start: int, chance: int
) -> None:
    rules = CheckRules(gap_min, gap_min + spread, 60_000, 3)
    due = rules.due_after(start, chance)
    assert start + gap_min <= due <= start + gap_min + spread


@given(earlier=st.integers(0, 2**32 - 1), later=st.integers(0, 2**32 - 1))
def test_more_chance_is_never_an_earlier_check(earlier: int, later: int) -> None:
    rules = CheckRules(60_000, 600_000, 60_000, 3)
    assert (rules.due_after(0, earlier) <= rules.due_after(0, later)) or later < earlier


@pytest.mark.parametrize(("least", "most"), [(0, 1), (-1, 5), (2, 1)])
def test_gaps_that_make_no_sense_are_refused(least: int, most: int) -> None:
    with pytest.raises(ValueError, match="0 < min <= max"):
        CheckRules(least, most, 60_000, 3)


@given(st.lists(st.sampled_from(FAILURES), max_size=2))
def test_the_right_face_passes_whatever_came_before(before: list[FaceVerdict]) -> None:
    one = judged(check(attempts=3), *before)
    if one.state is CheckState.OPEN and FaceVerdict.SUSPECTED_SPOOF not in before:
        assert one.after(FaceVerdict.VERIFIED)[0] is CheckState.PASSED


@given(st.lists(st.sampled_from(FaceVerdict), min_size=1, max_size=6))
def test_a_check_under_suspicion_passes_only_when_more_frames_are_verified(
    verdicts: list[FaceVerdict],
) -> None:
    ended = judged(check(attempts=6), *verdicts)
    if ended.state is CheckState.PASSED:
        assert ended.verdicts.count("verified") > ended.verdicts.count("suspected_spoof")


def test_one_verified_frame_after_a_suspicious_one_asks_for_another() -> None:
    suspicious = judged(check(attempts=3), FaceVerdict.SUSPECTED_SPOOF)
    once = judged(suspicious, FaceVerdict.VERIFIED)
    assert (once.state, once.attempts_left) == (CheckState.OPEN, 1)
    assert judged(once, FaceVerdict.VERIFIED).state is CheckState.PASSED
    assert judged(once, FaceVerdict.UNSURE).state is CheckState.UNSURE
    late = judged(check(attempts=2), FaceVerdict.SUSPECTED_SPOOF, FaceVerdict.VERIFIED)
    assert (late.state, late.attempts_left) == (CheckState.UNSURE, 0)


@given(st.lists(st.sampled_from(FAILURES), min_size=3, max_size=6))
def test_bad_frames_end_a_check_within_its_attempts_and_never_pass_it(verdicts: list[FaceVerdict]) -> None:
    ended = judged(check(attempts=3), *verdicts)
    assert ended.state not in (CheckState.OPEN, CheckState.PASSED)
    assert len(ended.verdicts) <= 3


@given(st.lists(st.sampled_from(FAILURES), min_size=1, max_size=6))
def test_another_person_is_said_of_two_frames_and_never_of_one(verdicts: list[FaceVerdict]) -> None:
    ended = judged(check(attempts=6), *verdicts)
    others = ended.verdicts.count(FaceVerdict.OTHER_PERSON.value)
    assert (ended.state is CheckState.OTHER_PERSON) == (others >= 2)


@given(st.lists(st.sampled_from(FAILURES), min_size=1, max_size=6))
def test_a_spoof_is_said_of_two_frames_and_never_of_one(verdicts: list[FaceVerdict]) -> None:
    ended = judged(check(attempts=6), *verdicts)
    suspected = ended.verdicts.count(FaceVerdict.SUSPECTED_SPOOF.value)
    assert (ended.state is CheckState.SUSPECTED_SPOOF) == (suspected >= 2)


GRAVE = (FaceVerdict.OTHER_PERSON, FaceVerdict.SUSPECTED_SPOOF, FaceVerdict.SUSPECTED_VIRTUAL_CAMERA)


@pytest.mark.parametrize("verdict", GRAVE)
def test_one_grave_frame_at_the_last_attempt_is_unsure(verdict: FaceVerdict) -> None:
    assert check(attempts=1).after(verdict) == (CheckState.UNSURE, 0)


@pytest.mark.parametrize("verdict", [v for v in FAILURES if v not in GRAVE])
def test_the_last_frame_names_the_end_of_a_check(verdict: FaceVerdict) -> None:
    assert check(attempts=1).after(verdict) == (CheckState(verdict.value), 0)


def test_every_state_has_a_sentence_for_the_learner() -> None:
    assert set(CHECK_SENTENCES) == set(CheckState)


def test_the_command_tells_whole_seconds_and_never_fewer_than_none() -> None:
    assert check_command(check(), 1_600)["answer_within_seconds"] == 59
    assert check_command(check(), 99_000)["answer_within_seconds"] == 0


def test_a_nonce_hangs_on_key_session_turn_and_record() -> None:
    session = StudySessionId("ss_1")
    others = {
        batch_nonce(b"k", session, 1, "a"),
        batch_nonce(b"x", session, 1, "a"),
        batch_nonce(b"k", StudySessionId("ss_2"), 1, "a"),
        batch_nonce(b"k", session, 2, "a"),
        batch_nonce(b"k", session, 1, "b"),
    }
    assert len(others) == 5
    assert batch_nonce(b"k", session, 1, "a") in others


def test_the_chosen_template_is_the_one_most_like_the_others() -> None:
    assert medoid([[1.0, 0.9, 0.2], [0.9, 1.0, 0.5], [0.2, 0.5, 1.0]]) == 1
