"""A pack with another recogniser, and a learner whom staff had anchored: for whom the check of the card vouches."""

from dataclasses import replace

import pytest

from bridge.presence.challenge import Challenge, ChallengeState
from bridge.presence.model import FaceReference
from bridge.presence.renewal import Vouched, in_place_of, template_of
from tests.presence.pictures import SHOWING, picture
from tests.presence.room import LEARNER, RUN, Room
from tests.presence.test_renewal import NEWER, NewerEngine, reference

CARD_CHECK = "scc_made_up"


@pytest.fixture
def renewed(room: Room) -> Room:
    """A room in which staff had anchored the learner, who has no ID photo, before the model changed."""
    for _ in range(3):
        room.register(picture("0"))
    room.anchor()
    with room.open() as desk:
        found = desk.store.reference(LEARNER, RUN)
        assert found is not None
        desk.store.save_reference(replace(found, card_check=CARD_CHECK))
    room.face_engine, room.recogniser = NewerEngine(), NEWER
    return room


def vouch(room: Room, *says: str, card_check: str = CARD_CHECK) -> list[FaceReference]:
    """Have the staff's pictures say so; return of which references they are asked."""
    asked: list[FaceReference] = []

    def pictures(before: FaceReference, /) -> Vouched | None:
        asked.append(before)
        return Vouched(card_check, tuple(picture(each) for each in says)) if says else None

    room.vouching = pictures
    return asked


def anchors(room: Room) -> list[dict[str, object]]:
    return [dict(one) for one in room.events("presence.anchored")]


def test_who_matches_the_pictures_of_the_check_is_anchored_by_it(renewed: Room) -> None:
    before = reference(renewed)
    asked = vouch(renewed, "0")
    renewed.pass_challenge()
    found = reference(renewed)
    assert found.anchored_ms is not None
    assert (found.model_id, found.renews, found.card_check) == (NEWER.id, before.id, CARD_CHECK)
    assert {one.id for one in asked} == {before.id}
    # Each second that counts can be traced: by which check, and in which reference's place.
    told = anchors(renewed)[-1]
    assert (told["method"], told["card_check"], told["renews"]) == (
        "staff_card_check_kept",
        CARD_CHECK,
        before.id,
    )
    renewed.begin().pass_check()


def test_the_pictures_of_the_check_go_before_an_id_photo_that_shows_nobody_like_them(renewed: Room) -> None:
    renewed.roster.photograph = picture("90")
    vouch(renewed, "0")
    renewed.pass_challenge()
    assert anchors(renewed)[-1]["method"] == "staff_card_check_kept"


def test_a_picture_in_which_the_new_model_finds_no_face_is_passed_over(renewed: Room) -> None:
    vouch(renewed, "none", "0")
    renewed.pass_challenge()
    assert reference(renewed).anchored_ms is not None


def test_somebody_else_is_not_registered_in_their_place(renewed: Room) -> None:
    before = reference(renewed)
    vouch(renewed, "90")
    challenge = renewed.challenge()
    while challenge.step is not None:
        challenge = renewed.show(challenge, SHOWING[challenge.step.move])
    assert challenge.state is ChallengeState.FAILED
    assert "other_person" in challenge.suspicions
    assert reference(renewed) == before


@pytest.mark.parametrize("says", [(), ("none",)], ids=["in force no more", "no face in the pictures"])
def test_without_a_check_in_force_it_is_registered_and_waits_for_staff(
    renewed: Room, says: tuple[str, ...]
) -> None:
    before = reference(renewed)
    vouch(renewed, *says)
    renewed.pass_challenge()
    found = reference(renewed)
    # Not silently: it is not anchored, and the class teacher's list says why by `renews`.
    assert (found.model_id, found.anchored_ms, found.renews) == (NEWER.id, None, before.id)
    assert len(anchors(renewed)) == 1


def test_who_waits_for_staff_may_register_once_more_and_is_still_vouched_for(renewed: Room) -> None:
    before = reference(renewed)
    vouch(renewed)
    renewed.pass_challenge()
    vouch(renewed, "0")
    renewed.pass_challenge()
    found = reference(renewed)
    assert (found.anchored_ms is not None, found.renews) == (True, before.id)


def test_a_document_that_changes_in_the_midst_of_the_challenge_is_asked_for_once_more(renewed: Room) -> None:
    vouch(renewed, "0")
    challenge: Challenge = renewed.challenge()
    while challenge.step is not None:
        if len(challenge.met) == 1:
            vouch(renewed)
        challenge = renewed.do_as_asked(challenge)
    assert reference(renewed).anchored_ms is None


def test_a_document_that_changes_after_the_last_picture_is_asked_for_too(renewed: Room) -> None:
    with renewed.challenges() as desk:
        bursts = desk.limits(RUN).steps + 1
    asked: list[FaceReference] = []

    def until_the_last(before: FaceReference, /) -> Vouched | None:
        asked.append(before)
        return Vouched(CARD_CHECK, (picture("0"),)) if len(asked) <= bursts else None

    renewed.vouching = until_the_last
    renewed.pass_challenge()
    assert len(asked) == bursts + 1
    assert reference(renewed).anchored_ms is None


def test_who_had_no_anchor_is_vouched_for_by_nobody(room: Room) -> None:
    room.register(picture("0"))
    room.face_engine, room.recogniser = NewerEngine(), NEWER
    asked = vouch(room, "0")
    room.pass_challenge()
    assert (asked, reference(room).anchored_ms, reference(room).renews) == ([], None, "")


def test_in_whose_place_a_registration_stands() -> None:
    old = FaceReference(LEARNER, RUN, "old", "0" * 64, ("ev",), "ev", 1, False, "fref_old")
    assert in_place_of(old, NEWER) == "fref_old"
    assert in_place_of(replace(old, id=""), NEWER) == "unnamed"
    assert in_place_of(replace(old, anchored_ms=None), NEWER) == ""
    assert in_place_of(None, NEWER) == ""
    own = replace(old, model_id=NEWER.id, model_sha256=NEWER.sha256, renews="fref_older")
    assert in_place_of(own, NEWER) == "fref_older"
    assert template_of(None, lambda _jpeg: None) is None
