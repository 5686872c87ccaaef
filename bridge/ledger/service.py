"""Record facts in the ledger, each once; say what they are worth; hand the ledger out."""

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.events import Wishes
from bridge.kernel.ids import ClassRunId, LearnerRef, StudySessionId
from bridge.kernel.time import StudyClock, epoch_ms
from bridge.ledger.model.entries import LedgerEntry, LedgerHead, next_entry, write_ledger
from bridge.ledger.model.facts import require_fact
from bridge.ledger.model.statement import SecondsStatement
from bridge.ledger.ports import (
    Batch,
    BeatSource,
    ClassRunSheets,
    LedgerStore,
    ReadBeats,
    RulesFor,
    SessionFacts,
    SnapshotStore,
)
from bridge.ledger.settling import Settling, Standing

EXTENDED_JOB = "ledger.extended"
"""Job asked for after each addition; its key is "learner|class run"."""


class LedgerService:
    """The ledger of one institution, within one unit of work."""

    def __init__(
        self,
        store: LedgerStore,
        rules_for: RulesFor,
        sheets: ClassRunSheets,
        beats: BeatSource,
        events: Wishes,
        study_clock: StudyClock,
        snapshots: SnapshotStore,
    ) -> None:
        self._store = store
        self._rules_for = rules_for
        self._sheets = sheets
        self._beats = beats
        self._events = events
        self._study_clock = study_clock
        self._settling = Settling(store, snapshots)

    def read_beats(self, session: StudySessionId) -> ReadBeats:
        """Read what waits of a session, with nothing locked: the slow part, done while others may write."""
        facts = self._beats.session_facts(session)
        last = self._store.last_batch(facts.learner, facts.class_run, session)
        return ReadBeats(last, _keyed(session, facts, self._beats.readable(session, last)))

    def record_beats(self, session: StudySessionId, *, lots: int = -1, read: ReadBeats | None = None) -> int:
        """Record the session's batches that are not recorded yet, one entry each; return how many.

        Args:
            lots: stop after so many fetches from the source (−1: only when nothing waits), so that one unit of
                work does not hold the database for long.
            read: the first fetch, made before; not used if others were recorded since.
        """
        facts = self._beats.session_facts(session)
        # Locked before looking, so that of two workers the second finds what the first recorded.
        self._store.lock_head(facts.learner, facts.class_run)
        recorded = 0
        last = self._store.last_batch(facts.learner, facts.class_run, session)
        keyed = read.keyed if read is not None and read.after_seq == last else ()
        while lots != 0:
            keyed = keyed or _keyed(session, facts, self._beats.waiting(session, last))
            if not keyed:
                break
            lots -= 1
            self._append(facts.learner, facts.class_run, "beats", keyed)
            recorded += len(keyed)
            last, keyed = keyed[-1][1]["seq"], ()
        return recorded

    def record_batch(self, session: StudySessionId, batch: Batch) -> bool:
        """Record a batch that was passed over when those behind it were recorded; False if it is recorded.

        Raises:
            InvalidInput("ledger_entry_conflict"): it is recorded with other content.
        """
        facts = self._beats.session_facts(session)
        self._store.lock_head(facts.learner, facts.class_run)
        if self.is_recorded(session, batch):
            return False
        self._append(facts.learner, facts.class_run, "beats", _keyed(session, facts, [batch]))
        return True

    def is_recorded(self, session: StudySessionId, batch: Batch) -> bool:
        """Return whether the batch is recorded; InvalidInput("ledger_entry_conflict") as `record_batch`."""
        facts = self._beats.session_facts(session)
        known = self._store.recorded(facts.learner, facts.class_run, f"beats|{session}|{batch.seq}")
        if known is None:
            return False
        # Entries of earlier versions do not name the batch.
        if canonical_json({"seq": batch.seq, **known}) != canonical_json(_beats_data(session, facts, batch)):
            raise _conflict()
        return True

    def record_check(self, data: Mapping[str, Any]) -> bool:
        """Record a decided check (data of presence.check_decided); False if it was recorded before."""
        return self._record("check", data)

    def record_prompt(self, data: Mapping[str, Any]) -> bool:
        """Record how a prompt ended (data of presence.prompt_ended); False if it was recorded before."""
        return self._record("prompt", data)

    def record_anchor(self, data: Mapping[str, Any]) -> bool:
        """Record that the face reference is this person's (data of presence.anchored); False if known."""
        return self._record("anchor", data)

    def record_test(self, data: Mapping[str, Any]) -> bool:
        """Record a decision on a test attempt (data of completion.test_decided); False if known."""
        return self._record("test", data)

    def record_offline(self, data: Mapping[str, Any]) -> bool:
        """Record a confirmed offline session (data of registry.offline_confirmed); False if known."""
        return self._record("offline", data)

    def record_correction(self, data: Mapping[str, Any]) -> bool:
        """Record a correction that two people stand for (see `corrections`); False if known."""
        return self._record("correction", data)

    def record_freeze(self, data: Mapping[str, Any]) -> bool:
        """Record that a fault of the institution's freezes a stretch of time; False if known."""
        return self._record("freeze", data)

    def record_release(self, data: Mapping[str, Any]) -> bool:
        """Record that the fault behind a freeze was mended; False if known."""
        return self._record("release", data)

    def has_correction(self, learner: LearnerRef, class_run: ClassRunId, correction: str) -> bool:
        """Return whether the chain holds the correction."""
        return self._store.recorded(learner, class_run, f"correction|{correction}") is not None

    def lock(self, learner: LearnerRef, class_run: ClassRunId) -> None:
        """Keep other writers from a chain until the unit of work ends."""
        self._store.lock_head(learner, class_run)

    def statement(
        self, learner: LearnerRef, class_run: ClassRunId, *, whole: bool = True
    ) -> SecondsStatement:
        """Return what the learner's study is worth now.

        Args:
            whole: from all entries, as papers, proofs and corrections need it; else from a snapshot and what came
                since, which is the same while the database is as it was written. The timeline is then fetched when
                it is looked at.

        Raises:
            LedgerInvalid: the entries cannot be believed.
            NoRuleInForce: a needed rule has no value on a day that was studied.
        """
        if not whole:
            return self.standing(learner, class_run).statement
        sheet = self._sheets.class_run_sheet(class_run, learner)
        return self._settling.whole(sheet, self._rules_for(sheet))

    def standing(self, learner: LearnerRef, class_run: ClassRunId) -> Standing:
        """Return the same from a snapshot, with the snapshot that comes of it; raises as `statement`."""
        sheet = self._sheets.class_run_sheet(class_run, learner)
        return self._settling.settle(sheet, self._rules_for(sheet))

    def keep(self, learner: LearnerRef, class_run: ClassRunId, standing: Standing) -> None:
        """Keep the snapshot that came of settling, if a longer one did and the chain has not grown since."""
        if standing.taken is not None and self._store.lock_head(learner, class_run) == standing.head:
            self._settling.keep(self._sheets.class_run_sheet(class_run, learner), standing.taken)

    def snapshot_differs(self, learner: LearnerRef, class_run: ClassRunId) -> str | None:
        """Return what of the chain's snapshot is not as its entries say; see `Settling.differs`."""
        sheet = self._sheets.class_run_sheet(class_run, learner)
        return self._settling.differs(sheet, self._rules_for(sheet))

    def head(self, learner: LearnerRef, class_run: ClassRunId) -> LedgerHead:
        """Return the chain's last link; its hash stands on papers."""
        return self._store.head(learner, class_run)

    def entries(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[LedgerEntry]:
        """Return the whole chain, oldest first."""
        return self._store.entries(learner, class_run)

    def export_jsonl(self, learner: LearnerRef, class_run: ClassRunId) -> bytes:
        """Return ledger.jsonl: what anyone needs to verify and recompute the hours without a database."""
        sheet = self._sheets.class_run_sheet(class_run, learner)
        return write_ledger(sheet.to_json(), self._store.entries(learner, class_run))

    def _record(self, kind: str, data: Mapping[str, Any]) -> bool:
        require_fact(kind, data)
        key = _natural_key(kind, data)
        learner, class_run = LearnerRef(data["learner"]), ClassRunId(data["class_run"])
        self._store.lock_head(learner, class_run)
        known = self._store.recorded(learner, class_run, key)
        if known is not None:
            if canonical_json(known) != canonical_json(data):
                raise _conflict()
            return False
        self._append(learner, class_run, kind, [(key, data)])
        return True

    def _append(
        self,
        learner: LearnerRef,
        class_run: ClassRunId,
        kind: str,
        keyed: Sequence[tuple[str, Mapping[str, Any]]],
    ) -> None:
        packs = self._rules_for(self._sheets.class_run_sheet(class_run, learner)).pack_hashes
        at_ms = epoch_ms(self._study_clock.now())
        head = self._store.lock_head(learner, class_run)
        entries: list[LedgerEntry] = []
        for _, data in keyed:
            entry = next_entry(head, at_ms=at_ms, kind=kind, packs=packs, data=data)
            entries.append(entry)
            head = LedgerHead(entry.seq, entry.hash)
        self._store.append(learner, class_run, [key for key, _ in keyed], entries)
        self._events.want(EXTENDED_JOB, f"{learner}|{class_run}")


def _conflict() -> InvalidInput:
    return InvalidInput(
        "ledger_entry_conflict",
        "同一事实已有内容不同的记录,台账不能改写;如需更正请走更正流程。",
        http_status=409,
    )


def _natural_key(kind: str, data: Mapping[str, Any]) -> str:
    """Return what makes a fact this fact and no other: recorded twice, it is one entry."""
    if kind == "check":
        return f"check|{data['check']}"
    if kind == "prompt":
        return f"prompt|{data['prompt']}"
    if kind == "anchor":
        named = f"|{data['reference']}" if "reference" in data else ""
        return f"anchor|{data['method']}|{data['at_ms']}{named}"
    if kind == "correction":
        return f"correction|{data['correction']}"
    if kind in ("freeze", "release"):
        return f"{kind}|{data['freeze']}"
    if kind == "test":
        # An attempt's id is the LMS's own text, of any length.
        # What two people's review of a check made of it is a further entry beside the first.
        anew = f"|{data['review']}" if "review" in data else ""
        return f"test|{data['unit']}|{sha256_hex(data['attempt'].encode())}{anew}"
    return f"offline|{data['outline_unit']}|{data['start_ms']}|{data['end_ms']}"


def _keyed(
    session: StudySessionId, facts: SessionFacts, batches: Sequence[Batch]
) -> Sequence[tuple[str, Mapping[str, Any]]]:
    return [(f"beats|{session}|{batch.seq}", _beats_data(session, facts, batch)) for batch in batches]


def _beats_data(session: StudySessionId, facts: SessionFacts, batch: Batch) -> dict[str, Any]:
    return {
        "session": session,
        "unit": facts.unit,
        "activity": facts.activity,
        "seq": batch.seq,
        "received_ms": batch.received_ms,
        "previous_received_ms": batch.previous_received_ms,
        "beats": [beat.to_json() for beat in batch.beats],
    }
