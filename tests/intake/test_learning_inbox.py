from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.intake import canvas
from bridge.intake.caliper import VERSIONS, read_event
from bridge.intake.learning import LearningEvent
from bridge.intake.learning_inbox import CALIPER, CANVAS, LearningInbox
from bridge.intake.model import ChainHead, InboxRecord
from bridge.intake.normalisers import normalise
from bridge.kernel.ids import InstitutionId, MessageId
from bridge.kernel.time import FixedClock
from tests.intake.learning_vectors import NOW, blind, vectors

EVENTS: list[tuple[str, LearningEvent]] = [
    (CALIPER, read_event(case["event"], VERSIONS[case["version"]], blind, NOW))
    for case in vectors("caliper_events")
] + [(CANVAS, canvas.read_event(case["event"], blind, NOW)) for case in vectors("canvas_events")]


@dataclass
class Memory:
    """Stands in for inbox and outbox: each key once."""

    kept: dict[tuple[str, str], InboxRecord] = field(default_factory=dict)
    told: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)

    def append(
        self, *, source: str, idempotency_key: str, head: ChainHead | None = None, **facts: Any
    ) -> InboxRecord | None:
        if (source, idempotency_key) in self.kept:
            return None
        assert head is None
        record = InboxRecord(
            id=MessageId(f"msg_{idempotency_key}"), seq=1, source=source, previous_hash="", hash="", **facts
        )
        self.kept[source, idempotency_key] = record
        return record

    def find(self, source: str, idempotency_key: str) -> MessageId | None:
        record = self.kept.get((source, idempotency_key))
        return None if record is None else record.id

    def after(self, chain: str, seq: int, limit: int) -> list[InboxRecord]:
        raise NotImplementedError

    def emit(self, type: str, subject: str, **facts: Any) -> Any:
        key = (type, facts["idempotency_key"])
        if key in self.told:
            return None
        self.told[key] = facts["data"]
        return key


def received(events: Sequence[tuple[str, LearningEvent]]) -> Memory:
    memory = Memory()
    inbox = LearningInbox(memory, memory, FixedClock(NOW), InstitutionId("org_a"))
    for kind, event in events:
        inbox.receive(kind, "one", [event], original_sha256="0" * 64, verification="test")
    return memory


@given(st.permutations(EVENTS), st.lists(st.sampled_from(EVENTS), max_size=20))
def test_order_and_repetition_change_nothing(
    order: list[tuple[str, LearningEvent]], again: list[tuple[str, LearningEvent]]
) -> None:
    once, otherwise = received(EVENTS), received([*order, *again])
    assert once.kept == otherwise.kept
    assert once.told == otherwise.told
    assert len(once.kept) == len(EVENTS)


def test_a_replay_claims_what_the_door_told() -> None:
    memory = received(EVENTS)
    assert memory.told
    replayed = {
        (claim.type, claim.idempotency_key): claim.data  # type: ignore[union-attr]  # only events are claimed here
        for record in memory.kept.values()
        for claim in normalise(record)
    }
    assert replayed == memory.told
