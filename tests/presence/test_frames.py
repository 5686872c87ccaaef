"""Frames: who becomes known by them, which are refused, and what judging twice changes."""

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import LearnerRef
from bridge.presence.face import MAX_FRAME_BYTES
from bridge.presence.frames import judge_material
from bridge.presence.model import FaceReference
from tests.presence.pictures import picture
from tests.presence.room import LEARNER, RUN, Room


@pytest.fixture
def listed(room: Room) -> Room:
    """A room whose enrolment list has the learner's ID photo."""
    room.roster.photograph = picture("0")
    return room


def reference(room: Room, learner: LearnerRef = LEARNER) -> FaceReference | None:
    with room.open() as desk:
        return desk.store.reference(learner, RUN)


def good_frames(room: Room) -> int:
    found = reference(room)
    return 0 if found is None else len(found.templates)


def anchored(room: Room) -> bool:
    found = reference(room)
    return found is not None and found.anchored_ms is not None


@pytest.mark.parametrize(
    ("photograph", "compared"),
    [(picture("0"), True), (picture("none"), False), (None, False)],
    ids=["the person's", "without a face", "none"],
)
def test_no_number_of_good_frames_anchors_anybody(
    room: Room, photograph: bytes | None, compared: bool
) -> None:
    room.roster.photograph = photograph
    for _ in range(4):
        room.register(picture("0"))
    found = reference(room)
    assert found is not None
    assert (found.anchored_ms, found.has_roster_photo, len(found.templates)) == (None, compared, 4)
    assert room.events("presence.anchored") == []


@pytest.mark.parametrize("says", ["none", "two", "dark", "70", "90"])
def test_a_frame_that_is_not_the_id_photos_person_counts_for_nothing(listed: Room, says: str) -> None:
    for _ in range(3):
        listed.register(picture(says))
    assert reference(listed) is None


def test_a_frame_must_be_like_the_first_one_too(listed: Room) -> None:
    listed.register(picture("-60"))
    listed.register(picture("60"))
    assert good_frames(listed) == 1


def test_checks_compare_with_the_frame_most_like_the_others(listed: Room) -> None:
    frames = [listed.register(picture(says)) for says in ("20", "0", "-20")]
    found = reference(listed)
    assert found is not None
    assert len(frames) == len(found.templates) == 3
    assert found.chosen == found.templates[1]


def test_once_anchored_no_more_frames_are_taken(known: Room) -> None:
    with pytest.raises(InvalidInput) as refused:
        known.register(picture("0"))
    assert (refused.value.reason, refused.value.http_status) == ("already_anchored", 409)


def test_a_frame_sent_before_the_anchor_and_judged_after_it_changes_nothing(listed: Room) -> None:
    with listed.open() as desk:
        waiting = [desk.frames.submit_for_reference(LEARNER, RUN, picture("0")) for _ in range(4)]
    for frame in waiting[:3]:
        listed.judge(frame)
    listed.anchor()
    before = reference(listed)
    listed.pass_time(seconds=5)
    listed.judge(waiting[3])
    assert anchored(listed)
    assert reference(listed) == before


def test_the_same_file_twice_is_refused(listed: Room) -> None:
    once = picture("0")
    listed.register(once)
    with pytest.raises(InvalidInput) as refused:
        listed.register(once)
    assert (refused.value.reason, refused.value.http_status) == ("frame_repeated", 409)


def test_a_file_from_the_registration_does_not_answer_a_check(listed: Room) -> None:
    files = [picture("0") for _ in range(3)]
    for one in files:
        listed.register(one)
    agent = listed.begin()
    with pytest.raises(InvalidInput, match="frame_repeated"):
        listed.submit(agent.check, listed.check(agent.check).nonce, files[0])


def test_two_learners_may_send_the_same_bytes(listed: Room) -> None:
    once = picture("0")
    listed.register(once)
    listed.register(once, learner=LearnerRef("lrn_2"))
    assert reference(listed, LearnerRef("lrn_2")) is not None


def test_a_frame_is_judged_once(listed: Room) -> None:
    frame_id = listed.register(picture("0"))
    with listed.open() as desk:
        assert desk.frames.material(frame_id) is None


def test_recording_a_judgement_twice_changes_nothing(listed: Room) -> None:
    with listed.open() as desk:
        frame_id = desk.frames.submit_for_reference(LEARNER, RUN, picture("0"))
        material = desk.frames.material(frame_id)
    assert material is not None
    judged = judge_material(listed.face_engine, material, lambda _: None, listed.means)
    for _ in range(2):
        with listed.open() as desk:
            desk.frames.record(frame_id, judged)
    assert good_frames(listed) == 1


def test_without_a_face_on_record_a_check_decides_nothing(room: Room) -> None:
    agent = room.begin()
    for _ in range(3):
        check = room.answer(agent.check, picture("0"))
    assert check.state == "unsure"


def test_a_picture_that_cannot_be_read_costs_an_attempt_and_holds_nothing_up(known: Room) -> None:
    agent = known.begin()
    assert known.answer(agent.check, picture("broken")).attempts_left == 2
    with known.open() as desk:
        _, judging, message = desk.presence.check_state(agent.check, agent.secret)
    assert (judging, message) == (False, "照片无法读取,请重新拍摄。")
    assert known.answer(agent.check, picture("0")).state == "passed"


def test_a_registration_survives_a_picture_that_cannot_be_read(listed: Room) -> None:
    listed.register(picture("broken"))
    listed.register(picture("0"))
    assert good_frames(listed) == 1


@pytest.mark.parametrize(
    ("jpeg", "reason", "status"),
    [
        (b"", "frame_not_jpeg", 415),
        (b"GIF89a", "frame_not_jpeg", 415),
        (picture("0")[:-2], "frame_not_jpeg", 415),
        (b"\xff\xd8\xff" + b"\0" * MAX_FRAME_BYTES + b"\xff\xd9", "frame_too_large", 413),
        (picture("0", width=1921), "frame_too_many_pixels", 413),
        (picture("0", height=60_000), "frame_too_many_pixels", 413),
    ],
    ids=["empty", "gif", "cut off", "large", "wide", "high"],
)
def test_what_is_no_usable_picture_is_refused_before_it_is_kept(
    known: Room, jpeg: bytes, reason: str, status: int
) -> None:
    agent = known.begin()
    with pytest.raises(InvalidInput) as refused:
        known.submit(agent.check, known.check(agent.check).nonce, jpeg)
    assert (refused.value.reason, refused.value.http_status) == (reason, status)
    with known.open() as desk:
        assert desk.store.waiting_frames(agent.check) == 0


def test_a_score_stays_out_of_every_event(known: Room) -> None:
    agent = known.begin().pass_check()
    told = repr(known.events("presence.check_decided")) + repr(known.events("presence.anchored"))
    assert agent.session.id in told
    assert "score" not in told
    assert "threshold" not in told
