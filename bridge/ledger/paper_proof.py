"""What anybody may have who holds a paper: that it is issued, what its file is, and that its ledger is sealed.

One RFC 8785 JSON object and a line feed: the signed statement of the paper, the one leaf that seals the ledger's entry
that the paper names, its path, and the signed head of the tree. No entry of the ledger is in it: when somebody studied
is for the full proof (`bridge.ledger.proof`), which the learner's institution hands out.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.kernel.canonical import canonical_json
from bridge.ledger.model.seals import SignedHead
from bridge.ledger.proof import (
    ProofInvalid,
    ProvedLeaf,
    no_float,
    sealed_entries,
    signed_parts,
)
from bridge.ledger.signatures import PublicKey

FORMAT = "anxue-paper-proof"
VERSION = 1
MAX_BYTES = 1024 * 1024
_FIELDS = {"format", "v", "certificate", "leaf", "head", "keys"}


@dataclass(frozen=True, slots=True)
class CheckedPaperProof:
    """A proof that holds.

    Args:
        statement: what the paper says, as signed.
        key_given: the key came from the reader, not from the file itself.
    """

    statement: Mapping[str, Any]
    head: SignedHead
    key_given: bool

    def to_json(self) -> dict[str, Any]:
        """Return what was found as one JSON object."""
        said, head = self.statement, self.head.head
        return {
            "valid": True,
            "kind": "paper_proof",
            "key_given": self.key_given,
            "certificate": said["number"],
            "paper": said["paper"],
            "status": said["status"],
            "stated_at": said["stated_at"],
            "pdf_sha256": said["sha256"],
            "issued_at": said["issued_at"],
            "ledger_head": said["ledger_head"],
            "class_hours": said["facts"].get("class_hours"),
            "tree_size": head.tree_size,
            "tree_root": head.root,
            "key": head.key,
        }


def write_paper_proof(
    statement: Mapping[str, Any],
    signature: str,
    leaf: ProvedLeaf,
    head: SignedHead,
    keys: Sequence[PublicKey],
) -> bytes:
    """Return the file."""
    document = {
        "format": FORMAT,
        "v": VERSION,
        "certificate": {"statement": statement, "signature": signature},
        "leaf": leaf.to_json(),
        "head": head.to_json(),
        "keys": [key.jwk() for key in keys],
    }
    return canonical_json(document) + b"\n"


def is_paper_proof(content: bytes) -> bool:
    """Return whether the file says that it is such a proof."""
    return len(content) <= MAX_BYTES and f'"format":"{FORMAT}"'.encode() in content


def check_paper_proof(content: bytes, keys: Mapping[str, PublicKey] | None = None) -> CheckedPaperProof:
    """Return what a proof says, everything in it checked; `keys` as for `proof.check_proof`.

    Raises:
        ProofInvalid: the first place that does not hold.
    """
    document = _document(content)
    statement, head = signed_parts(document, keys)
    sealed = sealed_entries([document["leaf"]], head, statement)
    if sealed.get(statement["entries"]) != statement["ledger_head"]:
        raise ProofInvalid("entry_not_sealed", "leaf", "证明所载的台账末端没有被这片叶封存。")
    return CheckedPaperProof(statement, head, keys is not None)


def _document(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_BYTES:
        raise ProofInvalid("proof_too_large", "文件", "文件过大,不是查验证据。")
    try:
        document = json.loads(content.decode(), parse_float=no_float, parse_constant=no_float)
        spelled = canonical_json(document) + b"\n"
    except (ValueError, RecursionError) as error:
        raise ProofInvalid("not_json", "文件", "不是查验证据所用的 JSON。") from error
    if (
        not isinstance(document, dict)
        or document.get("format") != FORMAT
        or document.get("v") != VERSION
        or set(document) != _FIELDS
    ):
        raise ProofInvalid("format_unknown", "文件", f"不是版本 {VERSION} 的查验证据。")
    if spelled != content:
        raise ProofInvalid("not_canonical", "文件", "不是规范化 JSON(RFC 8785),文件被改写过。")
    return document
