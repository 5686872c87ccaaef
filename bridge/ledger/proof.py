"""The proof of a certificate in one file, checked with a public key and nothing else.

The file is one RFC 8785 JSON object and a line feed: what the certificate says (signed), the learner's ledger up to
the certificate's head, the leaves that seal it with their inclusion paths, and the signed head of the tree.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.ledger.model.entries import LedgerFile, LedgerInvalid, is_sha256, read_ledger
from bridge.ledger.model.facts import whole
from bridge.ledger.model.merkle import verify_inclusion
from bridge.ledger.model.seals import ChainSeal, SignedHead, sealed_hashes
from bridge.ledger.signatures import PublicKey

FORMAT = "anxue-ledger-proof"
VERSION = 1
STATEMENT = "certificate_statement"
MAX_BYTES = 256 * 1024 * 1024
_FIELDS = {"format", "v", "certificate", "ledger", "leaves", "head", "keys"}
_STATEMENT_TEXTS = (
    "institution",
    "learner",
    "class_run",
    "number",
    "paper",
    "status",
    "sha256",
    "issued_at",
    "ledger_head",
    "header_sha256",
    "stated_at",
    "key",
)


class ProofInvalid(InvalidInput):
    """A proof cannot be believed. `place` is the part of the file that is to blame, e.g. "ledger:5"."""

    def __init__(self, reason: str, place: str, message: str) -> None:
        super().__init__(reason, f"证据文件的 {place}:{message}", http_status=422)
        self.place = place


@dataclass(frozen=True, slots=True)
class ProvedLeaf:
    """A leaf, where it stands, and the path from it to the root."""

    index: int
    seal: ChainSeal
    path: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as the file carries it."""
        return {
            "index": self.index,
            "leaf": self.seal.to_json(),
            "path": [node.hex() for node in self.path],
        }


@dataclass(frozen=True, slots=True)
class CheckedProof:
    """A proof that holds, but for the hours, which `hours.recompute` makes of `ledger`.

    Args:
        statement: what the certificate says, as signed; see `statement_json`.
        key_given: the key came from the reader, not from the file itself.
    """

    statement: Mapping[str, Any]
    ledger: bytes
    entries: int
    head: SignedHead
    key_given: bool


def write_proof(
    certificate: Mapping[str, Any],
    signature: str,
    ledger: Sequence[bytes],
    leaves: Sequence[ProvedLeaf],
    head: SignedHead,
    keys: Sequence[PublicKey],
) -> bytes:
    """Return the file. `ledger` are the lines of ledger.jsonl up to the certificate's head, header first."""
    document = {
        "format": FORMAT,
        "v": VERSION,
        "certificate": {"statement": certificate, "signature": signature},
        "ledger": [line.decode() for line in ledger],
        "leaves": [leaf.to_json() for leaf in leaves],
        "head": head.to_json(),
        "keys": [key.jwk() for key in keys],
    }
    return canonical_json(document) + b"\n"


def check_proof(content: bytes, keys: Mapping[str, PublicKey] | None = None) -> CheckedProof:
    """Return what a proof says, everything in it checked but the hours.

    Args:
        keys: the bridge's public keys by id, known from elsewhere. Without them the file's own are taken, which
            shows that the file is whole but not who made it.

    Raises:
        ProofInvalid: the first place that does not hold.
        InvalidInput("proof_too_large")
    """
    document = _document(content)
    statement, head = signed_parts(document, keys)
    lines = document["ledger"]
    if not isinstance(lines, list) or not lines or not all(isinstance(line, str) for line in lines):
        raise ProofInvalid("ledger_malformed", "ledger", "应为台账各行的列表。")
    ledger = "".join(f"{line}\n" for line in lines).encode()
    read = _ledger(ledger, statement)
    sealed = sealed_entries(document["leaves"], head, statement)
    for entry in read.entries:
        if entry.seq not in sealed:
            raise ProofInvalid("entry_not_sealed", f"ledger:{entry.seq + 1}", "这条记录没有被任何叶封存。")
        if sealed[entry.seq] != entry.hash:
            raise ProofInvalid("entry_differs", f"ledger:{entry.seq + 1}", "这条记录与封存时的哈希不同。")
    return CheckedProof(statement, ledger, len(read.entries), head, keys is not None)


