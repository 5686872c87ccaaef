"""The doors for Caliper and Canvas: who may send, how its people are made blind, and where its events are kept."""

from typing import TYPE_CHECKING

from bridge.db.unit_of_work import Tx
from bridge.intake.canvas_sources import CanvasSources
from bridge.intake.learning import Blind
from bridge.intake.learning_inbox import LearningInbox
from bridge.kernel.ids import InstitutionId

if TYPE_CHECKING:
    from bridge.wiring.house import House

_BLIND_DIGITS = 32


def learning_inbox(house: "House", tx: Tx) -> LearningInbox:
    """Return where learning events are kept, in an open unit of work."""
    return LearningInbox(house.at(tx).inbox, tx, house.clock, tx.institution_id)


def canvas_sources(house: "House") -> CanvasSources:
    """Return the Canvas accounts of all institutions."""
    return CanvasSources(house.uow, house.clock, demonstration=house.settings.demonstration)


def blind_iris(house: "House", institution: InstitutionId) -> Blind:
    """Return how an institution's IRIs are made blind: two senders that name one person name the same one."""

    def blind(iri: str) -> str:
        index = house.cipher.blind_index(iri, domain=f"{institution}:learning_iri")
        return f"blind_{index[:_BLIND_DIGITS]}"

    return blind
