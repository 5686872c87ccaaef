"""The institution's tree in the database: what is not sealed yet, leaves, kept subtree roots, signed heads."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, text

from bridge.db.unit_of_work import Tx
from bridge.kernel.canonical import GENESIS, chained_hash
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.ledger.marks import ChainOf, RowMarks, same_mark
from bridge.ledger.model.entries import LedgerHead
from bridge.ledger.model.merkle import Subtree
from bridge.ledger.model.seals import ChainSeal, SignedHead, TreeHead
from bridge.ledger.store import LedgerEntryRow, LedgerHeadRow
from bridge.ledger.tree_tables import LedgerLeafRow, LedgerSubtreeRow, LedgerTreeHeadRow

_LOCK = 0x616E786D
"""First half of PostgreSQL's advisory lock by which one process at a time grows an institution's tree."""


@dataclass(frozen=True, slots=True)
class UnsealedChain:
    """A chain that has grown since it was sealed. `marked`: its head row is the bridge's own."""

    learner: LearnerRef
    class_run: ClassRunId
    sealed_seq: int
    head: LedgerHead
    marked: bool | None


@dataclass(frozen=True, slots=True)
class ChainBroken:
    """Why a chain was not sealed: the first entry that does not fit, and what is wrong with it."""

    learner: LearnerRef
    class_run: ClassRunId
    seq: int
    reason: str


