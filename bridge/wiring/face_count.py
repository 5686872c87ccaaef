"""Count the people with stored faces, and open the task to file once the number is reached."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from bridge.intake.contact import without_contact_text
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import legal_date
from bridge.privacy.stored_faces import PACK, FaceFilings, StoredFaces, stored_faces

if TYPE_CHECKING:
    from bridge.wiring.house import House


@dataclass(frozen=True, slots=True)
class FaceCount:
    """How the installation stands, and by when the task that waits is due; None where none waits."""

    stored: StoredFaces
    due_on: date | None


def face_count(house: "House") -> FaceCount:
    """Return how the installation stands now; the task is opened on the way."""
    now = house.clock.now()
    with house.uow.across_institutions("count people with stored faces", read_only=True) as tx:
        found = stored_faces(tx, house.rules.pack_alone(PACK), legal_date(now))
    if found.state != "filing":
        with house.uow.across_institutions("is a filing of faces open", read_only=True) as tx:
            waiting = FaceFilings(tx).open_if_due(found, now)
            return FaceCount(found, None if waiting is None else waiting.due_on)
    with house.uow.across_institutions("open the filing of faces") as tx:
        waiting = FaceFilings(tx).open_if_due(found, now)
        return FaceCount(found, None if waiting is None else waiting.due_on)


def file_faces(house: "House", reference: str, by: str) -> None:
    """Record that the filing was made; raises as `FaceFilings.file`, and InvalidInput("contact_in_text")."""
    if without_contact_text(reference) != reference:
        raise InvalidInput("contact_in_text", "备案回执或编号中不能写电话、邮箱等联系方式,请删去后再登记。")
    with house.uow.across_institutions("record the filing of faces") as tx:
        FaceFilings(tx).file(reference, by, house.clock.now())
