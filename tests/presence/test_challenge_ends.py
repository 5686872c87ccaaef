"""However a challenge ends, what was suspected in it is told: begun anew, left, withdrawn, judged too late."""

from collections.abc import Iterator

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import epoch_ms
from bridge.presence.challenge import Challenge, ChallengeState
from bridge.presence.challenge_store import SqlChallengeStore, overdue_challenges
from bridge.presence.challenges import CHALLENGE_SUSPECTED
from tests.presence.pictures import SHOWING, coded_anew, picture
from tests.presence.room import LEARNER, ORG, RUN, Room


@pytest.fixture
def room(database_url: str) -> Iterator[Room]:
    """A room, on both databases, whose enrolment list has the learner's ID photo."""
    built = Room(database_url)
    built.roster.photograph = picture("0")
    yield built
    built.close()


def told(room: Room) -> list[tuple[str, list[str]]]:
    return [(one["challenge"], one["suspicions"]) for one in room.events(CHALLENGE_SUSPECTED)]


def suspected(room: Room) -> Challenge:
    """Return an open challenge in which a held picture was shown once."""
    challenge = room.challenge()
    assert challenge.step is not None
    return room.show(challenge, ["spoof"] * challenge.step.frames)


def waiting(room: Room, says: str) -> tuple[Challenge, list[bytes]]:
    """Return a challenge whose whole burst waits to be judged, and its pictures."""
    challenge = room.challenge()
    assert challenge.step is not None
    shown = [picture(says) for _ in range(challenge.step.frames)]
    for seq, jpeg in enumerate(shown):
        with room.challenges() as desk:
            desk.submit(challenge.id, LEARNER, challenge.step.nonce, seq, jpeg)
    room.clock.advance(milliseconds=5)
    return challenge, shown


def kept(room: Room, challenge: Challenge) -> Challenge:
    with room.open() as desk:
        found = SqlChallengeStore(desk.tx).get(challenge.id)
    assert found is not None
    return found


def verdicts(room: Room, challenge: Challenge) -> list[str | None]:
    assert challenge.step is not None
    with room.open() as desk:
        ids = SqlChallengeStore(desk.tx).frames(challenge.id, challenge.step.nonce)
        return [None if frame is None else frame.verdict for frame in map(desk.store.frame, ids)]


def marks(room: Room) -> int:
    with room.open() as desk:
        return len(SqlChallengeStore(desk.tx).marks(LEARNER, but_of=""))


def test_who_begins_anew_is_told_of(room: Room) -> None:
    first = suspected(room)
    assert told(room) == []
    room.clock.advance(milliseconds=5)
    room.challenge()
    assert told(room) == [(first.id, ["suspected_spoof"])]


def test_who_begins_anew_after_the_time_is_told_of_and_keeps_what_was_seen(room: Room) -> None:
    room.do_as_asked(room.challenge())
    room.clock.advance(hours=1)
    room.challenge()
    with room.open() as desk:
        found = desk.store.reference(LEARNER, RUN)
    assert found is not None
    assert (len(found.templates), found.anchored_ms) == (1, None)


def test_who_walks_away_is_told_of_once_the_time_is_over(room: Room) -> None:
    first = suspected(room)

    def sweep() -> list[tuple[str, str]]:
        with room.uow.across_institutions("test: what is late", read_only=True) as tx:
            late = overdue_challenges(tx, epoch_ms(room.clock.now()))
        for _, challenge_id in late:
            with room.challenges() as desk:
                desk.expire(challenge_id)
        return [(str(institution), challenge_id) for institution, challenge_id in late]

    room.clock.advance(milliseconds=first.ends_ms - epoch_ms(room.clock.now()) - 1)
    assert sweep() == []
    room.clock.advance(milliseconds=1)
    assert sweep() == [(ORG, first.id)]
    assert kept(room, first).state is ChallengeState.EXPIRED
    assert told(room) == [(first.id, ["suspected_spoof"])]
    assert sweep() == []


