"""The movement that ends a check: no stored picture passes, and whoever really sits there loses nothing by a try."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import CheckId
from bridge.presence.challenge import Finding, Move
from bridge.presence.face import FaceVerdict
from bridge.presence.face_pack import FacePack
from bridge.presence.model import Activity, CheckState, PresenceCheck, check_sentence
from bridge.presence.movement import Asked, SeenFrame, ask_again, check_moves, find_movement
from tests.presence.pictures import MOVING, PACK, PictureEngine, coded_anew, picture
from tests.presence.room import LEARNER, RUN, Agent, Room

assert PACK.challenge is not None
assert PACK.movement is not None
LIMITS, MOVEMENT = PACK.challenge, PACK.movement
STILL = ("0", "0", "0", "0")


class _Blind(PictureEngine):
    @property
    def pack(self) -> FacePack:
        return replace(PACK, movement=None, challenge=None)


@pytest.fixture
def moving(known: Room) -> Room:
    """A room whose checks end with a movement; the learner is registered and anchored."""
    known.rules.values = replace(known.rules.values, movement=True)
    return known


def looked(room: Room) -> tuple[Agent, CheckId]:
    """Return a session, and its entry check of which the straight look was verified."""
    agent = room.begin()
    check = room.answer(agent.check, picture("0"))
    assert (check.state, check.asked is not None) == (CheckState.OPEN, True)
    return agent, agent.check


def asked_of(room: Room, check_id: CheckId) -> Asked:
    asked = room.check(check_id).asked
    assert asked is not None
    return asked


def show(room: Room, check_id: CheckId, says: Sequence[str]) -> PresenceCheck:
    return room.move(check_id, [picture(each) for each in says])


def do_as_asked(room: Room, check_id: CheckId) -> PresenceCheck:
    return show(room, check_id, MOVING[asked_of(room, check_id).move])


def decided(room: Room) -> list[tuple[str, str | None]]:
    return [(one["outcome"], one.get("movement")) for one in room.events("presence.check_decided")]


def test_the_straight_look_alone_passes_nothing(moving: Room) -> None:
    _, check_id = looked(moving)

    assert decided(moving) == []
    asked = asked_of(moving, check_id)
    assert asked.move in check_moves(PACK)
    assert (asked.straight_pitch, asked.straight_yaw) == (-5.0, 0.0)


def test_who_does_as_asked_has_passed_at_the_moment_of_the_last_picture(moving: Room) -> None:
    _, check_id = looked(moving)
    move = asked_of(moving, check_id).move
    moving.pass_time(seconds=3)

    assert do_as_asked(moving, check_id).state is CheckState.PASSED
    (event,) = moving.events("presence.check_decided")
    assert (event["outcome"], event["movement"], event["at_ms"]) == ("passed", move.value, moving.now_ms)
    with moving.open() as desk:
        reference = desk.store.reference(LEARNER, RUN)
    assert reference is not None
    assert event["reference"] == reference.id


def test_nothing_of_the_movement_is_known_before_and_the_nonce_is_a_new_one(moving: Room) -> None:
    agent = moving.begin()
    before = moving.check(agent.check)
    moving.answer(agent.check, picture("0"))

    assert before.asked is None
    with pytest.raises(NotPermitted, match="nonce_mismatch"):
        moving.submit(agent.check, before.nonce, picture("left"))


def test_stored_pictures_that_look_straight_never_pass_however_many(moving: Room) -> None:
    _, check_id = looked(moving)

    for tries_left in (2, 1):
        assert show(moving, check_id, STILL).state is CheckState.OPEN
        assert asked_of(moving, check_id).tries_left == tries_left
    ended = show(moving, check_id, STILL)

    assert ended.state is CheckState.UNSURE
    assert decided(moving) == [("unsure", ended.asked.move.value if ended.asked else None)]


def test_each_try_asks_for_another_movement_under_another_nonce(moving: Room) -> None:
    _, check_id = looked(moving)
    first, nonce = asked_of(moving, check_id), moving.check(check_id).nonce
    show(moving, check_id, STILL)

    assert asked_of(moving, check_id).move is not first.move
    with pytest.raises(NotPermitted, match="nonce_mismatch"):
        moving.submit(check_id, nonce, picture("0"))


def test_the_turned_face_must_be_the_learners_too(moving: Room) -> None:
    """A stored picture looks straight, then somebody else turns their head: no recognisable face while it is turned."""
    _, check_id = looked(moving)
    nobody = [f"{each}?" if each != "0" else each for each in MOVING[asked_of(moving, check_id).move]]

    assert show(moving, check_id, nobody).state is CheckState.OPEN
    assert asked_of(moving, check_id).tries_left == MOVEMENT.tries - 1


def test_somebody_elses_face_in_two_pictures_of_it_is_grave(moving: Room) -> None:
    _, check_id = looked(moving)

    assert show(moving, check_id, ("0", "90", "90", "0")).state is CheckState.OTHER_PERSON


def test_a_screen_held_up_in_two_pictures_of_it_is_grave(moving: Room) -> None:
    _, check_id = looked(moving)

    assert show(moving, check_id, ("spoof", "spoof", "0", "0")).state is CheckState.SUSPECTED_SPOOF


def test_pictures_of_another_take_show_no_movement(moving: Room) -> None:
    """A library of the right person's photographs: the turned one was taken somewhere else."""
    _, check_id = looked(moving)
    says = MOVING[asked_of(moving, check_id).move]

    assert show(moving, check_id, [says[0], *(f"{each}!" for each in says[1:])]).state is CheckState.OPEN
    assert asked_of(moving, check_id).tries_left == MOVEMENT.tries - 1


