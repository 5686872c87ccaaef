"""A test CA's keys in memory, for benches and acceptance runs: nothing of them outlives the process."""

from bridge.completion.ports import StoredSeal


class MemorySealKeys:
    """`completion.ports.SealKeyStore`."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], StoredSeal] = {}

    def find(self, holder: str, subject: str) -> StoredSeal | None:
        return self._known.get((holder, subject))

    def lock(self) -> None:
        pass

    def add(self, holder: str, subject: str, made: StoredSeal) -> None:
        self._known[holder, subject] = made
