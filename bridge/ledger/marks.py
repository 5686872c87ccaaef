"""Marks on ledger rows: an HMAC under a key that is not in the database.

A hash chain can be made anew by anyone who may write to the database; a mark cannot. Between two seals of the tree
it is what tells an entry that the bridge wrote from one that somebody inserted.
"""

import hmac
from dataclasses import dataclass, field

from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.ledger.model.entries import LedgerEntry, LedgerHead


@dataclass(frozen=True, slots=True)
class ChainOf:
    """Whose chain it is."""

    institution: str
    learner: str
    class_run: str


@dataclass(frozen=True, slots=True)
class RowMarks:
    """Makes and checks marks. Each covers every column of its row that its hash does not."""

    key: bytes = field(repr=False)

    def of_entry(self, chain: ChainOf, row_id: str, natural_key: str, entry: LedgerEntry) -> str:
        """Return the mark of an entry's row."""
        return self.of_row(chain, row_id, natural_key, entry.seq, entry.hash)

    def of_row(self, chain: ChainOf, row_id: str, natural_key: str, seq: int, digest: str) -> str:
        """Return the mark of an entry's row, from its columns."""
        return self._mark("entry", chain, [row_id, natural_key, seq, digest])

    def of_head(self, chain: ChainOf, row_id: str, head: LedgerHead) -> str:
        """Return the mark of a chain's head row."""
        return self._mark("head", chain, [row_id, head.seq, head.hash])

    def of_snapshot(self, chain: ChainOf, body: bytes) -> str:
        """Return the mark of a snapshot: nobody may make time by writing one of their own."""
        return self._mark("snapshot", chain, [sha256_hex(body)])

    def of_key(self, kid: str) -> str:
        """Return the mark of a signing key's row, so that nobody can add a key of their own."""
        return self._mark("key", ChainOf("", "", ""), [kid])

    def of_taken_key(self, institution: str, kid: str) -> str:
        """Return the mark of a key that came with an institution: no row of it serves another institution."""
        return self._mark("taken key", ChainOf(institution, "", ""), [kid])

    def _mark(self, kind: str, chain: ChainOf, rest: list[str | int]) -> str:
        said = canonical_json([kind, chain.institution, chain.learner, chain.class_run, *rest])
        return hmac.digest(self.key, said, "sha256").hex()


def same_mark(stored: str | None, made: str) -> bool:
    """Return whether a stored mark is the one that was made; in constant time."""
    return stored is not None and hmac.compare_digest(stored.encode(), made.encode())
