"""The whole ledger of a database: chains, tree, heads. Reads only, in one snapshot, one institution at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from bridge.db.unit_of_work import Tx
from bridge.ledger.chain_audit import ChainInDatabase, EntryRow, HeadRow, chain_faults
from bridge.ledger.faults import LedgerFault
from bridge.ledger.marks import ChainOf, RowMarks
from bridge.ledger.model.merkle import GrowingTree
from bridge.ledger.model.seals import ChainSeal, SealInvalid, SignedHead, sealed_hashes
from bridge.ledger.signatures import PublicKey
from bridge.ledger.store import LedgerEntryRow, LedgerHeadRow
from bridge.ledger.tree_store import signed_head
from bridge.ledger.tree_tables import LedgerLeafRow, LedgerSubtreeRow, LedgerTreeHeadRow

_LEAVES_AT_ONCE = 2000
_LEARNERS_AT_ONCE = 100
_Owner = tuple[str, str]
"""Learner and class run."""


@dataclass(slots=True)
class Audited:
    """What was looked at, and what is wrong with it."""

    institutions: int = 0
    chains: int = 0
    entries: int = 0
    unsealed: int = 0
    leaves: int = 0
    heads: int = 0
    faults: list[LedgerFault] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it as one JSON object."""
        return {
            "valid": not self.faults,
            "institutions": self.institutions,
            "chains": self.chains,
            "entries": self.entries,
            "unsealed": self.unsealed,
            "leaves": self.leaves,
            "heads": self.heads,
            "faults": [fault.to_json() for fault in self.faults],
        }


def audit(
    tx: Tx,
    marks: RowMarks,
    keys: Mapping[str, PublicKey],
    *,
    institution: str | None = None,
    witnessed: Sequence[SignedHead] = (),
    taken: Mapping[str, Mapping[str, PublicKey]] | None = None,
) -> Audited:
    """Return what is wrong with the ledgers in the database.

    Args:
        tx: across institutions; see `read_one_moment`.
        keys: the public keys that may have signed heads, by id.
        institution: look at this one alone.
        witnessed: heads that were kept outside; the tree must still begin with each of them.
        taken: institution → keys that may have signed the heads of that one as well (`LedgerKeys.taken`).
    """
    session = tx.session
    result = Audited()
    found = _institutions(session) | {one.head.institution for one in witnessed}
    for one in sorted(found if institution is None else found & {institution} or {institution}):
        result.institutions += 1
        seen = [signed for signed in witnessed if signed.head.institution == one]
        allowed = {**(taken or {}).get(one, {}), **keys}
        _Institution(session, one, marks, allowed, seen, result).look()
    return result


def read_one_moment(tx: Tx) -> None:
    """Have every statement of a fresh unit of work see the same moment, though writers go on; as SQLite does."""
    if tx.session.get_bind().dialect.name == "postgresql":
        tx.session.connection(
            execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )


def _institutions(session: Session) -> set[str]:
    tables = (LedgerEntryRow, LedgerHeadRow, LedgerLeafRow, LedgerTreeHeadRow)
    return set(session.execute(union(*(select(one.institution_id).distinct() for one in tables))).scalars())


