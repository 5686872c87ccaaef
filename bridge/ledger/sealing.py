"""Sealing: what the chains have grown by becomes leaves of the institution's tree, and its head is signed."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bridge.kernel.time import Clock, epoch_ms
from bridge.ledger.model.merkle import GrowingTree, Subtree
from bridge.ledger.model.seals import ChainSeal, SignedHead, TreeHead, seals_of
from bridge.ledger.signatures import SigningKey
from bridge.ledger.tree_store import ChainBroken, SqlTreeStore

SEAL = "ledger.seal"
"""Kind of the job; its key is `TREE`."""
TREE = "tree"
SEAL_EVERY_MS = 5 * 60 * 1000
"""Heads are signed at these fixed times of the real clock, for trees that have something to seal."""

_ENTRIES_AT_ONCE = 1000
"""Entries sealed in one unit of work: SQLite has one writer, and the doors must not wait for it."""
_CHAINS_AT_ONCE = 500
_EVERYTHING = 2**31

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one unit of work sealed.

    Args:
        head: the newest head, new or not; None as long as the ledger is empty.
        more: something is left for another unit of work.
        broken: chains that were left out because their rows do not fit; `audit` says more.
    """

    entries: int
    head: SignedHead | None
    more: bool
    broken: tuple[ChainBroken, ...]


class LedgerSealing:
    """Seals one institution's ledger, in one unit of work."""

    def __init__(self, store: SqlTreeStore, institution: str, clock: Clock) -> None:
        self._store = store
        self._institution = institution
        self._clock = clock

    def seal(self, key: SigningKey, *, most: int = _ENTRIES_AT_ONCE) -> Sealed:
        """Seal up to `most` entries that are not sealed yet, and sign the new head if there were any.

        The first seal of an institution takes the whole ledger as it is found, rows of before there were marks
        included; from then on an unmarked row is never sealed.
        """
        self._store.lock()
        latest = self._store.latest_head()
        first = latest is None
        left = _EVERYTHING if first else most
        chains = self._store.unsealed(left if first else _CHAINS_AT_ONCE)
        seals: list[ChainSeal] = []
        broken: list[ChainBroken] = []
        sealed = 0
        more = not first and len(chains) == _CHAINS_AT_ONCE
        for chain in chains:
            if left == 0:
                more = True
                break
            hashes = self._store.hashes_to_seal(chain, left, unmarked_allowed=first)
            if isinstance(hashes, ChainBroken):
                broken.append(hashes)
                continue
            seals += seals_of(self._institution, chain.learner, chain.class_run, chain.sealed_seq + 1, hashes)
            upto = chain.sealed_seq + len(hashes)
            self._store.note_sealed(chain, upto)
            more = more or upto < chain.head.seq
            sealed += len(hashes)
            left -= len(hashes)
        for one in broken:
            log.error(
                "ledger_chain_not_sealed",
                learner=one.learner,
                class_run=one.class_run,
                seq=one.seq,
                reason=one.reason,
            )
        head = self._grow(latest, seals, key) if seals else latest
        return Sealed(sealed, head, more and sealed > 0, tuple(broken))

    def _grow(self, latest: SignedHead | None, seals: Sequence[ChainSeal], key: SigningKey) -> SignedHead:
        size = 0 if latest is None else latest.head.tree_size
        tree = GrowingTree.read(self._store, size)
        if latest is not None and tree.root().hex() != latest.head.root:
            # A head over leaves that are not those of the last one would make the change look sealed.
            raise TreeChanged(self._institution)
        kept: list[Subtree] = []
        for seal in seals:
            kept += tree.add(seal.leaf_hash())
        self._store.add(size, seals, kept)
        head = TreeHead(
            self._institution, tree.size, tree.root().hex(), epoch_ms(self._clock.now()), key.public.id
        )
        signed = SignedHead(head, key.sign(head.canonical()))
        self._store.add_head(signed)
        return signed


class TreeChanged(RuntimeError):
    """The leaves in the database are not those of the last signed head: run `anxue ledger verify`."""