def test_an_honest_burst_coded_anew_is_found_at_the_next_check(moving: Room) -> None:
    _, check_id = looked(moving)
    move = asked_of(moving, check_id).move
    honest = [picture(each) for each in MOVING[move]]
    assert moving.move(check_id, honest).state is CheckState.PASSED

    other = moving.begin(token="token-2").check
    moving.answer(other, picture("0"))
    with moving.open() as desk:
        # The film that the tool has is the one that is asked for.
        check = desk.store.check(other)
        assert check is not None
        assert check.asked is not None
        desk.store.save_check(replace(check, asked=replace(check.asked, move=move)), None)
    again = moving.move(other, [coded_anew(jpeg) for jpeg in honest])

    assert (again.state, asked_of(moving, other).tries_left) == (CheckState.OPEN, MOVEMENT.tries - 1)
    with pytest.raises(InvalidInput, match="frame_repeated"):
        moving.submit(other, again.nonce, honest[0])


def test_one_picture_sent_as_four_files_is_frozen(moving: Room) -> None:
    _, check_id = looked(moving)
    one = picture(MOVING[asked_of(moving, check_id).move][1])
    jpegs = [one + bytes(padding) for padding in range(MOVEMENT.frames)]

    assert moving.move(check_id, jpegs).state is CheckState.OPEN


def test_who_never_shows_the_movement_has_missed_the_check(moving: Room) -> None:
    _, check_id = looked(moving)
    moving.pass_time(seconds=200)
    with moving.open() as desk:
        check = desk.store.check(check_id)
        assert check is not None
        assert desk.presence.expire(check).state is CheckState.MISSED


def test_the_movement_has_time_of_its_own_when_the_straight_look_came_late(moving: Room) -> None:
    agent = moving.begin()
    moving.pass_time(seconds=58)
    check = moving.answer(agent.check, picture("0"))

    assert check.answer_by_ms - moving.now_ms == MOVEMENT.window_ms


def test_the_pictures_are_taken_one_after_the_other_and_no_more_than_asked(moving: Room) -> None:
    _, check_id = looked(moving)
    nonce = moving.check(check_id).nonce
    for _ in range(MOVEMENT.frames):
        moving.submit(check_id, nonce, picture("0"))

    with pytest.raises(InvalidInput, match="frame_waiting"):
        moving.submit(check_id, nonce, picture("0"))


def test_in_whatever_order_they_are_judged_the_last_one_ends_it(moving: Room) -> None:
    _, check_id = looked(moving)
    nonce = moving.check(check_id).nonce
    says = MOVING[asked_of(moving, check_id).move]
    frames = [moving.submit(check_id, nonce, picture(each)) for each in says]
    for frame_id in reversed(frames):
        assert moving.check(check_id).state is CheckState.OPEN
        moving.judge(frame_id)

    assert moving.check(check_id).state is CheckState.PASSED


