"""Credentials beside papers: signed by the bridge's key, their status served as a signed bitstring."""

from typing import TYPE_CHECKING, Any

from bridge.completion import status_list
from bridge.completion.credential import (
    credential,
    did_document,
    did_of,
    status_address,
    status_credential,
    status_entry,
)
from bridge.completion.credential_tables import SqlCredentialPlaces
from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import epoch_ms, rfc3339
from bridge.ledger.signatures import base64url

if TYPE_CHECKING:
    from bridge.wiring.house import House

ALGORITHM = "EdDSA"
"""RFC 8037; RFC 9864 has since called it Ed25519, which few verifiers of credentials know yet."""


def credential_of(house: "House", institution: InstitutionId, number: str) -> str:
    """Return the credential of a paper as a JWT (VC-JOSE-COSE); InvalidInput("certificate_unknown")."""
    url = house.settings.public_url
    did = did_of(url, institution)
    with house.uow.for_institution(institution) as tx:
        paper = house.at(tx).completion_store.paper_by_number(number)
        if paper is None:
            raise InvalidInput("certificate_unknown", "没有这个编号的证明,请核对编号。", http_status=404)
        listed, position = SqlCredentialPlaces(tx).place(number)
    made = credential(paper, did, public_url=url, status=status_entry(url, institution, listed, position))
    claims = {**made, "iss": did, "jti": made["id"], "nbf": epoch_ms(paper.issued_at) // 1000}
    return _signed(house, did, claims)


def status_of(house: "House", institution: InstitutionId, listed: int) -> str:
    """Return a status list as it is now, as a JWT; InvalidInput("status_list_unknown")."""
    url = house.settings.public_url
    did, now = did_of(url, institution), house.clock.now()
    with house.uow.for_institution(institution, read_only=True) as tx:
        places = SqlCredentialPlaces(tx)
        if not places.is_list(listed):
            raise InvalidInput("status_list_unknown", "没有这个状态列表。", http_status=404)
        bits = status_list.encoded(places.revoked(listed))
    address = status_address(url, institution, listed)
    made = status_credential(did, address, bits, rfc3339(now))
    return _signed(house, did, {**made, "iss": did, "jti": address, "nbf": epoch_ms(now) // 1000})


def did_json(house: "House", institution: InstitutionId) -> dict[str, Any]:
    """Return the institution's DID document; InvalidInput("institution_unknown")."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        if house.at(tx).registry_store.institution() is None:
            raise InvalidInput("institution_unknown", "没有这家机构", http_status=404)
    return did_document(did_of(house.settings.public_url, institution), house.ledger_keys.jwks()["keys"])


def _signed(house: "House", did: str, claims: dict[str, Any]) -> str:
    """Return the claims as a JWT."""
    # Written here, since joserfc warns of the algorithm's name that verifiers know.
    key = house.ledger_keys.signing()
    header = {"alg": ALGORITHM, "typ": "vc+jwt", "cty": "vc", "kid": f"{did}#{key.public.id}"}
    content = ".".join(base64url(canonical_json(part)) for part in (header, claims))
    return f"{content}.{key.sign(content.encode('ascii'))}"
