"""The seals of this house: which certificates seal papers, which roots vouch for them, and what a file bears."""

from typing import TYPE_CHECKING

from bridge.completion.seal_keys import SealKeys
from bridge.completion.seal_model import SealHolder, SignaturesFound
from bridge.db.unit_of_work import Tx
from bridge.plugin_loader import load

if TYPE_CHECKING:
    from bridge.wiring.house import House

TRIAL_AUTHORITY, TRIAL_HOLDER = "安学桥测试CA", "test-ca"


class SealsInTx:
    """`completion.ports.PaperSealer` in a unit of work; pyHanko is not loaded before something is sealed."""

    def __init__(self, house: "House", tx: Tx) -> None:
        self._house = house
        self._tx = tx

    @property
    def trial_authority(self) -> str:
        return TRIAL_AUTHORITY if self._house.seal_settings.is_test else ""

    def seal(self, pdf: bytes, institution: SealHolder, operator: SealHolder) -> bytes:
        keys = SealKeys(self._tx.session, self._house.cipher, self._house.clock.now())
        sealed: bytes = self._house.seals.seal(pdf, institution, operator, keys)
        return sealed


def roots(house: "House") -> list[str]:
    """Return the root certificates that vouch for papers of this house, in PEM: its test CA's, and those set up."""
    found: list[str] = []
    with house.uow.across_institutions("the test CA belongs to no institution", read_only=True) as tx:
        found += SealKeys(tx.session, house.cipher, house.clock.now()).certificates(TRIAL_HOLDER)
    trust = house.seal_settings.trust
    if trust is not None:
        found += certificates_of(trust.read_text(encoding="ascii"))
    return found


def certificates_of(text: str) -> list[str]:
    """Return each certificate of a PEM file."""
    end = "-----END CERTIFICATE-----"
    return [f"{part.strip()}\n{end}\n" for part in text.split(end) if "BEGIN CERTIFICATE" in part]


def signatures_of(house: "House", pdf: bytes) -> SignaturesFound:
    """Return what a file bears, under this house's roots; InvalidInput("not_a_pdf")."""
    found: SignaturesFound = load("signatures.pdf")(pdf, roots(house))
    return found
