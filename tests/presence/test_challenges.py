"""Challenges on a real database: who becomes known by one, which frames are refused, what judging twice changes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import LearnerRef
from bridge.presence.bursts import JudgedBurst
from bridge.presence.challenge import BurstFinding, Challenge, ChallengeState, Finding, Move
from bridge.presence.challenge_store import SqlChallengeStore
from bridge.presence.challenges import BURST_WAITING, CHALLENGE_SUSPECTED
from bridge.presence.face_pack import FacePack
from bridge.presence.model import FaceReference
from tests.presence.pictures import PACK, SHOWING, PictureEngine, coded_anew, picture
from tests.presence.room import LEARNER, ORG, RUN, Room

OTHER = LearnerRef("lrn_2")


@pytest.fixture
def room(database_url: str) -> Iterator[Room]:
    """A room, on both databases, whose enrolment list has the learner's ID photo."""
    built = Room(database_url)
    built.roster.photograph = picture("0")
    yield built
    built.close()


def reference(room: Room, learner: LearnerRef = LEARNER) -> FaceReference | None:
    with room.open() as desk:
        return desk.store.reference(learner, RUN)


def anchored(room: Room) -> bool:
    found = reference(room)
    return found is not None and found.anchored_ms is not None


def now(room: Room) -> Challenge:
    with room.challenges() as desk:
        found = desk.look(LEARNER, RUN)
    assert found is not None
    return found


def send(room: Room, challenge: Challenge, seq: int, jpeg: bytes, **other: str) -> Challenge:
    assert challenge.step is not None
    nonce, learner = other.get("nonce", challenge.step.nonce), LearnerRef(other.get("learner", LEARNER))
    with room.challenges() as desk:
        return desk.submit(challenge.id, learner, nonce, seq, jpeg)


def until_movement(room: Room) -> Challenge:
    """Return a challenge whose first movement's moment has come."""
    challenge = room.do_as_asked(room.challenge())
    assert challenge.step is not None
    room.clock.advance(milliseconds=3000)
    return challenge


def test_who_shows_all_movements_is_anchored_by_the_id_photo(room: Room) -> None:
    passed = room.pass_challenge()
    assert passed.state is ChallengeState.PASSED
    assert passed.met[0] is Move.FRONT
    assert len(set(passed.met)) == 4
    found = reference(room)
    assert found is not None
    assert (len(found.templates), found.has_roster_photo) == (4, True)
    assert room.events("presence.anchored") == [
        {
            "learner": LEARNER,
            "class_run": RUN,
            "reference": found.id,
            "at_ms": room.now_ms,
            "method": "id_photo",
            "good_frames": 4,
        }
    ]
    room.begin().pass_check()


def test_a_still_picture_is_anchored_by_no_number_of_tries(room: Room) -> None:
    for _ in range(3):
        challenge = room.challenge()
        while challenge.step is not None:
            challenge = room.show(challenge, ["0"] * challenge.step.frames)
        assert challenge.state is ChallengeState.FAILED
        assert challenge.met == (Move.FRONT,)
    assert not anchored(room)
    assert room.events("presence.anchored") == []


def test_one_film_of_all_movements_is_no_answer_to_any(room: Room) -> None:
    film = ("0", "left", "0", "right", "0", "down", "shut", "0")
    challenge = room.do_as_asked(room.challenge())
    while challenge.step is not None:
        challenge = room.show(challenge, film)
    assert challenge.met == (Move.FRONT,)
    assert not anchored(room)


@pytest.mark.parametrize("says", ["90", "spoof"])
def test_somebody_else_and_a_held_picture_end_it_under_suspicion(room: Room, says: str) -> None:
    challenge = room.challenge()
    while challenge.step is not None:
        challenge = room.show(challenge, [says] * challenge.step.frames)
    assert challenge.state is ChallengeState.FAILED
    assert set(challenge.suspicions) == {"other_person" if says == "90" else "suspected_spoof"}
    assert reference(room) is None


