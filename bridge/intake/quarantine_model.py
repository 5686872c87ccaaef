"""What was set aside: its kind, its state, and the steps over it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What was set aside."""

    ARRIVED = "arrived"
    STORED = "stored"
    JOB = "job"


class State(StrEnum):
    """What became of it."""

    WAITING = "waiting"
    TAKEN = "taken"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class SetAside:
    """One thing set aside.

    Args:
        source: of the message; of a job its kind.
        chain, seq: of a stored message.
        job: the job's id.
    """

    id: str
    kind: Kind
    source: str
    chain: str | None
    seq: int | None
    job: str | None
    reason: str
    attempts: int
    state: State
    set_aside_at: datetime
    tried_at: datetime
    next_try_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step over a thing set aside."""

    what: str
    reason: str
    note: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message that arrived and was not taken: as its reader let it through, never as it came.

    Args:
        key: the sender's own id of it.
        value: the message as decoded JSON.
    """

    source: str
    key: str
    value: Mapping[str, Any]
    original_sha256: str
    verification: str
    waits_for: str | None = None