def _document(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_BYTES:
        raise InvalidInput("proof_too_large", "文件过大,不是单个证明的证据文件。")
    try:
        document = json.loads(content.decode(), parse_float=no_float, parse_constant=no_float)
    except (ValueError, RecursionError) as error:
        raise ProofInvalid("not_json", "文件", "不是证据文件所用的 JSON。") from error
    if (
        not isinstance(document, dict)
        or document.get("format") != FORMAT
        or document.get("v") != VERSION
        or set(document) != _FIELDS
    ):
        raise ProofInvalid("format_unknown", "文件", f"不是版本 {VERSION} 的证据文件。")
    try:
        spelled = canonical_json(document) + b"\n"
    except (ValueError, RecursionError) as error:
        raise ProofInvalid("not_canonical", "文件", "含有超出范围的数值。") from error
    if spelled != content:
        raise ProofInvalid("not_canonical", "文件", "不是规范化 JSON(RFC 8785),文件被改写过。")
    return document


def signed_parts(
    document: Mapping[str, Any], keys: Mapping[str, PublicKey] | None
) -> tuple[Mapping[str, Any], SignedHead]:
    """Return a proof's statement and tree head, both signatures checked; `keys` as for `check_proof`.

    Raises:
        ProofInvalid: the first place that does not hold.
    """
    own = _own_keys(document["keys"])
    known = own if keys is None else keys
    if not set(own) <= set(known):
        raise ProofInvalid("key_unknown", "keys", "文件所带的公钥不在给出的公钥之中,请核对公钥文件。")
    statement, signature = _read_statement(document["certificate"])
    _check_signature(known, statement["key"], canonical_json(statement), signature, "certificate")
    try:
        head = SignedHead.from_json(document["head"])
    except InvalidInput as error:
        raise ProofInvalid(error.reason, "head", error.message) from error
    _check_signature(known, head.head.key, head.head.canonical(), head.signature, "head")
    if head.head.institution != statement["institution"]:
        raise ProofInvalid("head_foreign", "head", "树头属于另一家机构。")
    return statement, head


def _own_keys(jwks: Any) -> dict[str, PublicKey]:
    """Return the public keys that a file carries, by id; ProofInvalid("keys_malformed")."""
    try:
        keys = [PublicKey.from_jwk(jwk) for jwk in jwks]
        if [key.jwk() for key in keys] != jwks:
            raise ValueError("not as the bridge writes keys")
    except (TypeError, ValueError, InvalidInput) as error:
        raise ProofInvalid("keys_malformed", "keys", "文件所带的公钥无法读出。") from error
    return {key.id: key for key in keys}


def _read_statement(certificate: Any) -> tuple[Mapping[str, Any], str]:
    """Return a certificate's statement and its signature, not checked yet; ProofInvalid("certificate_malformed")."""
    try:
        statement, signature = certificate["statement"], certificate["signature"]
        texts = all(isinstance(statement[name], str) and statement[name] for name in _STATEMENT_TEXTS)
        if (
            not texts
            or set(certificate) != {"statement", "signature"}
            or statement["kind"] != STATEMENT
            or statement["v"] != VERSION
            or not is_sha256(statement["ledger_head"])
            or not isinstance(statement["facts"], Mapping)
            or not isinstance(signature, str)
        ):
            raise ValueError("not a statement of this version")
        whole(statement["entries"])
    except (KeyError, TypeError, ValueError) as error:
        raise ProofInvalid("certificate_malformed", "certificate", "证明内容缺失或类型不对。") from error
    return statement, signature


def _check_signature(
    keys: Mapping[str, PublicKey], key_id: str, content: bytes, signature: str, place: str
) -> None:
    """Return if the signature holds; ProofInvalid: "key_unknown", "signature_wrong"."""
    key = keys.get(key_id)
    if key is None:
        raise ProofInvalid("key_unknown", place, f"由未知的密钥 {key_id} 签名,请核对公钥文件。")
    if not key.holds(content, signature):
        raise ProofInvalid("signature_wrong", place, "签名不符,内容被改动过。")


def _ledger(content: bytes, statement: Mapping[str, Any]) -> LedgerFile:
    try:
        read = read_ledger(content, expected_head=statement["ledger_head"])
    except LedgerInvalid as error:
        raise ProofInvalid(error.reason, f"ledger:{error.line}", error.message) from error
    if sha256_hex(content.split(b"\n", 1)[0]) != statement["header_sha256"]:
        raise ProofInvalid("header_differs", "ledger:1", "表头(班次、大纲、课程或规则包)被改动过。")
    if len(read.entries) != statement["entries"]:
        raise ProofInvalid("entries_differ", "ledger", "记录条数与证明所载不同。")
    return read


def sealed_entries(leaves: Any, head: SignedHead, statement: Mapping[str, Any]) -> dict[int, str]:
    """Return the hash of each entry that the leaves seal, by its number; ProofInvalid where one is not in the tree."""
    owner = (statement["institution"], statement["learner"], statement["class_run"])
    if not isinstance(leaves, list):
        raise ProofInvalid("leaf_malformed", "leaves", "应为叶的列表。")
    seals: list[ChainSeal] = []
    for position, one in enumerate(leaves, start=1):
        place = f"leaves:{position}"
        try:
            if set(one) != {"index", "leaf", "path"}:
                raise ValueError("not a leaf of this version")
            index = whole(one["index"])
            seal = ChainSeal.from_json(one["leaf"])
            if not all(map(is_sha256, one["path"])):
                raise ValueError("not a path of hashes")
            path = [bytes.fromhex(node) for node in one["path"]]
        except (KeyError, TypeError, ValueError, InvalidInput) as error:
            raise ProofInvalid("leaf_malformed", place, "叶的内容缺失或类型不对。") from error
        if (seal.institution, seal.learner, seal.class_run) != owner:
            raise ProofInvalid("leaf_foreign", place, "这片叶属于另一名学员或另一班次。")
        root = bytes.fromhex(head.head.root)
        if not verify_inclusion(seal.leaf_hash(), index, head.head.tree_size, path, root):
            raise ProofInvalid("inclusion_wrong", place, "从这片叶算不出签名的树根,叶或路径被改动过。")
        seals.append(seal)
    return sealed_hashes(seals)


def no_float(_text: str) -> Any:
    """Refuse a number that is no integer; ValueError."""
    raise ValueError("a proof holds no floats")
