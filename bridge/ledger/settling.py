"""Settle a chain from its snapshot and what came since, or whole where that changes the past."""

from contextlib import closing, suppress
from dataclasses import dataclass

from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.ledger.chain_columns import NotInColumns, read_chain
from bridge.ledger.columns import COLUMNS, gather_columns
from bridge.ledger.model.closing import Closed, Heard, close, is_later, settle_on
from bridge.ledger.model.entries import LedgerEntry, LedgerHead, LedgerInvalid
from bridge.ledger.model.facts import read_facts
from bridge.ledger.model.past import NO_PAST
from bridge.ledger.model.rules import ProfileStudyRules, StudyRules
from bridge.ledger.model.sessions import begun, gather_sessions
from bridge.ledger.model.settlement import MODEL, Ways, settle_sessions
from bridge.ledger.model.statement import SecondsStatement, Segment
from bridge.ledger.ports import ChainSource, SnapshotStore
from bridge.ledger.snapshots import (
    NO_TIMELINE,
    Snapshot,
    identity,
    read_segments,
    read_snapshot,
    timeline_hash,
    write_segments,
    write_snapshot,
)
from bridge.registry.model import ClassRunSheet
from bridge.rules.model import ProfileInForce

_BEGINNING = LedgerHead()
_NOTHING_TAKEN: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Read:
    """Entries, read and proved.

    Args:
        places: number and session of each entry of beats, `checked` of each check and prompt.
        ways: fit for how the beats were read.
    """

    heard: Heard
    head: LedgerHead
    places: list[tuple[int, str]]
    checked: list[tuple[int, str]]
    ways: Ways


