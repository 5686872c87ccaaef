"""The xAPI door's stations: who a blind account stands for is decided here, since the registry knows the platforms."""

from collections.abc import Sequence
from functools import partial

from bridge.db.unit_of_work import Tx
from bridge.intake.xapi.cleaning import AsSent, Blind, Blinded, Keeping
from bridge.intake.xapi.credentials import Credentials
from bridge.intake.xapi.documents import DocumentKeeping, Documents, keep_as_sent, keep_blinded
from bridge.intake.xapi.model import Caller, Store
from bridge.intake.xapi.packing import Packed
from bridge.intake.xapi.service import Batch, Statements
from bridge.intake.xapi.terms import Terms
from bridge.kernel.ids import InstitutionId
from bridge.registry.contact_store import blind_reference
from bridge.wiring.house import House
from bridge.wiring.video import note_videos

_BLIND_DIGITS = 32


def credentials(house: House) -> Credentials:
    """Return the keys of all institutions."""
    return Credentials(house.uow, house.clock, demonstration=house.settings.demonstration)


def keeping_of(house: House, caller: Caller) -> Keeping:
    """Return how the caller's store keeps what it is told."""
    if caller.store is Store.CONFORMANCE:
        return AsSent()
    return Blinded(_blind(house, caller), blind_page(house))


def blind_page(house: House) -> str:
    """Return the `homePage` of the accounts that stand in place of people."""
    return f"{house.settings.public_url}/xAPI/blind"


def blind_name(house: House, institution: InstitutionId, kind: str, text: str) -> str:
    """Return what stands for a text that a key of no platform sent: the same for the same text, and nothing else."""
    index = house.cipher.blind_index(text, domain=f"{institution}:xapi_{kind}")
    return f"blind_{index[:_BLIND_DIGITS]}"


class XapiDesk:
    """What one caller may do, in an open unit of work."""

    def __init__(self, house: House, tx: Tx, caller: Caller) -> None:
        self.keeping = keeping_of(house, caller)
        keep: DocumentKeeping = keep_as_sent
        if isinstance(self.keeping, Blinded):
            keep = keep_blinded(self.keeping)
        self.terms = Terms(caller.institution, caller.store)
        authority = {
            "objectType": "Agent",
            "account": {"homePage": f"{house.settings.public_url}/xAPI", "name": caller.source},
        }
        self._note_videos = partial(note_videos, house, tx, caller)
        self.statements = Statements(tx, house.at(tx).inbox, self.keeping, house.clock, caller, authority)
        self.documents = Documents(tx, caller, house.clock, keep)

    def receive(self, batch: Batch, packed: Sequence[Packed] | None = None) -> list[str]:
        """Keep statements as `Statements.receive` does; those on videos are also noted beside their units."""
        ids = self.statements.receive(batch, packed)
        self._note_videos(batch.statements)
        return ids


def _blind(house: House, caller: Caller) -> Blind:
    """Return how the caller's people are made blind.

    An account of the caller's own LTI platform gets the reference that the platform's webhooks have for it, so that
    both say the same of the same person.
    """
    registration = caller.registration
    own = ""
    if registration is not None:
        own = f"account|{house.lti_registrations.by_id(registration).issuer}|"

    def blind(kind: str, text: str) -> str:
        if registration is not None and kind == "agent" and text.startswith(own):
            account = text.removeprefix(own)
            return blind_reference(house.cipher, caller.institution, registration, "lms_person", account)
        return blind_name(house, caller.institution, kind, text)

    return blind