@dataclass(slots=True)
class _Institution:
    session: Session
    id: str
    marks: RowMarks
    keys: Mapping[str, PublicKey]
    witnessed: Sequence[SignedHead]
    result: Audited

    def look(self) -> None:
        heads = self._heads()
        self.result.heads += len(heads)
        self.result.faults += self._signature_faults(heads)
        self.result.faults += self._tree_faults(heads)
        for chain in self._chains(unmarked_allowed=not heads):
            self.result.chains += 1
            self.result.entries += len(chain.rows)
            self.result.unsealed += sum(1 for row in chain.rows if row.seq not in chain.sealed)
            self.result.faults += chain_faults(chain, self.marks)

    def _heads(self) -> list[SignedHead]:
        head = LedgerTreeHeadRow
        rows = self.session.scalars(
            select(head).where(head.institution_id == self.id).order_by(head.tree_size)
        )
        return [signed_head(row) for row in rows]

    def _signature_faults(self, heads: Iterable[SignedHead]) -> Iterator[LedgerFault]:
        for signed, where in [
            *((one, "") for one in heads),
            *((one, "(外部留存)") for one in self.witnessed),
        ]:
            key = self.keys.get(signed.head.key)
            name = f"{signed.head.tree_size} 片叶的树头{where}"
            if key is None:
                yield self._fault(
                    "head_key_unknown", f"{name}由未知的密钥 {signed.head.key} 签名。", signed.head.tree_size
                )
            elif not key.holds(signed.head.canonical(), signed.signature):
                yield self._fault("head_signature", f"{name}的签名不符,内容被改动过。", signed.head.tree_size)

    def _tree_faults(self, heads: Sequence[SignedHead]) -> Iterator[LedgerFault]:
        """Yield what is wrong with leaves, kept subtree roots, and the roots that heads name."""
        claims: dict[int, list[tuple[SignedHead, str]]] = {}
        for code, some in (("root_differs", heads), ("history_differs", self.witnessed)):
            for signed in some:
                claims.setdefault(signed.head.tree_size, []).append((signed, code))
        kept = self._subtrees()
        tree = GrowingTree()
        signed_size = max((one.head.tree_size for one in heads), default=0)
        good_size = 0
        spoilt: set[str] = set()
        for row in self._leaves():
            self.result.leaves += 1
            if row.number != tree.size:
                yield self._fault(
                    "leaf_missing", f"缺少第 {tree.size} 片叶,下一片是第 {row.number} 片。", tree.size
                )
                # Without the leaf no root can be made; the chains below still name what is missing.
                return
            yield from self._leaf_faults(row)
            if row.number >= signed_size:
                yield self._fault(
                    "leaf_not_signed", f"第 {row.number} 片叶不在任何签名的树头之内。", row.number
                )
            for subtree in tree.add(bytes.fromhex(row.hash) if len(row.hash) == 64 else b""):
                if kept.pop((subtree.level, subtree.number), None) != subtree.root.hex():
                    yield self._fault(
                        "subtree_differs",
                        f"第 {subtree.level} 层第 {subtree.number} 个子树根被改动或删去。",
                        None,
                    )
            for signed, code in claims.pop(tree.size, ()):
                if signed.head.root == tree.root().hex():
                    good_size = tree.size
                elif code not in spoilt:
                    spoilt.add(code)
                    yield self._fault(
                        code,
                        f"第 {good_size} 至 {tree.size - 1} 片叶与"
                        f"{'签名的' if code == 'root_differs' else '外部留存的'}树头不符,其中有改动。",
                        good_size,
                    )
        for size in sorted(claims):
            yield self._fault(
                "tree_cut", f"树头记有 {size} 片叶,库中只有 {tree.size} 片,末尾被删去。", tree.size
            )
        for level, number in sorted(kept):
            yield self._fault("subtree_differs", f"第 {level} 层第 {number} 个子树根是多余的。", None)

    def _leaf_faults(self, row: LedgerLeafRow) -> Iterator[LedgerFault]:
        try:
            seal = ChainSeal.read(row.body)
        except SealInvalid:
            yield self._fault("leaf_changed", f"第 {row.number} 片叶的内容无法读出。", row.number, ("body",))
            return
        pairs = (
            ("institution_id", row.institution_id, seal.institution),
            ("learner_ref", row.learner_ref, seal.learner),
            ("class_run_id", row.class_run_id, seal.class_run),
            ("first_seq", row.first_seq, seal.first),
            ("last_seq", row.last_seq, seal.last),
            ("hash", row.hash, seal.leaf_hash().hex()),
            ("body", row.body, seal.canonical().decode()),
        )
        what = tuple(name for name, column, said in pairs if column != said)
        if what:
            yield self._fault(
                "leaf_changed", f"第 {row.number} 片叶被改动,不符之处:{'、'.join(what)}。", row.number, what
            )

    def _leaves(self) -> Iterator[LedgerLeafRow]:
        leaf = LedgerLeafRow
        after = -1
        while True:
            rows = self.session.scalars(
                select(leaf)
                .where(leaf.institution_id == self.id, leaf.number > after)
                .order_by(leaf.number)
                .limit(_LEAVES_AT_ONCE)
            ).all()
            yield from rows
            if len(rows) < _LEAVES_AT_ONCE:
                return
            after = rows[-1].number
            self.session.expunge_all()

    def _subtrees(self) -> dict[tuple[int, int], str]:
        node = LedgerSubtreeRow
        rows = self.session.execute(
            select(node.level, node.number, node.root).where(node.institution_id == self.id)
        )
        return {(level, number): root for level, number, root in rows}

    def _chains(self, *, unmarked_allowed: bool) -> Iterator[ChainInDatabase]:
        """Yield every chain of which anything is left, those of some learners at a time."""
        tables = (LedgerEntryRow, LedgerHeadRow, LedgerLeafRow)
        named = union(
            *(select(one.learner_ref).where(one.institution_id == self.id).distinct() for one in tables)
        )
        learners = sorted(self.session.execute(named).scalars())
        for at in range(0, len(learners), _LEARNERS_AT_ONCE):
            some = learners[at : at + _LEARNERS_AT_ONCE]
            entries, heads, seals = self._entry_rows(some), self._head_rows(some), self._seals(some)
            for owner in sorted({*entries, *heads, *seals}):
                yield ChainInDatabase(
                    ChainOf(self.id, *owner),
                    entries.get(owner, []),
                    heads.get(owner),
                    sealed_hashes(seals.get(owner, ())),
                    unmarked_allowed,
                )

    def _entry_rows(self, learners: Sequence[str]) -> dict[_Owner, list[EntryRow]]:
        entry = LedgerEntryRow
        columns = (getattr(entry, name) for name in EntryRow.__slots__)
        rows = self.session.execute(
            select(entry.learner_ref, entry.class_run_id, *columns)
            .where(entry.institution_id == self.id, entry.learner_ref.in_(learners))
            .order_by(entry.seq, entry.id)
        )
        found: dict[_Owner, list[EntryRow]] = {}
        for learner, class_run, *values in rows:
            found.setdefault((learner, class_run), []).append(EntryRow(*values))
        return found

    def _head_rows(self, learners: Sequence[str]) -> dict[_Owner, HeadRow]:
        head = LedgerHeadRow
        rows = self.session.scalars(
            select(head).where(head.institution_id == self.id, head.learner_ref.in_(learners))
        )
        return {
            (row.learner_ref, row.class_run_id): HeadRow(row.id, row.seq, row.hash, row.mark, row.sealed_seq)
            for row in rows
        }

    def _seals(self, learners: Sequence[str]) -> dict[_Owner, list[ChainSeal]]:
        leaf = LedgerLeafRow
        rows = self.session.execute(
            select(leaf.learner_ref, leaf.class_run_id, leaf.body)
            .where(leaf.institution_id == self.id, leaf.learner_ref.in_(learners))
            .order_by(leaf.first_seq, leaf.number)
        )
        found: dict[_Owner, list[ChainSeal]] = {}
        for learner, class_run, body in rows:
            # A leaf that cannot be read is named where the tree is looked at.
            with suppress(SealInvalid):
                found.setdefault((learner, class_run), []).append(ChainSeal.read(body))
        return found

    def _fault(self, code: str, sentence: str, leaf: int | None, what: tuple[str, ...] = ()) -> LedgerFault:
        return LedgerFault(code, self.id, f"机构 {self.id} 的台账树:{sentence}", leaf=leaf, what=what)
