"""One chain in a database against itself, its head, its marks and its seals: which rows are not the bridge's own."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bridge.kernel.canonical import GENESIS, canonical_json, chained_hash
from bridge.ledger.faults import LedgerFault
from bridge.ledger.marks import ChainOf, RowMarks, same_mark
from bridge.ledger.model.entries import LedgerEntry, LedgerHead, LedgerInvalid, parse_entry


@dataclass(frozen=True, slots=True)
class EntryRow:
    """A row of `ledger_entry`, column by column."""

    id: str
    seq: int
    prev: str
    hash: str
    kind: str
    natural_key: str
    session_id: str | None
    batch_seq: int | None
    body: str
    mark: str | None


@dataclass(frozen=True, slots=True)
class HeadRow:
    """A row of `ledger_head`."""

    id: str
    seq: int
    hash: str
    mark: str | None
    sealed_seq: int


@dataclass(frozen=True, slots=True)
class ChainInDatabase:
    """All that the database holds of one chain.

    Args:
        rows: by their `seq` column.
        sealed: the sealed hash of each entry by its number.
        unmarked_allowed: the institution has no signed head yet, so rows of before there were marks may stand.
    """

    owner: ChainOf
    rows: Sequence[EntryRow]
    head: HeadRow | None
    sealed: Mapping[int, str]
    unmarked_allowed: bool


def chain_faults(chain: ChainInDatabase, marks: RowMarks) -> Iterator[LedgerFault]:
    """Yield what is wrong with a chain, oldest entry first; nothing if every row is as it was written."""
    spot = _Spot(chain.owner)
    expected, previous, previous_good = 1, GENESIS, True
    for row in chain.rows:
        if row.seq > expected:
            yield spot.missing(expected, row.seq - 1)
            previous_good = False  # what it should follow is not there, which has been said
        doubled = row.seq < expected
        what = _what_differs(row, chain, marks)
        if what == ["mark"] or doubled:
            yield spot.not_ours(row.seq, what)
        elif what:
            yield spot.changed(row.seq, what)
        elif previous_good and row.prev != previous:
            yield spot.changed(row.seq, ["prev"])
        if not doubled:
            expected, previous, previous_good = row.seq + 1, row.hash, not what
    last = expected - 1
    known_last = max([last, *chain.sealed])
    if chain.head is not None:
        known_last = max(known_last, chain.head.seq)
    if known_last > last:
        yield spot.missing(last + 1, known_last)
    yield from _head_faults(chain, marks, spot, last, previous, known_last)


def _what_differs(row: EntryRow, chain: ChainInDatabase, marks: RowMarks) -> list[str]:
    """Return the names of what in a row does not agree with the rest of it, its mark or its seal."""
    what: list[str] = []
    entry = _read(row.body)
    if entry is None:
        what.append("body")
    else:
        pairs = (
            ("seq", row.seq, entry.seq),
            ("prev", row.prev, entry.prev),
            ("kind", row.kind, entry.kind),
            ("session_id", row.session_id, _session(entry)),
            ("batch_seq", row.batch_seq, _batch(row) if entry.kind == "beats" else None),
        )
        what += [name for name, column, said in pairs if column != said]
        if chained_hash(entry.prev, row.body.encode()) != row.hash:
            what.append("hash")
    sealed = chain.sealed.get(row.seq)
    if sealed is not None and sealed != row.hash:
        what.append("seal")
    if row.mark is None:
        if not chain.unmarked_allowed and sealed != row.hash:
            what.append("mark")
    elif not same_mark(row.mark, marks.of_row(chain.owner, row.id, row.natural_key, row.seq, row.hash)):
        what.append("mark")
    return what


def _head_faults(
    chain: ChainInDatabase, marks: RowMarks, spot: "_Spot", last: int, last_hash: str, known_last: int
) -> Iterator[LedgerFault]:
    head = chain.head
    if head is None:
        yield spot.head(known_last, ("row",), "台账末端记录被删去")
        return
    what: list[str] = []
    if head.mark is None:
        if not chain.unmarked_allowed and (head.seq, head.hash) != (0, GENESIS):
            what.append("mark")
    elif not same_mark(head.mark, marks.of_head(chain.owner, head.id, LedgerHead(head.seq, head.hash))):
        what.append("mark")
    if last == known_last and (head.seq, head.hash) != (last, last_hash):
        what.append("seq" if head.seq != last else "hash")
    if head.sealed_seq != max(chain.sealed, default=0):
        what.append("sealed_seq")
    if what:
        yield spot.head(head.seq, tuple(what), "台账末端记录被改动")


@dataclass(frozen=True, slots=True)
class _Spot:
    """Makes faults of one chain."""

    owner: ChainOf

    def missing(self, first: int, last: int) -> LedgerFault:
        which = f"第 {first} 条" if first == last else f"第 {first} 至 {last} 条"
        return self._fault("entry_missing", f"缺少{which}记录(被删去或改号)", first, last)

    def changed(self, seq: int, what: list[str]) -> LedgerFault:
        return self._fault("entry_changed", f"第 {seq} 条记录被改动", seq, None, tuple(what))

    def not_ours(self, seq: int, what: list[str]) -> LedgerFault:
        sentence = f"第 {seq} 条记录不是本系统写入的(插入或整行改写)"
        return self._fault("entry_not_ours", sentence, seq, None, tuple(what))

    def head(self, seq: int, what: tuple[str, ...], sentence: str) -> LedgerFault:
        return self._fault("head_changed", sentence, seq, None, what)

    def _fault(
        self, code: str, sentence: str, seq: int, last_seq: int | None, what: tuple[str, ...] = ()
    ) -> LedgerFault:
        owner = self.owner
        differs = f",不符之处:{'、'.join(what)}" if what else ""
        return LedgerFault(
            code,
            owner.institution,
            f"学员 {owner.learner} 在班次 {owner.class_run} 的台账:{sentence}{differs}。",
            learner=owner.learner,
            class_run=owner.class_run,
            seq=seq,
            last_seq=last_seq if last_seq != seq else None,
            what=what,
        )


def _read(body: str) -> LedgerEntry | None:
    try:
        record = json.loads(body)
        if not isinstance(record, dict) or canonical_json(record).decode() != body:
            return None
        return parse_entry(record, 1)
    except (ValueError, RecursionError, LedgerInvalid):
        return None


def _session(entry: LedgerEntry) -> object:
    return entry.data.get("session") if entry.kind == "beats" else None


def _batch(row: EntryRow) -> int | None:
    number = row.natural_key.rpartition("|")[2]
    return int(number) if number.isascii() and number.isdigit() else None
