"""A pack with another recogniser: who is registered registers anew, keeps what counted, and nobody takes it over."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.presence.face import FaceObservation, FaceTemplate
from bridge.presence.face_pack import FacePack
from bridge.presence.model import FaceReference, RecogniserInForce
from tests.presence.pictures import PACK, PictureEngine, picture
from tests.presence.room import LEARNER, RUN, Room

NEWER = RecogniserInForce("newer-model", "f" * 64)


class NewerEngine(PictureEngine):
    """Sees what `PictureEngine` sees, by another model."""

    @property
    def pack(self) -> FacePack:
        models = tuple(
            replace(model, id=NEWER.id, sha256=NEWER.sha256) if model.job == "recogniser" else model
            for model in PACK.models
        )
        return replace(PACK, models=models)

    def observe(self, jpeg: bytes) -> FaceObservation:
        seen = super().observe(jpeg)
        if seen.template is None:
            return seen
        return replace(seen, template=FaceTemplate(seen.template.vector, NEWER.id, NEWER.sha256))


@pytest.fixture
def renewed(room: Room) -> Room:
    """A room in which the learner was anchored before the model changed."""
    room.know()
    assert reference(room).anchored_ms is not None
    room.face_engine, room.recogniser = NewerEngine(), NEWER
    return room


def reference(room: Room) -> FaceReference:
    with room.open() as desk:
        found = desk.store.reference(LEARNER, RUN)
    assert found is not None
    return found


def test_a_frame_is_not_taken_for_a_check_and_costs_no_attempt(renewed: Room) -> None:
    agent = renewed.begin()
    before = renewed.check(agent.check)
    with pytest.raises(InvalidInput) as refused:
        renewed.submit(before.id, before.nonce, picture("0"))
    assert (refused.value.reason, refused.value.http_status) == ("face_renewal_required", 409)
    assert "重新登记" in refused.value.message
    assert renewed.check(agent.check) == before


def test_registering_anew_replaces_the_reference_anchors_it_and_checks_go_on(renewed: Room) -> None:
    renewed.pass_challenge()
    found = reference(renewed)
    assert (found.model_id, found.model_sha256, len(found.templates)) == (*NEWER, 4)
    assert found.anchored_ms is not None
    # Each reference is anchored by itself: checks count only with an anchor of the very one they were compared with.
    first, second = renewed.events("presence.anchored")
    assert second["reference"] == found.id != first["reference"]
    renewed.begin().pass_check()


@pytest.mark.parametrize(
    ("photograph", "says"),
    [(lambda: None, "0"), (lambda: picture("none"), "0"), (lambda: picture("0"), "90")],
    ids=["no ID photo any more", "no face in the ID photo", "another person"],
)
def test_nobody_takes_over_an_anchored_place_without_the_id_photo(
    renewed: Room, photograph: Callable[[], bytes | None], says: str
) -> None:
    renewed.roster.photograph = photograph()
    before = reference(renewed)
    for _ in range(3):
        renewed.register(picture(says))
    assert reference(renewed) == before


def test_who_was_never_anchored_begins_again_with_the_new_model(room: Room) -> None:
    room.register(picture("0"))
    room.face_engine, room.recogniser = NewerEngine(), NEWER
    room.register(picture("40"))
    found = reference(room)
    assert (found.model_id, len(found.templates), found.anchored_ms) == (NEWER.id, 1, None)