def test_a_fault_of_ours_costs_no_try(moving: Room) -> None:
    _, check_id = looked(moving)
    nonce, tries = moving.check(check_id).nonce, asked_of(moving, check_id).tries_left
    frames = [moving.submit(check_id, nonce, picture("0")) for _ in range(2)]
    with moving.open() as desk:
        desk.frames.give_up(frames[0], "系统繁忙,请再做一次。")

    again = asked_of(moving, check_id)
    assert (again.tries_left, again.pictures) == (tries, ())
    moving.judge(frames[1])
    assert do_as_asked(moving, check_id).state is CheckState.PASSED


def test_a_reference_given_up_meanwhile_passes_nothing(moving: Room) -> None:
    _, check_id = looked(moving)
    with moving.open() as desk:
        known = desk.store.reference(LEARNER, RUN)
        assert known is not None
        desk.store.save_reference(replace(known, id="fref_new"))

    assert do_as_asked(moving, check_id).state is CheckState.OPEN


def test_after_a_suspicion_the_straight_look_must_be_shown_again_before_the_movement(moving: Room) -> None:
    agent = moving.begin()
    moving.answer(agent.check, picture("spoof"))
    assert moving.answer(agent.check, picture("0")).asked is None
    assert moving.answer(agent.check, picture("0")).state is not CheckState.PASSED


def test_without_the_rule_a_single_picture_passes(known: Room) -> None:
    agent = known.begin()
    assert known.answer(agent.check, picture("0")).state is CheckState.PASSED


def test_a_pack_that_sees_no_movement_asks_for_none(moving: Room) -> None:
    moving.face_engine = _Blind()
    agent = moving.begin()

    assert moving.answer(agent.check, picture("0")).state is CheckState.PASSED


def test_a_picture_says_for_which_movement_it_was_sent(moving: Room) -> None:
    _, check_id = looked(moving)
    move = asked_of(moving, check_id).move
    do_as_asked(moving, check_id)
    with moving.open() as desk:
        frames = desk.store.frames_of_check(check_id)

    assert [frame.asked for frame in frames] == ["", *[move.value] * MOVEMENT.frames]
    assert all(frame.verdict for frame in frames)


@pytest.mark.parametrize("activity", list(Activity))
def test_no_movement_seen_is_said_kindly_and_names_the_other_way(activity: Activity) -> None:
    said = check_sentence(CheckState.UNSURE, activity, moving=True)

    assert "动作" in said
    assert said != check_sentence(CheckState.UNSURE, activity)


# The pure part: what a try shows.


def seen(yaw: float | None, pitch: float | None = -5.0, verdict: str = "verified", **more: bool) -> SeenFrame:
    return SeenFrame(verdict, yaw, pitch, **more)


def found(move: Move, *shown: SeenFrame) -> Finding:
    names = tuple(str(at) for at in range(len(shown)))
    asked = Asked(move, len(shown), 3, "straight", -5.0, names, dict(zip(names, shown, strict=True)))
    return find_movement(asked, LIMITS)


@pytest.mark.parametrize(
    ("begin", "finding"), [(-24.0, Finding.NOT_SHOWN), (-17.0, Finding.MET), (None, Finding.MET)]
)
def test_who_looked_aside_from_the_beginning_has_not_turned(begin: float | None, finding: Finding) -> None:
    names = ("a", "b", "c", "d")
    shown = dict(zip(names, [seen(-23), seen(-25), seen(-27), seen(-24)], strict=True))
    asked = Asked(Move.TURN_LEFT, 4, 3, "straight", -5.0, names, shown, begin)
    assert find_movement(asked, LIMITS) is finding
    # To the other side it is no movement at all, rather than the wrong one.
    aside = find_movement(replace(asked, move=Move.TURN_RIGHT), LIMITS)
    assert aside is (Finding.NOT_SHOWN if finding is Finding.NOT_SHOWN else Finding.WRONG_MOVE)


