"""The tree against a naive model written from RFC 9162's own definitions, and against public vectors."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ledger.model.merkle import (
    LEVEL_STEP,
    GrowingTree,
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

VECTOR_LEAVES = [
    bytes.fromhex(one)
    for one in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""The leaves and roots that implementations of Certificate Transparency test themselves with."""
VECTOR_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


class Kept:
    """`SubtreeHashes` in memory, filled as a store fills itself."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.rows: dict[tuple[int, int], bytes] = {}
        self.tree = GrowingTree()
        for leaf in leaves:
            self.rows[0, self.tree.size] = leaf
            for subtree in self.tree.add(leaf):
                self.rows[subtree.level, subtree.number] = subtree.root

    def hashes(self, level: int, first: int, count: int) -> Sequence[bytes]:
        assert level % LEVEL_STEP == 0
        return [self.rows[level, number] for number in range(first, first + count)]


def numbered(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162 §2.1.1, over leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = naive_split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162 §2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = naive_split(len(leaves))
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_proof(old: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PROOF of RFC 9162 §2.1.4.1."""

    def subproof(m: int, part: Sequence[bytes], whole: bool) -> list[bytes]:
        if m == len(part):
            return [] if whole else [naive_root(part)]
        k = naive_split(len(part))
        if m <= k:
            return [*subproof(m, part[:k], whole), naive_root(part[k:])]
        return [*subproof(m - k, part[k:], False), naive_root(part[:k])]

    return subproof(old, leaves, True)


def naive_split(size: int) -> int:
    k = 1
    while k * 2 < size:
        k *= 2
    return k


@pytest.mark.parametrize("size", range(1, 9))
def test_the_root_is_that_of_the_public_vectors(size: int) -> None:
    kept = Kept([leaf_hash(leaf) for leaf in VECTOR_LEAVES[:size]])

    assert kept.tree.root().hex() == VECTOR_ROOTS[size - 1]
    assert root_of(kept, 0, size).hex() == VECTOR_ROOTS[size - 1]


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert GrowingTree().root() == sha256(b"").digest() == root_of(Kept([]), 0, 0)


SIZES = st.one_of(st.integers(1, 40), st.integers(250, 260), st.integers(510, 520), st.integers(1, 1100))


@given(SIZES, st.data())
def test_paths_are_those_of_the_definitions(size: int, data: st.DataObject) -> None:
    leaves = numbered(size)
    kept = Kept(leaves)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))

    assert kept.tree.root() == naive_root(leaves)
    assert inclusion_path(kept, index, size) == naive_path(index, leaves)
    assert consistency_path(kept, old, size) == naive_proof(old, leaves)


@given(SIZES, st.data())
def test_what_was_proved_is_verified_and_nothing_else(size: int, data: st.DataObject) -> None:
    leaves = numbered(size)
    root = naive_root(leaves)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    path, proof = naive_path(index, leaves), naive_proof(old, leaves)
    old_root = naive_root(leaves[:old])
    other = b"\x07" * 32

    assert verify_inclusion(leaves[index], index, size, path, root)
    assert verify_consistency(old, size, old_root, root, proof)

    assert not verify_inclusion(other, index, size, path, root)
    assert not verify_inclusion(leaves[index], index, size, path, other)
    assert not verify_inclusion(leaves[index], index, size, [*path, other], root)
    assert not verify_inclusion(leaves[index], (index + 1) % size if size > 1 else 1, size, path, root)
    for at in range(len(path)):
        assert not verify_inclusion(leaves[index], index, size, path[:at] + path[at + 1 :], root)
        assert not verify_inclusion(leaves[index], index, size, [*path[:at], other, *path[at + 1 :]], root)
    assert not verify_consistency(old, size, other, root, proof)
    assert not verify_consistency(old, size, old_root, other, proof)
    assert not verify_consistency(old, size, old_root, root, [*proof, other])
    for at in range(len(proof)):
        assert not verify_consistency(old, size, old_root, root, proof[:at] + proof[at + 1 :])
        assert not verify_consistency(old, size, old_root, root, [*proof[:at], other, *proof[at + 1 :]])


@given(st.integers(0, 700), st.integers(0, 300))
def test_a_tree_that_was_read_grows_like_one_that_was_kept(before: int, more: int) -> None:
    leaves = numbered(before + more)
    grown = GrowingTree.read(Kept(leaves[:before]), before)

    for leaf in leaves[before:]:
        list(grown.add(leaf))

    assert grown.root() == naive_root(leaves)
    assert grown.size == before + more


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_path_leads_to_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_path(Kept(numbered(size)), index, size)
    assert not verify_inclusion(leaf_hash(b""), index, size, [], leaf_hash(b""))


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3)])
def test_no_tree_begins_with_a_larger_or_an_empty_one(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no beginning"):
        consistency_path(Kept(numbered(new)), old, new)
    assert not verify_consistency(old, new, b"", b"", [])
