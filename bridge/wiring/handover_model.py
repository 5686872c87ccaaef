"""A hand-over (第二十六条) from outside: who receives it, its manifest, the receipt for it. Pure but for signatures."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Protocol

from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import rfc3339
from bridge.ledger.signatures import PublicKey

MANIFEST, RECEIPT, RECEIVER = "anxue-handover", "anxue-handover-receipt", "anxue-receiver"
MANIFEST_FILE = "manifest.json"
PARTS = "parts"


class ReceiverKind(StrEnum):
    """To whom, and with that what: an examination body gets the documents alone, the others everything."""

    OPERATOR = "operator"
    INSTITUTION = "institution"
    EXAM_BODY = "exam_body"

    @property
    def gets_records(self) -> bool:
        """Return whether the package holds what another bridge needs to go on."""
        return self is not ReceiverKind.EXAM_BODY


class PartSeal(Protocol):
    """Encrypts parts to a receiver's key."""

    def new_key(self) -> dict[str, Any]:
        """Return a new private key as JWK."""
        ...

    def public(self, key: dict[str, Any]) -> dict[str, Any]:
        """Return the public half with its `kid`; InvalidInput("receiver_key_malformed")."""
        ...

    def seal(self, key: dict[str, Any], content: bytes) -> bytes:
        """Return the content, encrypted to the public key."""
        ...

    def open(self, key: dict[str, Any], sealed: bytes) -> bytes:
        """Return the content; InvalidInput("handover_part_unreadable")."""
        ...


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whom a package is encrypted to, as the receiver's own file says.

    Args:
        encrypt_to: public JWK.
        signs: the key with which the receiver signs the receipt; None for one that has no bridge.
    """

    name: str
    encrypt_to: dict[str, Any]
    signs: PublicKey | None

    def to_json(self) -> dict[str, Any]:
        """Return the receiver's file."""
        return {
            "type": RECEIVER,
            "v": 1,
            "name": self.name,
            "encrypt_to": self.encrypt_to,
            "signs": None if self.signs is None else self.signs.jwk(),
        }