def test_somebody_else_who_moves_for_the_learner_is_seen(room: Room) -> None:
    challenge = until_movement(room)
    assert challenge.step is not None
    turned = room.show(challenge, ("0", "0", "90", "90", "90", "0", "0", "0"))
    assert turned.suspicions == ("other_person",)
    assert turned.met == (Move.FRONT,)


def test_the_movement_is_told_when_its_moment_has_come_and_no_frame_is_taken_before(room: Room) -> None:
    challenge = room.do_as_asked(room.challenge())
    with pytest.raises(InvalidInput) as refused:
        send(room, challenge, 0, picture("0"))
    assert refused.value.reason == "challenge_step_waiting"


def test_a_frame_needs_the_nonce_of_this_try_of_this_learner(room: Room) -> None:
    first = room.challenge()
    assert first.step is not None
    other = room.challenge(OTHER)
    assert other.step is not None
    second = room.do_as_asked(first)
    room.clock.advance(milliseconds=3000)
    for nonce in (first.step.nonce, other.step.nonce, "", "x" * 5000, "\ud800"):
        with pytest.raises(NotPermitted, match="nonce_mismatch"):
            send(room, second, 0, picture("0"), nonce=nonce)
    with pytest.raises(InvalidInput) as refused:
        send(room, second, 0, picture("0"), learner=OTHER)
    assert (refused.value.reason, refused.value.http_status) == ("challenge_unknown", 404)
    for unknown in ("chl_unknown", "\0"):
        with pytest.raises(InvalidInput, match="challenge_unknown"):
            send(room, replace(second, id=unknown), 0, picture("0"))


def test_frames_come_in_their_order_and_a_lost_answer_is_no_second_frame(room: Room) -> None:
    challenge = until_movement(room)
    once = picture("0")
    send(room, challenge, 0, once)
    assert now(room).step == send(room, challenge, 0, once).step
    for seq in (0, 2, -1):
        with pytest.raises(InvalidInput, match="frame_out_of_order"):
            send(room, challenge, seq, picture("0"))
    sent = send(room, challenge, 1, picture("0")).step
    assert sent is not None
    assert sent.taken == 2


def test_more_frames_than_the_burst_has_are_refused_while_it_is_judged(room: Room) -> None:
    challenge = room.challenge()
    for seq in range(3):
        challenge = send(room, challenge, seq, picture("0"))
    assert room.jobs(BURST_WAITING) == [(challenge.id, 1)]
    with pytest.raises(InvalidInput, match="challenge_step_waiting"):
        send(room, challenge, 3, picture("0"))


def test_the_same_bytes_again_lose_the_try_under_suspicion(room: Room) -> None:
    challenge = until_movement(room)
    once = picture("0")
    send(room, challenge, 0, once)
    send(room, challenge, 1, picture("0"))
    lost = send(room, challenge, 2, once)
    assert lost.suspicions == ("suspected_virtual_camera",)
    assert lost.step is not None
    assert challenge.step is not None
    assert lost.step.nonce != challenge.step.nonce


def test_frames_of_an_earlier_challenge_coded_anew_are_found(room: Room) -> None:
    film = [picture("0") for _ in range(3)]
    room.burst(room.challenge(), film)
    again = room.burst(room.challenge(), [coded_anew(one) for one in film])
    assert again.suspicions == ("suspected_virtual_camera",)
    assert again.met == ()
    with room.open() as desk:
        verdicts = Counter(frame.verdict for frame in desk.store.frames_of(LEARNER, RUN))
    assert verdicts == {"verified": 3, "suspected_virtual_camera": 3}


def test_a_challenge_that_ends_under_suspicion_is_told_once_and_one_without_is_not(room: Room) -> None:
    room.pass_challenge()
    assert room.events(CHALLENGE_SUSPECTED) == []
    with room.challenges() as desk:
        other = desk.begin(OTHER, RUN, "OBS Virtual Camera")
    while other.step is not None:
        other = room.show(other, ["spoof"] * other.step.frames)
    room.clock.advance(hours=1)
    with room.challenges() as desk:
        desk.look(OTHER, RUN)
    (told,) = room.events(CHALLENGE_SUSPECTED)
    assert (told["learner"], told["suspicions"]) == (OTHER, ["suspected_spoof", "virtual_camera_name"])


