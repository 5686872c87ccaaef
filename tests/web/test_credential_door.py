"""Credentials beside papers: signed, without a person, their status served as a signed bitstring."""

import base64
import json
import warnings
from typing import Any

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import KeySet

from bridge.completion.life_model import PaperChangeKind
from bridge.completion.status_list import is_set
from bridge.kernel.ids import LearnerRef
from tests.web.furnished import CHEN, CHEN_ID, ORG, Furnished

Finished = tuple[Furnished, str, LearnerRef, str]


def read(house: Furnished, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a JWT, checked with the keys of the issuer's DID document."""
    document = house.client().get(f"/credentials/issuers/{ORG}/did.json").get_json()
    keys = {one["id"]: one["publicKeyJwk"] for one in document["verificationMethod"]}
    unchecked = json.loads(_part(token, 0))
    key = {**keys[unchecked["kid"]], "kid": unchecked["kid"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # of the algorithm's older name
        found = jwt.decode(token, KeySet.import_key_set({"keys": [key]}), algorithms=["EdDSA"])
    assert found.claims["iss"] == document["id"]
    return dict(found.header), dict(found.claims)


def _part(token: str, number: int) -> bytes:
    text = token.split(".")[number]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def credential(house: Furnished, learner: LearnerRef, number: str) -> tuple[dict[str, Any], dict[str, Any]]:
    (paper,) = [one for one in house.papers(learner) if one.number == number]
    answer = house.client().get(f"/verify/{number}/{paper.verify_code}/credential.jwt")
    assert (answer.status_code, answer.mimetype) == (200, "application/vc+jwt")
    return read(house, answer.text)


def test_a_credential_is_signed_and_names_no_person(finished: Finished) -> None:
    house, _account, learner, number = finished

    header, claims = credential(house, learner, number)

    assert (header["alg"], header["typ"]) == ("EdDSA", "vc+jwt")
    assert claims["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    assert claims["issuer"]["id"].startswith("did:web:127.0.0.1%3A")
    assert claims["name"].startswith("演示·无效")
    assert claims["jti"] == claims["id"]
    said = json.dumps(claims, ensure_ascii=False)
    (paper,) = [one for one in house.papers(learner) if one.number == number]
    for personal in (CHEN, CHEN_ID, learner, paper.verify_code):
        assert personal not in said
    assert paper.sha256 in said


def test_its_status_is_a_bit_of_a_signed_list_that_turns_when_the_paper_is_revoked(
    finished_alone: Finished,
) -> None:
    house, _account, learner, number = finished_alone
    _header, claims = credential(house, learner, number)
    entry = claims["credentialStatus"]
    path = entry["statusListCredential"].removeprefix(house.house.settings.public_url)

    def bit() -> bool:
        answer = house.client().get(path)
        assert answer.mimetype == "application/vc+jwt"
        _h, listed = read(house, answer.text)
        subject = listed["credentialSubject"]
        assert (subject["type"], subject["statusPurpose"]) == ("BitstringStatusList", entry["statusPurpose"])
        return is_set(subject["encodedList"], int(entry["statusListIndex"]))

    assert not bit()
    with house.house.uow.for_institution(ORG) as tx:
        life = house.house.at(tx).paper_life
        change = life.propose(number, PaperChangeKind.REVOKE, reason="false_proof", by="staff_a")
        life.confirm(change.id, "staff_b")
    assert bit()


def test_what_nobody_published_is_unknown(looked_at: Furnished) -> None:
    client = looked_at.client()
    for path in (
        "/credentials/issuers/org_nobody/did.json",
        f"/credentials/status/{ORG}/77",
        f"/credentials/status/{ORG}/x",
        "/credentials/status/org_nobody/1",
    ):
        assert client.get(path).status_code == 404
