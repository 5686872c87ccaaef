"""A ledger and its snapshots in memory: the ports that settling asks."""

from collections.abc import Generator, Sequence

from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.ledger.model import LedgerEntry, LedgerHead, LedgerInvalid, verify_chain


class Chain:
    """`LedgerStore` of one chain, as far as settling reads it; `entries_read` counts rows."""

    def __init__(self, entries: Sequence[LedgerEntry]) -> None:
        self.all = list(entries)
        self.entries_read = 0

    def head(self, learner: LearnerRef, class_run: ClassRunId) -> LedgerHead:
        return LedgerHead(self.all[-1].seq, self.all[-1].hash) if self.all else LedgerHead()

    def rows(
        self, learner: LearnerRef, class_run: ClassRunId, after_seq: int, last_seq: int
    ) -> Generator[tuple[str, str]]:
        for entry in self.all[after_seq:last_seq]:
            self.entries_read += 1
            yield entry.canonical().decode(), entry.hash

    def entries(
        self,
        learner: LearnerRef,
        class_run: ClassRunId,
        after: LedgerHead = LedgerHead(),  # noqa: B008
    ) -> Sequence[LedgerEntry]:
        verify_chain(self.all)
        if self.link(learner, class_run, after.seq) != after:
            raise LedgerInvalid("chain_broken", after.seq + 2, "another chain")
        return self.all[after.seq :]

    def link(self, learner: LearnerRef, class_run: ClassRunId, seq: int) -> LedgerHead:
        return LedgerHead(seq, self.all[seq - 1].hash) if 0 < seq <= len(self.all) else LedgerHead()


class Kept:
    """`SnapshotStore` of one chain."""

    def __init__(self) -> None:
        self.kept: bytes | None = None
        self.timeline: list[bytes] = []

    def body(self, learner: LearnerRef, class_run: ClassRunId) -> bytes | None:
        return self.kept

    def exists(self, learner: LearnerRef, class_run: ClassRunId) -> bool:
        return self.kept is not None

    def parts(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[bytes]:
        return list(self.timeline)

    def keep(self, learner: LearnerRef, class_run: ClassRunId, body: bytes, part: bytes, number: int) -> None:
        self.kept = body
        self.timeline[number:] = [part]