def test_with_the_consent_the_open_challenge_and_the_marks_of_frames_end(room: Room) -> None:
    challenge = room.do_as_asked(room.challenge())
    with room.challenges() as desk:
        desk.forget(LEARNER)
    assert now(room).state is ChallengeState.EXPIRED
    with pytest.raises(InvalidInput, match="challenge_over"):
        send(room, challenge, 0, picture("0"))
    with room.open() as desk:
        assert SqlChallengeStore(desk.tx).marks(LEARNER, but_of="") == []


def test_another_learners_frames_are_not_asked_about(room: Room) -> None:
    film = [picture("0") for _ in range(3)]
    room.burst(room.challenge(), film)
    with room.challenges() as desk:
        other = desk.begin(OTHER, RUN)
    for seq, jpeg in enumerate(film):
        send(room, other, seq, coded_anew(jpeg), learner=OTHER)
    room.judge_burst(other.id)
    with room.challenges() as desk:
        found = desk.look(OTHER, RUN)
    assert found is not None
    assert (found.met, found.suspicions) == ((Move.FRONT,), ())


def test_a_frozen_picture_coded_anew_is_found_within_a_burst(room: Room) -> None:
    challenge = until_movement(room)
    frozen = [picture("0")]
    for _ in range(7):
        frozen.append(coded_anew(frozen[-1]))
    assert room.burst(challenge, frozen).suspicions == ("suspected_virtual_camera",)


def test_earlier_pictures_whose_key_is_gone_hold_nothing_up(room: Room) -> None:
    film = [picture("0") for _ in range(3)]
    room.burst(room.challenge(), film)
    assert (
        room.evidence.destroy(
            EvidenceScope(ORG, LEARNER, EvidencePurpose.FACE_FRAME, RUN), reason="requested", by="stf_lin"
        )
        == 3
    )
    again = room.burst(room.challenge(), [coded_anew(one) for one in film])
    assert again.met == (Move.FRONT,)


def test_who_does_not_manage_the_movements_may_study_provisionally(room: Room) -> None:
    challenge = room.do_as_asked(room.challenge())
    while challenge.step is not None:
        challenge = room.show(challenge, ["0"] * challenge.step.frames)
    found = reference(room)
    assert found is not None
    assert (len(found.templates), found.anchored_ms) == (1, None)
    assert "当面核对" in challenge.sentence


def test_good_faces_enough_do_not_anchor_who_fails_the_last_movement(room: Room) -> None:
    challenge = room.challenge()
    for _ in range(3):
        challenge = room.do_as_asked(challenge)
    while challenge.step is not None:
        challenge = room.show(challenge, ["0"] * challenge.step.frames)
    found = reference(room)
    assert found is not None
    assert len(found.templates) == room.rules.good_frames
    assert found.anchored_ms is None


def test_without_an_id_photo_a_passed_challenge_anchors_nobody(room: Room) -> None:
    room.roster.photograph = None
    assert room.pass_challenge().state is ChallengeState.PASSED
    found = reference(room)
    assert found is not None
    assert (len(found.templates), found.anchored_ms, found.has_roster_photo) == (4, None, False)
    assert room.events("presence.anchored") == []


@pytest.mark.parametrize(
    "there", [(False, True, True, True), (True, True, True, False), (True, False, True, True)]
)
def test_a_photograph_that_was_not_there_for_every_face_anchors_nobody(
    room: Room, there: tuple[bool, ...]
) -> None:
    photograph = room.roster.photograph
    challenge = room.challenge()
    for is_there in there:
        room.roster.photograph = photograph if is_there else None
        challenge = room.do_as_asked(challenge)
    assert challenge.state is ChallengeState.PASSED
    found = reference(room)
    assert found is not None
    assert (found.anchored_ms, found.has_roster_photo) == (None, False)