def read_receiver(content: bytes) -> Receiver:
    """Return the receiver of a file that `to_json` made; InvalidInput("receiver_malformed")."""
    found = _object(content, "receiver_malformed", "接收方文件不是可读的 JSON,请向接收方重新索取。")
    try:
        if (found["type"], found["v"]) != (RECEIVER, 1) or not isinstance(found["encrypt_to"], dict):
            raise ValueError("another file")
        if "d" in found["encrypt_to"]:
            raise ValueError("a private key")
        signs = found["signs"]
        return Receiver(
            str(found["name"])[:120],
            found["encrypt_to"],
            None if signs is None else PublicKey.from_jwk(signs),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput("receiver_malformed", "接收方文件的内容不对,请向接收方重新索取。") from error


@dataclass(frozen=True, slots=True)
class Part:
    """One encrypted file of a package."""

    file: str
    sha256: str
    octets: int
    members: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a package holds, signed by who made it; no name of a learner stands in it.

    Args:
        counts: rows by table, pieces of evidence, documents, files of course material.
        left: what stays behind, each with why.
        keys: all public keys of the sender (JWKs), with which its ledgers, receipts and this manifest verify, and
            those of the bridges that the institution was with before.
        receiver_signs: id of the key that the receipt is to be signed with; None for a receiver without a bridge.
        frozen_at: since when nothing is taught at the sender's; None where only documents are packed.
    """

    id: str
    institution: str
    institution_name: str
    made_at: datetime
    receiver_kind: ReceiverKind
    receiver: str
    receiver_key: str
    purpose: str
    class_runs: tuple[str, ...]
    parts: tuple[Part, ...]
    counts: Mapping[str, int]
    left: Mapping[str, str]
    keys: tuple[dict[str, Any], ...]
    receiver_signs: str | None = None
    frozen_at: datetime | None = None

    def body(self) -> dict[str, Any]:
        """Return what is signed."""
        return {
            "type": MANIFEST,
            "v": 1,
            "id": self.id,
            "institution": self.institution,
            "institution_name": self.institution_name,
            "made_at": rfc3339(self.made_at),
            "receiver_kind": self.receiver_kind.value,
            "receiver": self.receiver,
            "receiver_key": self.receiver_key,
            "receiver_signs": self.receiver_signs,
            "frozen_at": None if self.frozen_at is None else rfc3339(self.frozen_at),
            "purpose": self.purpose,
            "class_runs": list(self.class_runs),
            "parts": [
                {"file": one.file, "sha256": one.sha256, "octets": one.octets, "members": one.members}
                for one in self.parts
            ],
            "counts": dict(self.counts),
            "left": dict(self.left),
            "keys": list(self.keys),
        }


@dataclass(frozen=True, slots=True)
class Signed:
    """A manifest or a receipt with its signature."""

    body: dict[str, Any]
    signed_by: str
    signature: str

    @property
    def sha256(self) -> str:
        """Return the hash by which the other side names it."""
        return sha256_hex(canonical_json(self.body))

    def to_bytes(self) -> bytes:
        """Return the file."""
        said = {"body": self.body, "sha256": self.sha256, "key": self.signed_by, "signature": self.signature}
        return (json.dumps(said, ensure_ascii=False, indent=2) + "\n").encode()

    def holds(self, keys: Mapping[str, PublicKey]) -> bool:
        """Return whether one of `keys` signed it."""
        key = keys.get(self.signed_by)
        return key is not None and key.holds(canonical_json(self.body), self.signature)


def read_signed(content: bytes, kind: str) -> Signed:
    """Return a manifest or receipt as it was written; InvalidInput("handover_malformed")."""
    found = _object(content, "handover_malformed", "交接文件不是可读的 JSON。")
    try:
        body = found["body"]
        if (body["type"], body["v"]) != (kind, 1):
            raise ValueError("another kind")
        signed = Signed(body, str(found["key"]), str(found["signature"]))
        if signed.sha256 != found["sha256"]:
            raise ValueError("content and hash differ")
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput("handover_malformed", "交接文件的内容与其校验值不符,请重新传送。") from error
    return signed


def sender_keys(manifest: Signed, expected: str) -> dict[str, PublicKey]:
    """Return the sender's public keys, if the manifest is signed by the one that the receiver expects.

    Args:
        expected: the key id that the sender told on another way (by telephone, on paper): whoever made the whole
            package could have put any keys into it.

    Raises:
        InvalidInput: handover_sender_differs, handover_signature_wrong, public_key_malformed.
    """
    keys = {key.id: key for key in map(PublicKey.from_jwk, manifest.body["keys"])}
    if manifest.signed_by != expected:
        raise InvalidInput(
            "handover_sender_differs", "交接包不是由您核对过的密钥签名,请与移交方核对密钥编号。"
        )
    if not manifest.holds(keys):
        raise InvalidInput("handover_signature_wrong", "交接包清单的签名不符,内容被改动。")
    return keys


def parts_of(manifest: Signed) -> tuple[Part, ...]:
    """Return the parts in order; InvalidInput("handover_malformed") for a file name that leads elsewhere."""
    try:
        found = tuple(
            Part(str(one["file"]), str(one["sha256"]), int(one["octets"]), int(one["members"]))
            for one in manifest.body["parts"]
        )
        if any(PurePosixPath(one.file).parts[:-1] != (PARTS,) or ".." in one.file for one in found):
            raise ValueError("a file elsewhere")
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput("handover_malformed", "交接包清单不完整,请重新传送。") from error
    return found


def _object(content: bytes, reason: str, message: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(reason, message) from error
    if not isinstance(found, dict):
        raise InvalidInput(reason, message)
    return found
