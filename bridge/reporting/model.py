"""Records, batches and receipts. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.kernel.ids import ClassRunId, LearnerRef


class RecordKind(StrEnum):
    """What a record tells; also its element in the batch, and the order in which a batch holds them."""

    INSTITUTION = "Institution"
    CLASS_INFO = "ClassInfo"
    LEARNER = "Learner"
    STUDY_SESSION = "StudySession"
    CHECK = "Check"
    HOUR_SUMMARY = "HourSummary"
    TEST_RESULT = "TestResult"
    CERTIFICATE = "Certificate"
    EVALUATION = "Evaluation"


ORDER = {kind: place for place, kind in enumerate(RecordKind)}
MOST_RECORDS = 1000
"""In one batch (practice)."""
FEED = "reporting.feed"
"""Kind of the job that builds and delivers the batches of one city; its key is the division code."""
RECONCILE = "reporting.reconcile"
"""Kind of the job that compares one day of one city; its key is "division code|day"."""


class Action(StrEnum):
    """What a revision asks the regulator to do."""

    REPORT = "report"
    WITHDRAW = "withdraw"
    """Take the record back: it should not have been told. It stays in both books, with its reason."""


WITHDRAWAL_REASONS = {
    "entered_in_error": "误报",
    "enrolment_ended": "学员退班",
    "paper_revoked": "证明已撤销",
    "reported_twice": "重复报送",
}
"""Why a record is taken back (practice): a choice, not free text, which could carry a person's data."""


class RecordState(StrEnum):
    """Where a record is on its way."""

    WAITING = "waiting"
    BATCHED = "batched"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    """By the regulator, with a reason; to be corrected by a new revision."""
    RETURNED = "returned"
    """By the regulator for correction; to be sent again as a new revision."""
    SUPERSEDED = "superseded"
    """The regulator has a later revision already; nothing is to be done."""
    HELD = "held"
    """By our own gate: it would not have passed the schema."""


TO_CORRECT = frozenset({RecordState.REFUSED, RecordState.RETURNED, RecordState.HELD})
"""What waits for people: the newest revision of such a record is corrected, or taken back."""


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

    Business key: institution + learner + class run + kind and number + revision; the number alone names the record
    already, since it is made of class run and learner. A change is a new revision, never an overwrite.

    Args:
        fields: by element name, in any order; personal values are not here, they are asked for at build time.
        as_of: the moment whose name and document it carries; None: that of building.
        sha256: of the record as it was sent, canonical; None until it is in a batch.
    """

    kind: RecordKind
    number: str
    revision: int
    learner: LearnerRef | None
    class_run: ClassRunId
    fields: Mapping[str, str]
    state: RecordState = RecordState.WAITING
    reason: str | None = None
    action: Action = Action.REPORT
    as_of: datetime | None = None
    reason_code: str | None = None
    sha256: str | None = None

    @property
    def key(self) -> "RecordKey":
        """What tells this revision from every other one of the institution."""
        return self.kind, self.number, self.revision


RecordKey = tuple[RecordKind, str, int]


@dataclass(frozen=True, slots=True)
class BuiltBatch:
    """A batch that is not signed yet.

    Args:
        record_sha256: of each record, canonical, in the order of the batch.
    """

    content: bytes = field(repr=False)
    record_sha256: tuple[str, ...] = ()


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
    """The regulator's word on one record.

    Args:
        result: accepted, duplicate (a success: it has this very revision), superseded (it has a later one), returned
            (for correction) or refused.
    """

    kind: RecordKind
    number: str
    revision: int
    result: str
    reason_code: str | None = None
    reason: str | None = None

    @property
    def accepted(self) -> bool:
        return self.result in {"accepted", "duplicate"}

    @property
    def state(self) -> RecordState:
        """What the record becomes by it."""
        if self.accepted:
            return RecordState.ACCEPTED
        return {"superseded": RecordState.SUPERSEDED, "returned": RecordState.RETURNED}.get(
            self.result, RecordState.REFUSED
        )


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
    """One try to deliver a batch. `outcome`: started, receipt, or a reason code.

    Args:
        answer_sha256, answer_bytes: of an answer that was no receipt; what it said is not kept, it could say anything.
    """

    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    answer_sha256: str | None = None
    answer_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the bridge knows it; the bytes lie encrypted in evidence.

    Args:
        position: its place among the city's batches, which go out in this order.
        next_at: not before this moment after a failure; None: at once.
        failures: attempts in a row without a receipt.
        reason: why it is "failed".
    """

    id: str
    division_code: str
    uscc: str
    state: BatchState
    sha256: str
    evidence_id: str
    record_count: int
    created_at: datetime
    schema_version: str
    position: int = 0
    next_at: datetime | None = None
    failures: int = 0
    reason: str | None = None


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


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt gave no receipt.

    Args:
        permanent: trying again cannot help before a person has acted.
        retry_after: how long the regulator asks to be left alone.
        answer: what came instead of a receipt; only its hash and length are kept.
    """

    reason: str
    permanent: bool
    retry_after: timedelta | None = None
    answer: bytes | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class BookEntry:
    """One record of a day in somebody's books, the regulator's or ours.

    Args:
        returned: the regulator returned it after it had accepted it, with the reason.
    """

    kind: RecordKind
    number: str
    revision: int
    sha256: str
    returned: bool = False
    reason_code: str | None = None
    reason: str | None = None

    @property
    def key(self) -> RecordKey:
        return self.kind, self.number, self.revision


@dataclass(frozen=True, slots=True)
class Books:
    """What the regulator says of a day: its own count and hash, and each record."""

    count: int
    sha256: str
    entries: tuple[BookEntry, ...]
