"""The face pack, its models, and the indexes over registered faces."""

from contextlib import suppress
from typing import TYPE_CHECKING

from bridge.kernel.errors import Unavailable
from bridge.kernel.time import legal_date
from bridge.plugin_loader import load
from bridge.presence.face import FaceEngine
from bridge.presence.face_pack import FacePack, licence_objections
from bridge.presence.model import RecogniserInForce
from bridge.wiring.face_search import FaceIndexes

if TYPE_CHECKING:
    from bridge.wiring.house import House


def face_pack(house: "House") -> FacePack:
    """The pack in force as its file says; no model is loaded for that."""
    pack: FacePack = load("face_pack")(house.settings.face_pack)
    return pack


def recogniser(house: "House") -> RecogniserInForce:
    """The model with which faces are compared, as the pack names it; no model is loaded for that."""
    model = house.face_pack.model("recogniser")
    return RecogniserInForce(model.id, model.sha256 or "")


def engine_for_faces(house: "House") -> FaceEngine:
    """The face engine; Unavailable("face_licence") in real use of a pack whose licence does not allow it."""
    engine: FaceEngine = load("face")(house.settings.assets, house.settings.face_pack)
    objections = licence_objections(engine.pack, legal_date(house.clock.now()))
    if objections and not house.settings.demonstration:
        raise Unavailable("face_licence", objections[0], permanent=True)
    return engine


def face_indexes(house: "House") -> FaceIndexes:
    """The indexes of registered faces in this process; empty until a worker loads them."""
    return FaceIndexes(house, lambda: load("face_index")(house.recogniser))


def warm_up(house: "House") -> None:
    """Load the models before the first frame waits for them; a missing pack is met when a frame is judged."""
    with suppress(Unavailable):
        house.engine_for_faces  # noqa: B018  # built by being looked at