class SqlTreeStore:
    """The tree of one institution, in one unit of work."""

    def __init__(self, tx: Tx, marks: RowMarks) -> None:
        self._tx = tx
        self._session = tx.session
        self._marks = marks

    def lock(self) -> None:
        """Keep others from growing the tree until the unit of work ends. SQLite has one writer anyway."""
        if self._session.get_bind().dialect.name == "postgresql":
            self._session.execute(
                text("SELECT pg_advisory_xact_lock(:half, hashtext(:institution))"),
                {"half": _LOCK, "institution": self._tx.institution_id},
            )

    def latest_head(self) -> SignedHead | None:
        """Return the newest signed head; None before the first."""
        row = self._session.scalars(
            select(LedgerTreeHeadRow).order_by(LedgerTreeHeadRow.tree_size.desc()).limit(1)
        ).one_or_none()
        return None if row is None else signed_head(row)

    def heads(self) -> Sequence[SignedHead]:
        """Return all signed heads, the oldest first."""
        return [
            signed_head(row)
            for row in self._session.scalars(select(LedgerTreeHeadRow).order_by(LedgerTreeHeadRow.tree_size))
        ]

    def hashes(self, level: int, first: int, count: int) -> Sequence[bytes]:
        """Return what `merkle.SubtreeHashes` asks for; LookupError if a row is missing."""
        if level == 0:
            leaf = LedgerLeafRow
            found = self._session.scalars(
                select(leaf.hash)
                .where(leaf.number >= first, leaf.number < first + count)
                .order_by(leaf.number)
            ).all()
        else:
            node = LedgerSubtreeRow
            found = self._session.scalars(
                select(node.root)
                .where(node.level == level, node.number >= first, node.number < first + count)
                .order_by(node.number)
            ).all()
        if len(found) != count:
            raise LookupError(f"the tree lacks rows at level {level}")
        return [bytes.fromhex(one) for one in found]

    def unsealed(self, limit: int) -> Sequence[UnsealedChain]:
        """Return chains that have grown since they were sealed."""
        rows = self._session.scalars(
            select(LedgerHeadRow).where(LedgerHeadRow.seq > LedgerHeadRow.sealed_seq).limit(limit)
        )
        found = []
        for row in rows:
            head = LedgerHead(row.seq, row.hash)
            chain = ChainOf(row.institution_id, row.learner_ref, row.class_run_id)
            marked = None
            if row.mark is not None:
                marked = same_mark(row.mark, self._marks.of_head(chain, row.id, head))
            found.append(
                UnsealedChain(
                    LearnerRef(row.learner_ref), ClassRunId(row.class_run_id), row.sealed_seq, head, marked
                )
            )
        return found

    def hashes_to_seal(
        self, chain: UnsealedChain, limit: int, *, unmarked_allowed: bool
    ) -> Sequence[str] | ChainBroken:
        """Return the hashes of up to `limit` entries behind the last sealed one, each checked against its row."""
        owner = ChainOf(self._tx.institution_id, chain.learner, chain.class_run)

        def broken(seq: int, reason: str) -> ChainBroken:
            return ChainBroken(chain.learner, chain.class_run, seq, reason)

        if chain.marked is False or (chain.marked is None and not unmarked_allowed):
            return broken(chain.head.seq, "head_not_marked")
        previous = self._sealed_hash(chain)
        if previous is None:
            return broken(chain.sealed_seq, "seal_missing")
        entry = LedgerEntryRow
        rows = self._session.execute(
            select(entry.id, entry.seq, entry.prev, entry.hash, entry.body, entry.natural_key, entry.mark)
            .where(
                entry.institution_id == self._tx.institution_id,
                entry.learner_ref == chain.learner,
                entry.class_run_id == chain.class_run,
                entry.seq > chain.sealed_seq,
                entry.seq <= chain.head.seq,
            )
            .order_by(entry.seq)
            .limit(limit)
        ).all()
        wanted = min(limit, chain.head.seq - chain.sealed_seq)
        hashes: list[str] = []
        for seq, row in enumerate(rows, chain.sealed_seq + 1):
            if row.seq != seq:
                return broken(seq, "row_missing")
            if row.prev != previous or chained_hash(previous, row.body.encode()) != row.hash:
                return broken(seq, "row_changed")
            if not (row.mark is None and unmarked_allowed) and not same_mark(
                row.mark, self._marks.of_row(owner, row.id, row.natural_key, seq, row.hash)
            ):
                return broken(seq, "not_marked")
            hashes.append(row.hash)
            previous = row.hash
        if len(hashes) != wanted:
            return broken(chain.sealed_seq + len(hashes) + 1, "row_missing")
        if chain.sealed_seq + wanted == chain.head.seq and previous != chain.head.hash:
            return broken(chain.head.seq, "head_differs")
        return hashes

    def add(self, first_number: int, seals: Sequence[ChainSeal], subtrees: Sequence[Subtree]) -> None:
        """Add leaves from `first_number` on, and the subtree roots that they complete."""
        if not seals:
            return
        institution = self._tx.institution_id
        self._session.execute(
            insert(LedgerLeafRow),
            [
                {
                    "institution_id": institution,
                    "number": number,
                    "learner_ref": seal.learner,
                    "class_run_id": seal.class_run,
                    "first_seq": seal.first,
                    "last_seq": seal.last,
                    "hash": seal.leaf_hash().hex(),
                    "body": seal.canonical().decode(),
                }
                for number, seal in enumerate(seals, first_number)
            ],
        )
        if subtrees:
            self._session.execute(
                insert(LedgerSubtreeRow),
                [
                    {
                        "institution_id": institution,
                        "level": one.level,
                        "number": one.number,
                        "root": one.root.hex(),
                    }
                    for one in subtrees
                ],
            )

    def note_sealed(self, chain: UnsealedChain, seq: int) -> None:
        """Note how far the chain is sealed; mark a head of before there were marks."""
        head = LedgerHeadRow
        row = self._session.scalars(
            select(head)
            .where(head.learner_ref == chain.learner, head.class_run_id == chain.class_run)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()
        row.sealed_seq = seq
        if row.mark is None:
            owner = ChainOf(self._tx.institution_id, chain.learner, chain.class_run)
            row.mark = self._marks.of_head(owner, row.id, LedgerHead(row.seq, row.hash))
        self._session.flush()

    def add_head(self, signed: SignedHead) -> None:
        """Keep a signed head."""
        head = signed.head
        self._session.add(
            LedgerTreeHeadRow(
                institution_id=self._tx.institution_id,
                tree_size=head.tree_size,
                root=head.root,
                at_ms=head.at_ms,
                key_id=head.key,
                signature=signed.signature,
            )
        )
        self._session.flush()

    def seals_of(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[tuple[int, ChainSeal]]:
        """Return the leaves of one chain with their numbers, in the order of its entries; SealInvalid."""
        leaf = LedgerLeafRow
        rows = self._session.execute(
            select(leaf.number, leaf.body)
            .where(
                leaf.institution_id == self._tx.institution_id,
                leaf.learner_ref == learner,
                leaf.class_run_id == class_run,
            )
            .order_by(leaf.first_seq, leaf.number)
        )
        return [(number, ChainSeal.read(body)) for number, body in rows]

    def _sealed_hash(self, chain: UnsealedChain) -> str | None:
        if chain.sealed_seq == 0:
            return GENESIS
        leaf = LedgerLeafRow
        body = self._session.scalar(
            select(leaf.body).where(
                leaf.institution_id == self._tx.institution_id,
                leaf.learner_ref == chain.learner,
                leaf.class_run_id == chain.class_run,
                leaf.last_seq == chain.sealed_seq,
            )
        )
        return None if body is None else ChainSeal.read(body).hashes[-1]


def signed_head(row: LedgerTreeHeadRow) -> SignedHead:
    """Return what a row says; whether its signature holds is for `audit` to find out."""
    head = TreeHead(row.institution_id, row.tree_size, row.root, row.at_ms, row.key_id)
    return SignedHead(head, row.signature)
