"""What the ledger needs from outside."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.kernel.ids import ClassRunId, CourseUnitId, LearnerRef, StudySessionId
from bridge.ledger.model.entries import LedgerEntry, LedgerHead
from bridge.ledger.model.facts import Beat
from bridge.registry.model import ClassRunSheet
from bridge.rules.model import ProfileInForce


@dataclass(frozen=True, slots=True)
class Batch:
    """One accepted batch of beats; all times study clock, epoch ms.

    Args:
        seq: of the batch within its session; recorded once.
        previous_received_ms: when the server had last heard of the session (its opening, or the batch
            before); None if never. Time before it is never credited.
    """

    seq: int
    received_ms: int
    previous_received_ms: int | None
    beats: tuple[Beat, ...]


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """Whose session it is and on what it is spent ("study" or "test")."""

    learner: LearnerRef
    class_run: ClassRunId
    unit: CourseUnitId
    activity: str


@dataclass(frozen=True, slots=True)
class ReadBeats:
    """What waited of a session when it was read, made ready to be recorded.

    Args:
        after_seq: of the last batch that was recorded then.
        keyed: natural key and data of each entry, by `seq`.
    """

    after_seq: int
    keyed: Sequence[tuple[str, Mapping[str, Any]]]


class BeatSource(Protocol):
    """Accepted batches of a session, as the inbox keeps them."""

    def session_facts(self, session: StudySessionId) -> SessionFacts:
        """Return whose session it is; InvalidInput("session_unknown")."""
        ...

    def waiting(self, session: StudySessionId, after_seq: int) -> Sequence[Batch]:
        """Return the batches with a `seq` above `after_seq`, by `seq`; the first of them if they are many.

        What cannot be read is set aside, which is written.
        """
        ...

    def readable(self, session: StudySessionId, after_seq: int) -> Sequence[Batch]:
        """Return the same, but nothing at all where something cannot be read; nothing is written."""
        ...


class ClassRunSheets(Protocol):
    """The registry's sheets; it makes the header of ledger.jsonl."""

    def class_run_sheet(self, class_run_id: ClassRunId, learner: LearnerRef) -> ClassRunSheet: ...


_BEGINNING = LedgerHead()

RulesFor = Callable[[ClassRunSheet], ProfileInForce]
"""The profile that applies to a class run."""


class ChainSource(Protocol):
    """Chains to be read."""

    def head(self, learner: LearnerRef, class_run: ClassRunId) -> LedgerHead:
        """Return the chain's last link; the empty chain's if there is none."""
        ...

    def entries(
        self, learner: LearnerRef, class_run: ClassRunId, after: LedgerHead = _BEGINNING
    ) -> Sequence[LedgerEntry]:
        """Return the chain behind `after`, oldest first; LedgerInvalid if it does not hold together up to its head."""
        ...

    def rows(
        self, learner: LearnerRef, class_run: ClassRunId, after_seq: int, last_seq: int
    ) -> Generator[tuple[str, str]]:
        """Yield body and hash of entries as they are stored, oldest first, unproved; close it when done."""
        ...

    def link(self, learner: LearnerRef, class_run: ClassRunId, seq: int) -> LedgerHead:
        """Return the link with that number, unproved; the empty chain's for 0."""
        ...


class LedgerStore(ChainSource, Protocol):
    """The chains of one institution. Runs inside the caller's unit of work."""

    def lock_head(self, learner: LearnerRef, class_run: ClassRunId) -> LedgerHead:
        """Return the chain's last link and keep other writers from it until the unit of work ends."""
        ...

    def append(
        self,
        learner: LearnerRef,
        class_run: ClassRunId,
        natural_keys: Sequence[str],
        entries: Sequence[LedgerEntry],
    ) -> None:
        """Add entries behind the locked head; each has the natural key at its place."""
        ...

    def recorded(
        self, learner: LearnerRef, class_run: ClassRunId, natural_key: str
    ) -> Mapping[str, Any] | None:
        """Return the data recorded under a natural key; None if there is none."""
        ...

    def last_batch(self, learner: LearnerRef, class_run: ClassRunId, session: StudySessionId) -> int:
        """Return the greatest batch seq recorded of the session; 0 if there is none."""
        ...


class SnapshotStore(Protocol):
    """Snapshots of chains; see `snapshots`. Runs inside the caller's unit of work."""

    def body(self, learner: LearnerRef, class_run: ClassRunId) -> bytes | None:
        """Return the snapshot that the bridge wrote; None if there is none or somebody else wrote it."""
        ...

    def exists(self, learner: LearnerRef, class_run: ClassRunId) -> bool:
        """Return whether there is a snapshot, whoever wrote it."""
        ...

    def parts(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[bytes]:
        """Return the parts of its timeline, oldest first, unproved."""
        ...

    def keep(self, learner: LearnerRef, class_run: ClassRunId, body: bytes, part: bytes, number: int) -> None:
        """Put a snapshot into the place of the one before, with part `number` of its timeline; those behind go."""
        ...
