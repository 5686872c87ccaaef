"""Records, batches and receipts. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bridge.kernel.ids import ClassRunId, LearnerRef


class RecordKind(StrEnum):
    """What a record tells; also its element in the batch, and the order in which a batch holds them."""

    CLASS_INFO = "ClassInfo"
    LEARNER = "Learner"
    HOUR_SUMMARY = "HourSummary"
    TEST_RESULT = "TestResult"
    CERTIFICATE = "Certificate"


ORDER = {kind: place for place, kind in enumerate(RecordKind)}
MOST_RECORDS = 1000
"""In one batch (practice)."""


class RecordState(StrEnum):
    """Where a record is on its way."""

    WAITING = "waiting"
    BATCHED = "batched"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    """By the regulator, with a reason; to be corrected by a new revision."""
    HELD = "held"
    """By our own gate: it would not have passed the schema."""


class BatchState(StrEnum):
    """Where a batch is on its way."""

    READY = "ready"
    ACCEPTED = "accepted"
    PARTLY_ACCEPTED = "partly_accepted"
    REFUSED = "refused"
    FAILED = "failed"
    """The regulator's door refused it for good (wrong key, wrong address); an operator must act."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that the regulator is told, in one revision.

    Business key: institution + kind + number + revision. A change is a new revision, never an overwrite.

    Args:
        fields: by element name, in any order; personal values are not here, they are asked for at build time.
    """

    kind: RecordKind
    number: str
    revision: int
    learner: LearnerRef | None
    class_run: ClassRunId
    fields: Mapping[str, str]
    state: RecordState = RecordState.WAITING
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """What stands at the top of a batch."""

    batch_id: str
    platform_code: str
    city_code: str
    uscc: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RecordFault:
    """Why a batch would be refused.

    Args:
        line: in the batch, from 1; None where it is not known.
        number: "Kind/number" of the record; None if the fault is not in one.
        sentence_zh: names kind, field and what is wrong; never the value.
    """

    line: int | None
    number: str | None
    field: str
    sentence_zh: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The regulator's word on one record; a duplicate is a success."""

    kind: RecordKind
    number: str
    revision: int
    result: str
    reason_code: str | None = None
    reason: str | None = None

    @property
    def accepted(self) -> bool:
        return self.result in {"accepted", "duplicate"}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the regulator answered to a batch.

    Args:
        status: accepted, partly_accepted or refused.
        system: what the other side calls itself; a simulator says so here.
        batch_sha256: of the batch as it arrived there.
    """

    batch_id: str
    batch_sha256: str
    received_at: datetime
    status: str
    system: str
    reason: str | None
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver a batch. `outcome`: started, receipt, or a reason code."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the bridge knows it; the bytes lie encrypted in evidence."""

    id: str
    division_code: str
    uscc: str
    state: BatchState
    sha256: str
    evidence_id: str
    record_count: int
    created_at: datetime
    schema_version: str


@dataclass(frozen=True, slots=True)
class BatchReport:
    """A batch with all that happened to it, for pages."""

    batch: Batch
    records: tuple[Record, ...]
    attempts: tuple[Attempt, ...]
    receipt: Receipt | None
    receipt_raw: bytes | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a courier carries."""

    batch_id: str
    xml: bytes = field(repr=False)