@dataclass(frozen=True, slots=True)
class Taken:
    """A snapshot that is to be kept, and the part of its timeline that is new.

    Args:
        follows: the hash of the timeline before that part.
    """

    snapshot: Snapshot
    part: bytes
    follows: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What a chain is worth.

    Args:
        head: its last link.
        taken: the next snapshot, if there is a longer one to be kept.
        from_snapshot: not all entries were looked at.
    """

    statement: SecondsStatement
    head: LedgerHead
    taken: Taken | None
    from_snapshot: bool


class Settling:
    """Settles chains within one unit of work."""

    def __init__(self, store: ChainSource, snapshots: SnapshotStore) -> None:
        self._store = store
        self._snapshots = snapshots

    def whole(self, sheet: ClassRunSheet, rules: ProfileInForce) -> SecondsStatement:
        """Return what the chain is worth from all of its entries, and nothing else; raises as `settle`."""
        study = ProfileStudyRules(rules, sheet)
        read = self._read(sheet, study, self._store.head(sheet.learner, sheet.class_run.id))
        return settle_sessions(sheet, read.heard.facts, read.heard.sessions, study, read.ways)

    def settle(self, sheet: ClassRunSheet, rules: ProfileInForce) -> Standing:
        """Return what the chain is worth now, exactly what the whole of it is worth.

        Raises:
            LedgerInvalid: the entries that had to be read cannot be believed.
            NoRuleInForce: as `model.settle`.
        """
        learner, class_run = sheet.learner, sheet.class_run.id
        head = self._store.head(learner, class_run)
        study, made_of = ProfileStudyRules(rules, sheet), identity(sheet, rules)
        snapshot = self._snapshot(learner, class_run)
        if snapshot is not None and snapshot.made_of == made_of and snapshot.head.seq <= head.seq:
            # A chain that does not go on from the snapshot may still hold together from its beginning.
            with suppress(LedgerInvalid):
                read = self._read(sheet, study, head, snapshot.read, frozenset(snapshot.taken))
                if is_later(snapshot.past, read.heard):
                    return self._settle_on(sheet, rules, study, snapshot, read)
        read = self._read(sheet, study, head)
        statement, closed = settle_on(sheet, NO_PAST, read.heard, study, tuple, read.ways)
        taken = None if closed is None else self._next(sheet, made_of, closed, read, None)
        return Standing(statement, head, taken, from_snapshot=False)

    def _settle_on(
        self,
        sheet: ClassRunSheet,
        rules: ProfileInForce,
        study: StudyRules,
        snapshot: Snapshot,
        read: Read,
    ) -> Standing:
        def earlier() -> tuple[Segment, ...]:
            return self._timeline(sheet, rules, snapshot)

        statement, closed = settle_on(sheet, snapshot.past, read.heard, study, earlier, read.ways)
        taken = None if closed is None else self._next(sheet, snapshot.made_of, closed, read, snapshot)
        return Standing(statement, read.head, taken, from_snapshot=True)

    def keep(self, sheet: ClassRunSheet, taken: Taken) -> None:
        """Keep a snapshot, unless another worker has kept one that it does not go on from.

        The chain's head must be locked.
        """
        learner, class_run = sheet.learner, sheet.class_run.id
        number = taken.snapshot.parts - 1
        if number:
            before = self._snapshot(learner, class_run)
            if before is None or (before.parts, before.timeline) != (number, taken.follows):
                return
        self._snapshots.keep(learner, class_run, write_snapshot(taken.snapshot), taken.part, number)

    def differs(self, sheet: ClassRunSheet, rules: ProfileInForce) -> str | None:
        """Return what of a chain's snapshot is not as its entries say: mark, head, past or timeline; None if all is.

        One of another sheet, other rules or other code is used by nobody, and is not looked at.
        """
        learner, class_run = sheet.learner, sheet.class_run.id
        if not self._snapshots.exists(learner, class_run):
            return None
        snapshot = self._snapshot(learner, class_run)
        if snapshot is None:
            return "mark"
        if snapshot.made_of != identity(sheet, rules):
            return None
        study = ProfileStudyRules(rules, sheet)
        known = self._store.link(learner, class_run, snapshot.head.seq)
        if known != snapshot.head:
            return "head"
        read = self._read(sheet, study, known)
        closed = close(sheet, NO_PAST, read.heard, snapshot.past.until_ms, study, read.ways)
        again = self._next(sheet, snapshot.made_of, closed, read, None).snapshot
        if (again.past, again.read, again.taken) != (snapshot.past, snapshot.read, snapshot.taken):
            return "past"
        timeline = read_segments(self._snapshots.parts(learner, class_run), snapshot)
        return None if timeline == closed.segments else "timeline"

    def _snapshot(self, learner: LearnerRef, class_run: ClassRunId) -> Snapshot | None:
        body = self._snapshots.body(learner, class_run)
        return None if body is None else read_snapshot(body)

    def _read(
        self,
        sheet: ClassRunSheet,
        rules: StudyRules,
        head: LedgerHead,
        after: LedgerHead = _BEGINNING,
        skip: frozenset[int] = _NOTHING_TAKEN,
    ) -> Read:
        learner, class_run = sheet.learner, sheet.class_run.id
        try:
            with closing(self._store.rows(learner, class_run, after.seq, head.seq)) as rows:
                read = read_chain(rows, after, skip)
            if read.head != head:
                raise NotInColumns
        except NotInColumns:
            # The model says what is wrong, or reads what columns cannot.
            entries = self._store.entries(learner, class_run, after)
            return _read_by_model(
                [one for one in entries if one.seq not in skip and one.seq <= head.seq], head, rules
            )
        beats = read.beats
        first = dict(
            zip((name for name, *_ in beats.sessions), beats.at_ms[beats.first[:-1]].tolist(), strict=True)
        )
        heard = Heard(read_facts(read.others), gather_columns(beats, rules), first)
        return Read(heard, head, list(read.arrived), _checked(read.others), COLUMNS)

    def _next(
        self,
        sheet: ClassRunSheet,
        made_of: str,
        closed: Closed,
        read: Read,
        before: Snapshot | None,
    ) -> Taken:
        names = closed.past.sessions
        to_read = [seq for seq, session in read.places if session not in names]
        seq = min(to_read, default=read.head.seq + 1) - 1
        held = {at for at, session in (*read.places, *read.checked) if at > seq and session in names}
        if before is not None:
            held |= {at for at in before.taken if at > seq}
        part = write_segments(closed.segments)
        parts, follows = (0, NO_TIMELINE) if before is None else (before.parts, before.timeline)
        return Taken(
            Snapshot(
                made_of=made_of,
                head=read.head,
                read=self._store.link(sheet.learner, sheet.class_run.id, seq),
                taken=tuple(sorted(held)),
                past=closed.past,
                parts=parts + 1,
                timeline=timeline_hash(follows, part),
            ),
            part,
            follows,
        )

    def _timeline(
        self, sheet: ClassRunSheet, rules: ProfileInForce, snapshot: Snapshot
    ) -> tuple[Segment, ...]:
        """Return the past's segments: as they were kept, or made anew where somebody changed them."""
        learner, class_run = sheet.learner, sheet.class_run.id
        kept = read_segments(self._snapshots.parts(learner, class_run), snapshot)
        if kept is not None:
            return kept
        study = ProfileStudyRules(rules, sheet)
        read = self._read(sheet, study, self._store.head(learner, class_run))
        return close(sheet, NO_PAST, read.heard, snapshot.past.until_ms, study, read.ways).segments


def _read_by_model(entries: list[LedgerEntry], head: LedgerHead, rules: StudyRules) -> Read:
    facts = read_facts(entries)
    heard = Heard(facts, gather_sessions(facts.beats, rules), begun(facts.beats))
    places = [(one.seq, one.data["session"]) for one in entries if one.kind == "beats"]
    return Read(heard, head, places, _checked(entries), MODEL)


def _checked(entries: tuple[LedgerEntry, ...] | list[LedgerEntry]) -> list[tuple[int, str]]:
    return [(one.seq, one.data["session"]) for one in entries if one.kind in ("check", "prompt")]
