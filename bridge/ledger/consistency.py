"""That a tree only grew between two signed heads: a small file, checked with the public key and nothing else."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput
from bridge.ledger.model.entries import is_sha256
from bridge.ledger.model.merkle import verify_consistency
from bridge.ledger.model.seals import SignedHead
from bridge.ledger.proof import ProofInvalid
from bridge.ledger.signatures import PublicKey

FORMAT = "anxue-ledger-consistency"
VERSION = 1


@dataclass(frozen=True, slots=True)
class CheckedConsistency:
    """Two heads, the second of which only added to the first."""

    old: SignedHead
    new: SignedHead

    def to_json(self) -> dict[str, Any]:
        """Return what was found as one JSON object."""
        return {
            "valid": True,
            "institution": self.new.head.institution,
            "old_size": self.old.head.tree_size,
            "new_size": self.new.head.tree_size,
            "old_root": self.old.head.root,
            "new_root": self.new.head.root,
        }


def write_consistency(old: SignedHead, new: SignedHead, path: Sequence[bytes]) -> bytes:
    """Return the file: one RFC 8785 JSON object and a line feed."""
    return (
        canonical_json(
            {
                "format": FORMAT,
                "v": VERSION,
                "old": old.to_json(),
                "new": new.to_json(),
                "path": [node.hex() for node in path],
            }
        )
        + b"\n"
    )


def is_consistency(content: bytes) -> bool:
    """Return whether `content` means to be such a file; whether it holds is for `check_consistency`."""
    return f'"format":"{FORMAT}"'.encode() in content[:200]


def check_consistency(content: bytes, keys: Mapping[str, PublicKey]) -> CheckedConsistency:
    """Return the two heads.

    Raises:
        ProofInvalid: the first place that does not hold.
    """
    try:
        document = json.loads(content)
        named = (document["format"], document["v"])
        if set(document) != {"format", "v", "old", "new", "path"} or named != (FORMAT, VERSION):
            raise ValueError("not of this version")
        path = [bytes.fromhex(node) for node in document["path"] if is_sha256(node)]
        if len(path) != len(document["path"]) or canonical_json(document) + b"\n" != content:
            raise ValueError("not as the bridge writes it")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ProofInvalid("format_unknown", "文件", f"不是版本 {VERSION} 的一致性证据。") from error
    heads = []
    for place in ("old", "new"):
        try:
            signed = SignedHead.from_json(document[place])
        except InvalidInput as error:
            raise ProofInvalid(error.reason, place, error.message) from error
        key = keys.get(signed.head.key)
        if key is None:
            raise ProofInvalid("key_unknown", place, f"由未知的密钥 {signed.head.key} 签名,请核对公钥文件。")
        if not key.holds(signed.head.canonical(), signed.signature):
            raise ProofInvalid("signature_wrong", place, "签名不符,内容被改动过。")
        heads.append(signed)
    old, new = heads
    if old.head.institution != new.head.institution:
        raise ProofInvalid("head_foreign", "new", "两个树头属于不同的机构。")
    sizes = old.head.tree_size, new.head.tree_size
    roots = bytes.fromhex(old.head.root), bytes.fromhex(new.head.root)
    if not verify_consistency(*sizes, *roots, path):
        raise ProofInvalid("consistency_wrong", "path", "后一棵树不是由前一棵树追加而来,历史被改动过。")
    return CheckedConsistency(old, new)
