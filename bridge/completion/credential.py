"""The credential beside a paper: Open Badges 3.0 on the W3C data model 2.0. It names no person. Pure."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from bridge.completion.model import IssuedPaper
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.time import rfc3339

CONTEXT = (
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
)
STATUS_CONTEXT = ("https://www.w3.org/ns/credentials/v2",)


def did_of(public_url: str, institution: str) -> str:
    """Return the institution's did:web under the bridge's address (W3C did:web, a port as %3A)."""
    return f"did:web:{quote(urlsplit(public_url).netloc, safe='.-')}:credentials:issuers:{institution}"


def did_document(did: str, keys: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the DID document: each public key (JWK) that signs or has signed the institution's credentials."""
    methods = [
        {"id": f"{did}#{key['kid']}", "type": "JsonWebKey", "controller": did, "publicKeyJwk": key}
        for key in keys
    ]
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1"],
        "id": did,
        "verificationMethod": methods,
        "assertionMethod": [method["id"] for method in methods],
    }


def credential(paper: IssuedPaper, did: str, *, public_url: str, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the credential of a paper.

    The subject is the learner's record under a salted hash, the achievement is the course that was finished; evidence
    is the paper's file by its SHA-256. A name or a citizen id is on the paper alone.
    """
    printed = paper.printed
    fields = {code: value for code, _label, value in printed["fields"]}
    title = f"{printed['title']}：{fields.get('class_run', paper.class_run)}"
    description = "".join(printed["statement"])
    if paper.mark:
        title, description = f"{paper.mark} {title}", f"{paper.mark}。{description}"
    made: dict[str, Any] = {
        "@context": list(CONTEXT),
        "id": f"{public_url}/credentials/{paper.number}",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": title,
        "issuer": {"id": did, "type": ["Profile"], "name": printed["issuer"]},
        "validFrom": rfc3339(paper.issued_at),
        "credentialSubject": {
            "type": ["AchievementSubject"],
            "identifier": [
                {
                    "type": "IdentityObject",
                    "hashed": True,
                    "identityType": "systemId",
                    "identityHash": f"sha256${sha256_hex(f'{paper.learner}{paper.number}'.encode())}",
                    "salt": paper.number,
                }
            ],
            "achievement": {
                "id": f"{public_url}/credentials/achievements/{paper.class_run}/{paper.kind.value}",
                "type": ["Achievement"],
                "achievementType": "Course",
                "name": title,
                "description": description,
                "criteria": {"narrative": "\n".join(printed["notes"])},
                "creditsAvailable": paper.facts["class_hours"],
            },
        },
        "evidence": [
            {
                "id": f"{public_url}/verify/{paper.number}",
                "type": ["Evidence"],
                "name": printed["title"],
                "description": f"PDF SHA-256 {paper.sha256}；学时账本末端 {paper.facts['ledger_head']}",
            }
        ],
        "credentialStatus": dict(status),
    }
    return made


def status_entry(public_url: str, institution: str, number: int, position: int) -> dict[str, Any]:
    """Return the `credentialStatus` of a credential at `position` of the institution's list `number`."""
    address = status_address(public_url, institution, number)
    return {
        "id": f"{address}#{position}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": str(position),
        "statusListCredential": address,
    }


def status_address(public_url: str, institution: str, number: int) -> str:
    """Return where the institution's list `number` is served."""
    return f"{public_url}/credentials/status/{institution}/{number}"


def status_credential(did: str, address: str, encoded_list: str, at: str) -> dict[str, Any]:
    """Return the credential that carries a status list as it is at the instant `at`."""
    return {
        "@context": list(STATUS_CONTEXT),
        "id": address,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": did,
        "validFrom": at,
        "credentialSubject": {
            "id": f"{address}#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "encodedList": encoded_list,
        },
    }
