"""What the institution's tree holds and what is signed: stretches of chains as leaves, heads, and paper statements.

Everything signed is RFC 8785 JSON with a `kind`, so that a signature of one kind never passes for another.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import epoch_ms, from_epoch_ms, parse_rfc3339, rfc3339
from bridge.ledger.model.entries import is_sha256
from bridge.ledger.model.facts import whole
from bridge.ledger.model.merkle import leaf_hash

VERSION = 1
MOST_IN_LEAF = 500
"""Entries of one leaf at most, so that no leaf grows without end."""


class SealInvalid(InvalidInput):
    """A leaf, head or statement cannot be read: it is not what the bridge writes."""

    def __init__(self, what: str) -> None:
        super().__init__("seal_malformed", f"{what}的内容缺失、多余或类型不对。", http_status=422)


@dataclass(frozen=True, slots=True)
class ChainSeal:
    """One leaf: the entries [first, last] of one chain, each by its hash.

    An entry's hash covers all entries before it, so a leaf proves its own entries and the whole chain up to them.
    """

    institution: str
    learner: str
    class_run: str
    first: int
    hashes: tuple[str, ...]

    @property
    def last(self) -> int:
        return self.first + len(self.hashes) - 1

    def to_json(self) -> dict[str, Any]:
        """Return the leaf's content."""
        return {
            "v": VERSION,
            "kind": "chain_seal",
            "institution": self.institution,
            "learner": self.learner,
            "class_run": self.class_run,
            "first": self.first,
            "hashes": list(self.hashes),
        }

    def canonical(self) -> bytes:
        """Return the bytes that are hashed."""
        return canonical_json(self.to_json())

    def leaf_hash(self) -> bytes:
        """Return its hash in the tree."""
        return leaf_hash(self.canonical())

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Return the leaf that `value` is; SealInvalid."""
        try:
            made = cls(
                institution=_text(value["institution"]),
                learner=_text(value["learner"]),
                class_run=_text(value["class_run"]),
                first=whole(value["first"]),
                hashes=tuple(value["hashes"]),
            )
            good = made.first >= 1 and made.hashes and all(map(is_sha256, made.hashes))
            if not good or made.to_json() != value:
                raise ValueError("not the leaf of this version")
        except (KeyError, TypeError, ValueError) as error:
            raise SealInvalid("台账封存记录") from error
        return made

    @classmethod
    def read(cls, body: str) -> Self:
        """Return the leaf that was written as `body`; SealInvalid."""
        try:
            return cls.from_json(json.loads(body))
        except ValueError as error:
            raise SealInvalid("台账封存记录") from error


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What is signed of a tree at a moment (RFC 9162 §4.10, in our own form).

    Args:
        at_ms: real clock, epoch ms.
        key: id of the key that signs.
    """

    institution: str
    tree_size: int
    root: str
    at_ms: int
    key: str

    def to_json(self) -> dict[str, Any]:
        """Return what is signed."""
        return {
            "v": VERSION,
            "kind": "tree_head",
            "institution": self.institution,
            "tree_size": self.tree_size,
            "root": self.root,
            "at": rfc3339(from_epoch_ms(self.at_ms)),
            "key": self.key,
        }

    def canonical(self) -> bytes:
        """Return the bytes that are signed."""
        return canonical_json(self.to_json())

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Return the head that `value` is; SealInvalid."""
        try:
            at = parse_rfc3339(_text(value["at"]))
            made = cls(
                institution=_text(value["institution"]),
                tree_size=whole(value["tree_size"]),
                root=_text(value["root"]),
                at_ms=epoch_ms(at),
                key=_text(value["key"]),
            )
            if not is_sha256(made.root) or made.to_json() != value:
                raise ValueError("not the head of this version")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise SealInvalid("树头") from error
        return made


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head and its Ed25519 signature, base64url without padding."""

    head: TreeHead
    signature: str

    def to_json(self) -> dict[str, Any]:
        """Return both, as files and pages carry them."""
        return {"head": self.head.to_json(), "signature": self.signature}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Return what `to_json` wrote; SealInvalid."""
        if not isinstance(value, Mapping) or set(value) != {"head", "signature"}:
            raise SealInvalid("树头")
        try:
            return cls(TreeHead.from_json(value["head"]), _text(value["signature"]))
        except TypeError as error:
            raise SealInvalid("树头") from error


def seals_of(
    institution: str, learner: str, class_run: str, first: int, hashes: Sequence[str]
) -> Iterator[ChainSeal]:
    """Yield the leaves that seal the entries from `first` on, in order."""
    for at in range(0, len(hashes), MOST_IN_LEAF):
        part = tuple(hashes[at : at + MOST_IN_LEAF])
        yield ChainSeal(institution, learner, class_run, first + at, part)


def sealed_hashes(seals: Iterable[ChainSeal]) -> dict[int, str]:
    """Return the sealed hash of each entry by its number; the first leaf that names an entry holds."""
    named: dict[int, str] = {}
    for seal in seals:
        for at, digest in enumerate(seal.hashes):
            named.setdefault(seal.first + at, digest)
    return named


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("text expected")
    return value
