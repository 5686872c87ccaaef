"""The challenge, pure: what a burst shows, what comes next, how it ends. No picture, no model, no database."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.presence.challenge import (
    BurstFinding,
    Challenge,
    ChallengeState,
    Draw,
    Finding,
    FrameShown,
    Move,
    after,
    begin,
    camera_hint,
    draw_move,
    expire,
    give_up,
    judge_burst,
    moves_of,
)
from bridge.presence.face import FaceVerdict, HeadPose
from tests.presence.pictures import PACK, template

assert PACK.challenge is not None
LIMITS = PACK.challenge
MOVES = moves_of(PACK)
ASKED = [move for move in Move if move is not Move.FRONT]
OPEN, CLOSED = (0.0, 0.0), (1.0, 1.0)
LEFT, RIGHT = -30.0, 30.0
CHANCES = st.integers(0, 2**32 - 1)
DRAWS = st.builds(Draw, CHANCES, CHANCES, st.uuids().map(lambda one: one.hex))


def seen(
    yaw: float = 0,
    pitch: float = -5,
    eyes: tuple[float, float] = OPEN,
    verdict: FaceVerdict = FaceVerdict.VERIFIED,
) -> FrameShown:
    """Return what a good frame of the person shows."""
    straight = abs(yaw) <= LIMITS.front_degrees and verdict is FaceVerdict.VERIFIED
    return FrameShown(verdict, HeadPose(yaw, pitch, 0), eyes, template=template(0) if straight else None)


LOOKS = {
    Move.FRONT: [seen()] * 3,
    Move.TURN_LEFT: [seen(), seen(-12), seen(LEFT), seen(LEFT), seen(-10), seen()],
    Move.TURN_RIGHT: [seen(), seen(12), seen(RIGHT), seen(RIGHT), seen(10), seen()],
    Move.NOD: [seen(), seen(pitch=-12), seen(pitch=-20), seen(pitch=-8), seen()],
    Move.BLINK: [seen(), seen(eyes=CLOSED), seen(eyes=CLOSED), seen(), seen()],
}


def found(move: Move, shown: list[FrameShown]) -> Finding:
    return judge_burst(move, shown, LIMITS).finding


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("shown", list(Move))
def test_a_movement_is_met_by_itself_and_by_no_other(asked: Move, shown: Move) -> None:
    assert (found(asked, LOOKS[shown]) is Finding.MET) == (asked is shown)


def test_a_straight_look_is_met_by_most_of_its_frames() -> None:
    poor = FrameShown(FaceVerdict.TOO_POOR, advice="…")
    assert found(Move.FRONT, [seen(), poor, seen()]) is Finding.MET
    assert found(Move.FRONT, [seen(), poor, poor]) is Finding.TOO_POOR
    assert found(Move.FRONT, [seen(), seen(LEFT), seen(RIGHT)]) is not Finding.MET


@pytest.mark.parametrize(
    ("asked", "shown"),
    [(Move.TURN_LEFT, Move.TURN_RIGHT), (Move.TURN_RIGHT, Move.TURN_LEFT), (Move.NOD, Move.TURN_LEFT)],
)
def test_a_turn_that_was_not_asked_for_is_a_wrong_movement_even_beside_the_right_one(
    asked: Move, shown: Move
) -> None:
    assert found(asked, LOOKS[shown]) is Finding.WRONG_MOVE
    assert found(asked, LOOKS[asked] + LOOKS[shown]) is Finding.WRONG_MOVE


@given(
    asked=st.sampled_from(ASKED),
    yaw=st.floats(-90, 90),
    pitch=st.floats(-60, 60),
    eyes=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    count=st.integers(1, 12),
)
def test_one_look_however_often_meets_no_movement(
    asked: Move, yaw: float, pitch: float, eyes: tuple[float, float], count: int
) -> None:
    assert found(asked, [seen(yaw, pitch, eyes)] * count) is not Finding.MET


@given(st.lists(st.sampled_from([seen(LEFT), seen(RIGHT), seen(25), seen(-40)]), min_size=1, max_size=10))
def test_nothing_is_met_by_who_never_looks_into_the_camera(shown: list[FrameShown]) -> None:
    assert all(found(move, shown) is not Finding.MET for move in Move)


def test_closed_and_opened_eyes_are_not_enough_they_must_be_open_before() -> None:
    assert found(Move.BLINK, [seen(eyes=CLOSED), seen(eyes=CLOSED), seen(), seen()]) is Finding.NOT_SHOWN
    assert found(Move.BLINK, [seen(), seen(), seen(eyes=CLOSED), seen(eyes=CLOSED)]) is Finding.NOT_SHOWN


@pytest.mark.parametrize("eyes", [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5)], ids=["right", "left", "half"])
def test_a_wink_is_no_blink(eyes: tuple[float, float]) -> None:
    assert found(Move.BLINK, [seen(), seen(eyes=eyes), seen(eyes=eyes), seen()]) is Finding.NOT_SHOWN


def test_a_lowered_or_turned_head_reads_as_closed_eyes_and_is_no_blink() -> None:
    down = [seen(), seen(pitch=-25, eyes=CLOSED), seen(pitch=-25, eyes=CLOSED), seen()]
    away = [seen(), seen(18, eyes=CLOSED), seen(18, eyes=CLOSED), seen()]
    assert found(Move.BLINK, down) is Finding.NOT_SHOWN
    assert found(Move.BLINK, away) is Finding.NOT_SHOWN


@pytest.mark.parametrize("move", list(Move))
@pytest.mark.parametrize(
    ("verdict", "finding"),
    [
        (FaceVerdict.OTHER_PERSON, Finding.OTHER_PERSON),
        (FaceVerdict.SUSPECTED_SPOOF, Finding.SUSPECTED_SPOOF),
    ],
)
def test_two_frames_of_somebody_else_or_of_a_picture_outweigh_the_movement_one_does_not(
    move: Move, verdict: FaceVerdict, finding: Finding
) -> None:
    grave = seen(verdict=verdict)
    assert found(move, [*LOOKS[move], grave, grave]) is finding
    assert found(move, [*LOOKS[move], seen(), grave]) is not finding


@pytest.mark.parametrize("verdict", [FaceVerdict.OTHER_PERSON, FaceVerdict.SUSPECTED_SPOOF])
@pytest.mark.parametrize(
    ("move", "moved"),
    [
        (Move.TURN_LEFT, {"yaw": LEFT}),
        (Move.TURN_RIGHT, {"yaw": RIGHT}),
        (Move.NOD, {"pitch": -25}),
        (Move.BLINK, {"eyes": CLOSED}),
    ],
)
def test_no_movement_is_shown_by_the_one_frame_of_somebody_else_or_of_a_picture(
    move: Move, moved: dict[str, Any], verdict: FaceVerdict
) -> None:
    assert found(move, [seen(), seen(), seen(**moved), seen(), seen()]) is Finding.MET
    assert found(move, [seen(), seen(), seen(**moved, verdict=verdict), seen(), seen()]) is Finding.NOT_SHOWN


@pytest.mark.parametrize("move", list(Move))
def test_frames_sent_before_and_frozen_ones_are_a_suspected_virtual_camera(move: Move) -> None:
    again = [replace(one, repeated=at < 2) for at, one in enumerate(LOOKS[move])]
    frozen = [replace(one, still=at > 0) for at, one in enumerate(LOOKS[move])]
    assert found(move, again) is Finding.SUSPECTED_VIRTUAL_CAMERA
    assert found(move, frozen) is Finding.SUSPECTED_VIRTUAL_CAMERA
    once = [replace(one, repeated=at == 0) for at, one in enumerate(LOOKS[move])]
    assert found(move, once) is Finding.MET


def test_a_turn_with_a_face_of_which_nothing_can_be_said_is_unsure_and_asked_for_again() -> None:
    unknown = [seen(), seen(-12), seen(LEFT, verdict=FaceVerdict.UNSURE), seen()]
    assert found(Move.TURN_LEFT, unknown) is Finding.UNSURE


def test_poor_frames_say_what_to_do_about_it() -> None:
    dark = FrameShown(FaceVerdict.TOO_POOR, advice="光线太暗,请面向光源。")
    none = FrameShown(FaceVerdict.NO_FACE, advice="没有检测到人脸。")
    said = judge_burst(Move.NOD, [dark, dark, none, dark], LIMITS)
    assert (said.finding, said.sentence) == (Finding.TOO_POOR, "光线太暗,请面向光源。")


def fresh(nonce: str = "n0") -> Challenge:
    return begin("chl", LearnerRef("l"), ClassRunId("r"), "pack", LIMITS, Draw(0, 0, nonce), 1000, "unknown")


def gone_on(challenge: Challenge, finding: Finding, draw: Draw, now_ms: int = 2000) -> Challenge:
    return after(challenge, BurstFinding(finding, "…", eyes_read=True), MOVES, LIMITS, draw, now_ms)


@given(st.lists(DRAWS, min_size=10, max_size=10, unique_by=lambda one: one.nonce))
def test_who_shows_everything_passes_after_so_many_movements_all_different(draws: list[Draw]) -> None:
    challenge = fresh("first")
    asked = []
    for draw in draws:
        if challenge.step is None:
            break
        asked.append(challenge.step.move)
        challenge = gone_on(challenge, Finding.MET, draw)
    assert challenge.state is ChallengeState.PASSED
    assert asked == list(challenge.met)
    assert asked[0] is Move.FRONT
    assert len(asked) == len(set(asked)) == LIMITS.steps + 1


@given(st.lists(st.tuples(st.sampled_from(list(Finding)), DRAWS), min_size=1, max_size=60))
def test_every_challenge_ends_and_none_is_passed_without_all_its_movements(
    told: list[tuple[Finding, Draw]],
) -> None:
    challenge = fresh()
    for finding, draw in told:
        before = challenge
        challenge = gone_on(challenge, finding, draw)
        if before.state is not ChallengeState.OPEN:
            assert challenge == before
        if challenge.step is not None and before.step is not None:
            assert challenge.step.nonce == draw.nonce
            assert LIMITS.pause_min_ms <= challenge.step.opens_ms - 2000 <= LIMITS.pause_max_ms or (
                challenge.step.move is Move.FRONT
            )
    assert (challenge.state is ChallengeState.PASSED) == (len(challenge.met) == LIMITS.steps + 1)
    assert (challenge.step is None) == (challenge.state is not ChallengeState.OPEN)
    if len(told) > LIMITS.front_tries + LIMITS.tries * LIMITS.steps:
        assert challenge.state is not ChallengeState.OPEN


@given(DRAWS, st.sampled_from([Finding.NOT_SHOWN, Finding.WRONG_MOVE, Finding.UNSURE]))
def test_after_a_try_in_vain_another_movement_is_drawn(draw: Draw, finding: Finding) -> None:
    challenge = gone_on(fresh(), Finding.MET, draw)
    assert challenge.step is not None
    again = gone_on(challenge, finding, draw)
    assert again.step is not None
    assert again.step.move is not challenge.step.move
    assert again.step.tries_left == challenge.step.tries_left - 1


@given(st.lists(CHANCES, min_size=400, max_size=400, unique=True))
def test_every_movement_can_come(chances: list[int]) -> None:
    evenly = [number * 2**32 // 400 for number in range(400)]
    assert {draw_move([Move.FRONT], Move.FRONT, MOVES, one) for one in evenly} == set(MOVES)
    assert {draw_move([Move.FRONT], Move.FRONT, MOVES, one) for one in chances} <= set(MOVES)


@given(DRAWS)
def test_whose_eyes_do_not_read_as_open_is_never_asked_to_blink(draw: Draw) -> None:
    challenge = after(fresh(), BurstFinding(Finding.MET, "…"), MOVES, LIMITS, draw, 2000)
    while challenge.step is not None:
        assert challenge.step.move is not Move.BLINK
        challenge = after(challenge, BurstFinding(Finding.MET, "…"), MOVES, LIMITS, draw, 2000)
    assert challenge.state is ChallengeState.PASSED


def test_the_straight_look_says_whether_eyes_can_be_read() -> None:
    narrow = [seen(eyes=CLOSED)] * 3
    assert judge_burst(Move.FRONT, LOOKS[Move.FRONT], LIMITS).eyes_read
    assert judge_burst(Move.FRONT, narrow, LIMITS) == BurstFinding(Finding.MET, "很好!", eyes_read=False)


def test_two_bursts_under_one_suspicion_end_it_and_two_different_ones_do_not() -> None:
    draw = Draw(0, 0, "n")
    once = gone_on(fresh(), Finding.SUSPECTED_SPOOF, draw)
    assert once.state is ChallengeState.OPEN
    assert gone_on(once, Finding.OTHER_PERSON, draw).state is ChallengeState.OPEN
    twice = gone_on(once, Finding.SUSPECTED_SPOOF, draw)
    assert twice.state is ChallengeState.FAILED
    assert twice.suspicions == ("suspected_spoof", "suspected_spoof")


def test_a_window_that_passes_costs_a_try_and_the_whole_time_ends_it() -> None:
    draw, challenge = Draw(0, 0, "n"), fresh()
    assert challenge.step is not None
    closes = challenge.step.closes_ms
    assert expire(challenge, MOVES, LIMITS, draw, closes - 1) == challenge
    late = expire(challenge, MOVES, LIMITS, draw, closes)
    assert late.step is not None
    assert late.step.tries_left == LIMITS.front_tries - 1
    assert expire(challenge, MOVES, LIMITS, draw, challenge.ends_ms).state is ChallengeState.EXPIRED


def test_what_is_being_judged_waits_for_its_verdict_however_long_our_queue() -> None:
    challenge = fresh()
    assert challenge.step is not None
    judging = replace(challenge, step=replace(challenge.step, taken=challenge.step.frames))
    assert expire(judging, MOVES, LIMITS, Draw(0, 0, "n"), challenge.ends_ms + 1) == judging


def test_a_fault_of_ours_costs_no_try_and_no_time() -> None:
    challenge = fresh()
    assert challenge.step is not None
    judging = replace(challenge, step=replace(challenge.step, taken=challenge.step.frames))
    again = give_up(judging, LIMITS, Draw(0, 0, "new"), 500_000, "…")
    assert again.step is not None
    assert (again.step.nonce, again.step.taken, again.step.tries_left) == ("new", 0, LIMITS.front_tries)
    assert again.ends_ms == 500_000 + LIMITS.whole_ms


@pytest.mark.parametrize(
    ("label", "hint"),
    [
        ("OBS Virtual Camera", "virtual"),
        ("虚拟摄像头", "virtual"),
        ("ManyCam Video Source", "virtual"),
        ("camera2 1, facing front", "physical"),
        ("", "unknown"),
        ("  ", "unknown"),
    ],
)
def test_a_cameras_name_is_a_hint(label: str, hint: str) -> None:
    assert camera_hint(label) == hint


def test_a_pack_without_a_model_of_the_heads_pose_has_no_challenge() -> None:
    without = replace(PACK, models=tuple(model for model in PACK.models if model.job != "pose"))
    assert moves_of(without) == ()
    assert moves_of(replace(PACK, challenge=None)) == ()
    eyeless = replace(PACK, models=tuple(model for model in PACK.models if model.job != "eyes"))
    assert moves_of(eyeless) == (Move.TURN_LEFT, Move.TURN_RIGHT, Move.NOD)