def test_who_walked_away_is_told_of_though_the_key_of_the_faces_is_gone(room: Room) -> None:
    with room.challenges() as desk:
        begun = desk.begin(LEARNER, RUN, "OBS Virtual Camera")
    room.do_as_asked(begun)
    assert (
        room.evidence.destroy(
            EvidenceScope(ORG, LEARNER, EvidencePurpose.FACE_TEMPLATE, RUN), reason="requested", by="stf_lin"
        )
        == 1
    )
    room.clock.advance(hours=1)
    with room.challenges() as desk:
        desk.expire(begun.id)
    assert kept(room, begun).state is ChallengeState.EXPIRED
    assert told(room) == [(begun.id, ["virtual_camera_name"])]


def test_who_withdraws_is_told_of_in_the_challenge_that_was_open_alone(room: Room) -> None:
    with room.challenges() as desk:
        desk.begin(LearnerRef("lrn_2"), RUN, "OBS Virtual Camera")
    first = suspected(room)
    with room.challenges() as desk:
        desk.forget(LEARNER)
    assert told(room) == [(first.id, ["suspected_spoof"])]


def test_a_burst_that_waits_while_another_is_begun_is_judged_and_told(room: Room) -> None:
    first, _ = waiting(room, "spoof")
    room.challenge()
    assert told(room) == []
    room.judge_burst(first.id)
    assert verdicts(room, first) == ["suspected_spoof"] * 3
    assert told(room) == [(first.id, ["suspected_spoof"])]
    assert kept(room, first).step is None


def test_of_such_a_burst_its_frames_are_known_and_nothing_else_is_made_of_it(room: Room) -> None:
    first, shown = waiting(room, "0")
    second = room.challenge()
    room.judge_burst(first.id)
    assert verdicts(room, first) == ["verified"] * 3
    assert (kept(room, first).met, kept(room, first).templates) == ((), ())
    assert room.burst(second, [coded_anew(one) for one in shown]).suspicions == ("suspected_virtual_camera",)
    with room.open() as desk:
        assert desk.store.reference(LEARNER, RUN) is None


def test_no_frame_is_taken_for_a_challenge_whose_burst_is_judged_yet(room: Room) -> None:
    first, _ = waiting(room, "0")
    second = room.challenge()
    assert first.step is not None
    with pytest.raises(InvalidInput, match="challenge_over"), room.challenges() as desk:
        desk.submit(first.id, LEARNER, first.step.nonce, 3, picture("0"))
    with room.challenges() as desk:
        assert desk.look(LEARNER, RUN) == second


def test_what_such_a_burst_adds_is_told_with_what_was_suspected_before(room: Room) -> None:
    challenge = suspected(room)
    assert challenge.step is not None
    for seq in range(challenge.step.frames):
        with room.challenges() as desk:
            desk.submit(challenge.id, LEARNER, challenge.step.nonce, seq, picture("90"))
    room.clock.advance(milliseconds=5)
    room.challenge()
    room.judge_burst(challenge.id)
    assert told(room) == [(challenge.id, ["other_person", "suspected_spoof"])]


def test_such_a_burst_that_we_cannot_judge_is_not_asked_for_again(room: Room) -> None:
    challenge = suspected(room)
    assert challenge.step is not None
    for seq, says in enumerate(SHOWING[challenge.step.move]):
        with room.challenges() as desk:
            desk.submit(challenge.id, LEARNER, challenge.step.nonce, seq, picture(says))
    room.clock.advance(milliseconds=5)
    room.challenge()
    with room.challenges() as desk:
        desk.give_up(challenge.id, "请再做一次。")
    assert kept(room, challenge).step is None
    assert verdicts(room, challenge) == ["unsure"] * 3
    assert told(room) == [(challenge.id, ["suspected_spoof"])]


def test_after_the_consent_nothing_of_such_a_burst_is_judged(room: Room) -> None:
    first, _ = waiting(room, "spoof")
    room.challenge()
    with room.challenges() as desk:
        desk.forget(LEARNER)
    room.judge_burst(first.id)
    assert verdicts(room, first) == [None] * 3
    assert marks(room) == 0
    assert told(room) == []
