"""Merkle trees as RFC 9162 §2.1 has them: hashes, inclusion and consistency paths, and their verification.

A tree is read through `SubtreeHashes`: leaf hashes, and the roots of complete subtrees of 256, 65,536, … leaves, so
that a path in a tree of any size takes a few short reads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

LEVEL_STEP = 8
"""Roots of complete subtrees are kept at these levels: 0 (leaves), 8, 16, …"""

EMPTY_ROOT = sha256(b"").digest()


class SubtreeHashes(Protocol):
    """A tree's leaf hashes and kept subtree roots."""

    def hashes(self, level: int, first: int, count: int) -> Sequence[bytes]:
        """Return `count` roots of subtrees of 2**level leaves, from the subtree number `first` on.

        Args:
            level: a multiple of `LEVEL_STEP`; at level 0 the leaf hashes themselves.
        """
        ...


def leaf_hash(content: bytes) -> bytes:
    """Return SHA-256(0x00 ‖ content)."""
    return sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(tree: SubtreeHashes, start: int, end: int) -> bytes:
    """Return the root over the leaves [start, end): MTH(D[start:end]).

    Args:
        start: a multiple of the smallest power of two that is not below end − start, as in every path.
    """
    size = end - start
    if size == 0:
        return EMPTY_ROOT
    height = size.bit_length() - 1
    if size == 1 << height:
        level = height - height % LEVEL_STEP
        row = list(tree.hashes(level, start >> level, size >> level))
        while len(row) > 1:
            row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
        return row[0]
    middle = start + _split(size)
    return node_hash(root_of(tree, start, middle), root_of(tree, middle, end))


def inclusion_path(tree: SubtreeHashes, index: int, size: int) -> list[bytes]:
    """Return PATH(index, D[size]), from the leaf upwards (RFC 9162 §2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError("no leaf of this tree")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(root_of(tree, middle, end))
            end = middle
        else:
            path.append(root_of(tree, start, middle))
            start = middle
    return path[::-1]


def consistency_path(tree: SubtreeHashes, old: int, new: int) -> list[bytes]:
    """Return PROOF(old, D[new]) (RFC 9162 §2.1.4.1); empty where the two are one tree."""
    if not 0 < old <= new:
        raise ValueError("the old tree is no beginning of the new one")
    path: list[bytes] = []
    start, end = 0, new
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(root_of(tree, middle, end))
            end = middle
        else:
            path.append(root_of(tree, start, middle))
            start = middle
    if start:
        # The old tree's last subtree is not the whole old tree, so the verifier does not have its root.
        path.append(root_of(tree, start, end))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Return whether `path` leads from the leaf hash at `index` to `root` (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, made = index, size - 1, leaf
    for node in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            made = node_hash(node, made)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            made = node_hash(made, node)
        at, last = at >> 1, last >> 1
    return last == 0 and made == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Return whether the tree of `new` leaves begins with that of `old` (RFC 9162 §2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    nodes = list(path)
    if old & (old - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    made_old = made_new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            made_old, made_new = node_hash(node, made_old), node_hash(node, made_new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            made_new = node_hash(made_new, node)
        at, last = at >> 1, last >> 1
    return last == 0 and made_old == old_root and made_new == new_root


@dataclass(frozen=True, slots=True)
class Subtree:
    """The root of a complete subtree that is to be kept; it covers the leaves [number·2**level, …)."""

    level: int
    number: int
    root: bytes


@dataclass(slots=True)
class GrowingTree:
    """The right edge of a tree: enough to add leaves and to give the root, and no more.

    Args:
        peaks: (level, root) of the complete subtrees that make the tree, the largest first.
    """

    size: int = 0
    peaks: list[tuple[int, bytes]] = field(default_factory=list)

    @classmethod
    def read(cls, tree: SubtreeHashes, size: int) -> "GrowingTree":
        """Return the right edge of the tree with `size` leaves."""
        peaks: list[tuple[int, bytes]] = []
        start = 0
        for level in range(size.bit_length() - 1, -1, -1):
            if size >> level & 1:
                peaks.append((level, root_of(tree, start, start + (1 << level))))
                start += 1 << level
        return cls(size, peaks)

    def add(self, leaf: bytes) -> Iterator[Subtree]:
        """Add a leaf hash; yield the subtrees above the leaves that it completes and that are to be kept."""
        level, made = 0, leaf
        while self.peaks and self.peaks[-1][0] == level:
            made = node_hash(self.peaks.pop()[1], made)
            level += 1
            if level % LEVEL_STEP == 0:
                yield Subtree(level, self.size >> level, made)
        self.peaks.append((level, made))
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves."""
        if not self.peaks:
            return EMPTY_ROOT
        made = self.peaks[-1][1]
        for _level, peak in reversed(self.peaks[:-1]):
            made = node_hash(peak, made)
        return made


def _split(size: int) -> int:
    """Return the largest power of two below `size` (which is above 1)."""
    return 1 << (size - 1).bit_length() - 1
