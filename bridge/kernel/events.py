"""The envelope that every event travels in, from the door to the regulator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

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
