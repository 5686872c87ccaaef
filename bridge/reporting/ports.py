"""What reporting needs of others."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from bridge.completion.model import IssuedPaper, Standing
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.registry.model import ClassRunSheet
from bridge.reporting.model import (
    Attempt,
    Batch,
    BatchHeader,
    BatchState,
    Receipt,
    Record,
    RecordFault,
    RecordKind,
    RecordState,
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

    def disclose(self, learner: LearnerRef, *, purpose: str, recipient: str, by: str) -> Person:
        """Return the person."""
        ...


class BatchFormat(Protocol):
    """How a regulator wants its batches."""

    @property
    def schema_version(self) -> str: ...

    def build(self, header: BatchHeader, records: Sequence[tuple[Record, Mapping[str, str]]]) -> bytes:
        """Return the batch; each record comes with all its values, personal ones included."""
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


class ReportingStore(Protocol):
    """Rows of reporting."""

    def latest_fields(self, kind: RecordKind, number: str) -> tuple[int, Mapping[str, str]] | None:
        """Return (revision, fields) of the newest revision of a record, or None."""
        ...

    def add_record(self, record: Record, division_code: str, at: datetime) -> None:
        """Keep a waiting record."""
        ...

    def waiting(self, division_code: str, limit: int) -> tuple[Record, ...]:
        """Return waiting records of a city, oldest first, at most `limit`."""
        ...

    def set_state(
        self,
        kind: RecordKind,
        number: str,
        revision: int,
        state: RecordState,
        *,
        batch_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Move a record on."""
        ...

    def add_batch(self, batch: Batch) -> None:
        """Keep a batch."""
        ...

    def batch(self, batch_id: str) -> Batch | None:
        """Return a batch, or None."""
        ...

    def batches(self) -> tuple[Batch, ...]:
        """Return all batches of the institution, newest first."""
        ...

    def records_of(self, batch_id: str) -> tuple[Record, ...]:
        """Return the batch's records in the order of the batch."""
        ...

    def set_batch_state(self, batch_id: str, state: BatchState) -> None:
        """Move a batch on."""
        ...

    def open_attempt(self, batch_id: str, at: datetime) -> int:
        """Keep that a delivery begins; return its number, from 1."""
        ...

    def close_attempt(self, batch_id: str, number: int, at: datetime, outcome: str) -> None:
        """Keep how a delivery ended."""
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
