"""The envelope that every event travels in, from the door to the regulator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from bridge.kernel.ids import EventId, InstitutionId

JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, told once.

    Args:
        id: unique; given by the bridge.
        type: dotted, past tense, e.g. "agent.batch_received"; the keys of `bridge.flow.FLOW`.
        schema_version: of `data`; fields are only ever added within a version.
        institution_id: the tenant; every row that follows from the event carries it.
        subject: what the event is about: a LearnerRef, class run, certificate number, …
        occurred_at: when it happened (study clock for study, real clock otherwise), UTC.
        received_at: when the bridge learnt of it, real clock, UTC.
        idempotency_key: same key, same effect; a second event with it changes nothing.
        causation_id: the event or message that led to this one; None at a door.
        data: JSON values only; no name, citizen id, image or contact data.
    """

    id: EventId
    type: str
    schema_version: int
    institution_id: InstitutionId
    subject: str
    occurred_at: datetime
    received_at: datetime
    idempotency_key: str
    causation_id: str | None
    data: JsonObject = field(default_factory=dict)


class Events(Protocol):
    """Where a station's events go; the unit of work's `Tx` is one."""

    def emit(
        self,
        type: str,
        subject: str,
        *,
        occurred_at: datetime,
        idempotency_key: str,
        data: JsonObject | None = None,
        causation_id: str | None = None,
        schema_version: int = 1,
    ) -> EventId | None:
        """Store the event, once for each idempotency key; None if the key is known."""
        ...


class Wishes(Protocol):
    """Where a station asks for work by key; the unit of work's `Tx` is one."""

    def want(self, kind: str, key: str, *, after: datetime | None = None) -> None:
        """Ask for the job (`kind`, `key`): many asks before it runs are one run."""
        ...


class EventsAndWishes(Events, Wishes, Protocol):
    """Both."""
