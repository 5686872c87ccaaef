"""What reporting needs of others."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from bridge.completion.model import IssuedPaper, Standing
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.registry.model import ClassRunSheet, Institution
from bridge.reporting.door import Door
from bridge.reporting.model import (
    Attempt,
    Batch,
    BatchHeader,
    BatchState,
    BuiltBatch,
    Receipt,
    Record,
    RecordFault,
    RecordKey,
    RecordKind,
    RecordState,
    Verdict,
)


class Sheets(Protocol):
    """The registry's sheet of one learner in one class run."""

    def class_run_sheet(self, class_run_id: ClassRunId, learner: LearnerRef) -> ClassRunSheet:
        """Return it."""
        ...


class Standings(Protocol):
    """Who the institution is in the class run's city."""

    def standing(self, sheet: ClassRunSheet, on: date) -> Standing:
        """Return names, credit code and standing."""
        ...


class PaperRegister(Protocol):
    """The register of papers."""

    def paper_by_number(self, number: str) -> IssuedPaper | None:
        """Return the paper, or None."""
        ...

    def papers(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[IssuedPaper]:
        """Return all papers of a learner in a class run."""
        ...


class Home(Protocol):
    """The registry's word on whose reports these are."""

    def institution(self) -> Institution | None:
        """Return the institution of this unit of work, or None."""
        ...


class StudyRecords(Protocol):
    """What presence saw of a learner in a class run, as values of records."""

    def sessions(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[Mapping[str, str]]:
        """Return the closed sessions, oldest first; "number" names each, the rest are its values."""
        ...

    def checks(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[Mapping[str, str]]:
        """Return the checks that ended, oldest first; as above."""
        ...


class Person(Protocol):
    """A person as identity discloses one."""

    @property
    def name(self) -> str: ...
    @property
    def citizen_id(self) -> str: ...
    @property
    def employer(self) -> str: ...


class IdentityDisclosure(Protocol):
    """The one way to a name; every call is logged with its purpose."""

    def disclose(
        self, learner: LearnerRef, *, purpose: str, recipient: str, by: str, at: datetime | None = None
    ) -> Person:
        """Return the person, as of the moment `at` (None: now)."""
        ...


class BatchFormat(Protocol):
    """How a regulator wants its batches."""

    def version_on(self, header: BatchHeader) -> str:
        """Return the version in force when the batch is made; Unavailable("feed_version_missing")."""
        ...

    def build(self, header: BatchHeader, records: Sequence[tuple[Record, Mapping[str, str]]]) -> BuiltBatch:
        """Return the batch; each record comes with all its values, personal ones included."""
        ...

    def json_form(self, header: BatchHeader, records: Sequence[tuple[Record, Mapping[str, str]]]) -> bytes:
        """Return the same records in the JSON sibling."""
        ...

    def sign(self, batch: bytes) -> bytes:
        """Return the batch as it goes out."""
        ...

    def faults(self, batch: bytes) -> tuple[RecordFault, ...]:
        """Return why the batch would be refused; empty if the gate lets it pass."""
        ...

    def read_receipt(self, raw: bytes) -> Receipt:
        """Return the receipt; InvalidInput("receipt_malformed") for anything else."""
        ...


class RegulatorFeed(Protocol):
    """The regulator's door."""

    def send(self, batch: bytes, batch_id: str) -> bytes:
        """Deliver a batch and return the raw receipt.

        Sending the same batch again gives the same receipt. Unavailable(permanent=False): try again later.
        """
        ...


class RegulatorBooks(Protocol):
    """The regulator's books of one day."""

    def books(self, uscc: str, division_code: str, day: str) -> bytes:
        """Return what it has of an institution's records of a legal day, raw; Unavailable as for a batch."""
        ...


class ReportingStore(Protocol):
    """Rows of reporting."""

    def newest(self, kind: RecordKind, number: str) -> Record | None:
        """Return the newest revision of a record, or None."""
        ...

    def newest_of(self, wanted: Sequence[tuple[RecordKind, str]]) -> Mapping[tuple[RecordKind, str], Record]:
        """Return the newest revision of each of these records that is known."""
        ...

    def add_records(self, records: Sequence[Record], division_code: str, at: datetime) -> None:
        """Keep waiting records."""
        ...

    def waiting(self, division_code: str, limit: int) -> tuple[Record, ...]:
        """Return waiting records of a city, oldest first and then in the order of a batch, at most `limit`."""
        ...

    def to_correct(self, limit: int) -> tuple[Record, ...]:
        """Return the newest revisions that wait for people, the latest first."""
        ...

    def division_of(self, key: RecordKey) -> str:
        """Return the city that the record belongs to."""
        ...

    def move(self, keys: Sequence[RecordKey], state: RecordState, *, batch_id: str | None = None,
             sha256: Sequence[str] = (), code: str | None = None, reason: str | None = None) -> None:  # fmt: skip
        """Move records on; `sha256` gives one for each of them."""
        ...

    def settle(self, verdicts: Sequence[Verdict], settled_at: datetime) -> None:
        """Keep the regulator's word on each record, and when it said so."""
        ...

    def add_batch(self, batch: Batch) -> Batch:
        """Keep a batch; return it with its position."""
        ...

    def batch(self, batch_id: str) -> Batch | None:
        """Return a batch, or None."""
        ...

    def batches(self, limit: int | None = None) -> tuple[Batch, ...]:
        """Return all batches of the institution, newest first."""
        ...

    def undelivered(self, division_code: str) -> tuple[Batch, ...]:
        """Return the batches of a city that wait for a receipt, in the order in which they go out."""
        ...

    def records_of(self, batch_id: str) -> tuple[Record, ...]:
        """Return the batch's records in the order of the batch."""
        ...

    def set_batch_state(self, batch_id: str, state: BatchState, reason: str | None = None) -> None:
        """Move a batch on; its failures and its pause end."""
        ...

    def note_failure(self, batch_id: str, at: datetime, pause: timedelta) -> None:
        """Count a failure of a batch that waits, and when it may go next."""
        ...

    def open_attempt(self, batch_id: str, at: datetime) -> int:
        """Keep that a delivery begins; return its number, from 1."""
        ...

    def close_attempt(
        self, batch_id: str, number: int, at: datetime, outcome: str, answer: bytes | None = None
    ) -> None:
        """Keep how a delivery ended, and of an answer that was no receipt its hash and length."""
        ...

    def attempts(self, batch_id: str) -> tuple[Attempt, ...]:
        """Return all attempts, oldest first."""
        ...

    def add_receipt(self, receipt: Receipt, raw: bytes, at: datetime) -> None:
        """Keep a receipt, raw and parsed."""
        ...

    def receipt_raw(self, batch_id: str) -> bytes | None:
        """Return the raw receipt, or None."""
        ...

    def add_step(self, action: str, subject: str, by: str, at: datetime, reason: str = "") -> None:
        """Keep that somebody corrected, took back, sent again or reconciled; append-only."""
        ...


class DoorStore(Protocol):
    """The row of the regulator's door, which all institutions of this bridge share."""

    def door(self) -> Door:
        """Return it as it stands; a closed circuit if nothing ever failed."""
        ...

    def save_door(self, door: Door) -> None:
        """Keep it."""
        ...