def test_a_second_registration_of_the_same_person_keeps_the_references_name(room: Room) -> None:
    room.roster.photograph = None
    room.pass_challenge()
    first = reference(room)
    room.pass_challenge()
    second = reference(room)
    assert first is not None
    assert second is not None
    assert second.id == first.id
    assert second.templates[:4] == first.templates


def test_steps_are_enough_for_the_good_frames_that_the_rules_ask_for(room: Room) -> None:
    room.rules.good_frames = 5
    assert len(room.pass_challenge().met) == 5
    assert anchored(room)


def test_once_anchored_no_challenge_is_begun(room: Room) -> None:
    room.pass_challenge()
    with pytest.raises(InvalidInput, match="already_anchored"):
        room.challenge()


def test_a_new_challenge_ends_the_one_before_and_its_frames(room: Room) -> None:
    first = room.challenge()
    room.clock.advance(milliseconds=5)
    room.challenge()
    with pytest.raises(InvalidInput) as refused:
        send(room, first, 0, picture("0"))
    assert refused.value.reason == "challenge_over"


@pytest.mark.parametrize("seconds", [20, 3600])
def test_who_is_away_loses_a_try_or_the_challenge(room: Room, seconds: int) -> None:
    challenge = room.challenge()
    room.clock.advance(seconds=seconds)
    found = now(room)
    assert (found.state is ChallengeState.OPEN) == (seconds == 20)
    with pytest.raises((InvalidInput, NotPermitted), match=r"challenge_over|nonce_mismatch"):
        send(room, challenge, 0, picture("0"))


def test_recording_a_burst_twice_or_late_changes_nothing(room: Room) -> None:
    challenge = room.challenge()
    for seq in range(3):
        send(room, challenge, seq, picture("0"))
    assert challenge.step is not None
    late = JudgedBurst("nonce of another try", BurstFinding(Finding.MET, "…"), (), (), None, True)
    with room.challenges() as desk:
        desk.record(challenge.id, late)
    assert now(room).met == ()
    room.judge_burst(challenge.id)
    before = now(room)
    with room.challenges() as desk:
        assert desk.material(challenge.id) is None
        desk.record(challenge.id, replace(late, nonce=challenge.step.nonce))
    assert now(room) == before


def test_a_burst_that_we_cannot_judge_is_asked_for_again_at_no_cost(room: Room) -> None:
    challenge = room.challenge()
    for seq in range(3):
        send(room, challenge, seq, picture("0"))
    with room.challenges() as desk:
        desk.give_up(challenge.id, "请再做一次。")
    again = now(room)
    assert again.step is not None
    assert challenge.step is not None
    assert (again.step.taken, again.step.tries_left) == (0, challenge.step.tries_left)
    assert room.do_as_asked(again).met == (Move.FRONT,)


def test_pictures_that_cannot_be_read_are_too_poor(room: Room) -> None:
    poor = room.show(room.challenge(), ["broken"] * 3)
    assert poor.sentence == "照片无法读取,请重新拍摄。"
    assert poor.met == ()


def test_a_pack_without_a_model_of_the_heads_pose_says_so_and_anchors_nobody(room: Room) -> None:
    class Poseless(PictureEngine):
        @property
        def pack(self) -> FacePack:
            return replace(
                PACK, models=tuple(one for one in PACK.models if one.job != "pose"), challenge=None
            )

    room.face_engine = Poseless()
    with pytest.raises(InvalidInput) as refused:
        room.challenge()
    assert refused.value.reason == "challenge_unsupported"
    assert "当面核对证件" in refused.value.message


def test_what_is_shown_in_tests_is_what_the_pack_asks_for() -> None:
    assert PACK.challenge is not None
    assert len(SHOWING[Move.FRONT]) == PACK.challenge.front_frames
    assert {len(SHOWING[move]) for move in Move if move is not Move.FRONT} == {PACK.challenge.frames}