@pytest.mark.parametrize(
    ("move", "shown", "finding"),
    [
        (Move.TURN_LEFT, [seen(0), seen(-25), seen(-40, verdict="unsure"), seen(0)], Finding.MET),
        (Move.TURN_LEFT, [seen(0), seen(25), seen(0), seen(0)], Finding.WRONG_MOVE),
        (Move.TURN_LEFT, [seen(-25), seen(25), seen(0), seen(0)], Finding.WRONG_MOVE),
        (Move.TURN_LEFT, [seen(0), seen(-12), seen(-19), seen(0)], Finding.NOT_SHOWN),
        (Move.TURN_LEFT, [seen(0), seen(-30, verdict="unsure"), seen(-19), seen(0)], Finding.UNSURE),
        (Move.TURN_LEFT, [seen(0), seen(-30, verdict="other_person"), seen(0), seen(0)], Finding.NOT_SHOWN),
        (Move.TURN_RIGHT, [seen(0), seen(25), seen(25), seen(0)], Finding.MET),
        (Move.NOD, [seen(0), seen(0, -12), seen(0, -25, verdict="unsure"), seen(0)], Finding.MET),
        (Move.NOD, [seen(0), seen(0, -25, verdict="unsure"), seen(0), seen(0)], Finding.UNSURE),
        (Move.NOD, [seen(0), seen(0, -12), seen(0, -16), seen(0)], Finding.NOT_SHOWN),
        (Move.NOD, [seen(25), seen(0, -25), seen(0, -25), seen(0)], Finding.WRONG_MOVE),
        (Move.NOD, [seen(None, None, "too_poor")] * 4, Finding.TOO_POOR),
        (Move.NOD, [seen(None, None, "unsure")] * 4, Finding.UNSURE),
        (Move.TURN_LEFT, [seen(0), seen(-25, elsewhere=True), seen(-25), seen(0)], Finding.SUSPECTED_VIRTUAL_CAMERA),
        (Move.TURN_LEFT, [seen(0), seen(-25, repeated=True), seen(-25, repeated=True), seen(0)],
         Finding.SUSPECTED_VIRTUAL_CAMERA),
        (Move.TURN_LEFT, [seen(0), seen(-25, repeated=True), seen(-25), seen(0)], Finding.MET),
        (Move.TURN_LEFT, [seen(0), seen(-25, still=True), seen(-25, still=True), seen(0)],
         Finding.SUSPECTED_VIRTUAL_CAMERA),
    ],
)  # fmt: skip
def test_what_a_try_shows(move: Move, shown: list[SeenFrame], finding: Finding) -> None:
    assert found(move, *shown) is finding


def test_of_a_straight_look_without_a_pose_no_nod_is_told() -> None:
    asked = Asked(Move.NOD, 1, 3, "straight", None, ("a",), {"a": seen(0, -30)})
    assert find_movement(asked, LIMITS) is Finding.NOT_SHOWN


@given(
    st.sampled_from(check_moves(PACK)),
    st.lists(
        st.tuples(st.floats(-19.9, 19.9), st.floats(-16.9, 40), st.sampled_from(list(FaceVerdict))),
        min_size=4,
        max_size=4,
    ),
)
def test_a_head_that_never_turns_nor_comes_down_meets_nothing(
    move: Move, heads: list[tuple[float, float, FaceVerdict]]
) -> None:
    shown = [seen(yaw, pitch, verdict.value) for yaw, pitch, verdict in heads]
    assert found(move, *shown) is not Finding.MET


@given(st.sampled_from(check_moves(PACK)), st.integers(0, 2**32 - 1), st.integers(1, 5), st.booleans())
def test_another_try_is_another_movement_and_tries_end(
    move: Move, chance: int, tries: int, lost: bool
) -> None:
    asked = Asked(move, 4, tries, "straight", -5.0, ("a",), {"a": seen(0)})
    again = ask_again(asked, check_moves(PACK), chance, lost=lost)
    if again is None:
        assert lost
        assert tries == 1
    else:
        assert again.move is not move
        assert (again.tries_left, again.pictures) == (tries - lost, ())


def test_what_is_stored_is_read_as_it_was() -> None:
    asked = Asked(Move.NOD, 4, 2, "straight", -5.0, ("a",), {"a": seen(0, None, "unsure", repeated=True)})
    assert Asked.from_json(asked.as_json()) == asked
