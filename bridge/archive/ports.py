"""What the archive needs of others."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bridge.archive.model import Fault, SealedFile
from bridge.archive.sheet import Sheet
from bridge.completion.model import Earned, IssuedPaper
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.registry.model import ClassRunSheet


class Sheets(Protocol):
    """The registry's sheet of one learner in one class run."""

    def class_run_sheet(self, class_run_id: ClassRunId, learner: LearnerRef) -> ClassRunSheet:
        """Return it."""
        ...


class EarnedHours(Protocol):
    """Hours, recomputed from the ledger."""

    def earned(self, learner: LearnerRef, class_run: ClassRunId) -> Earned:
        """Return what the learner has earned."""
        ...


class LedgerExport(Protocol):
    """The ledger as a file."""

    def export_jsonl(self, learner: LearnerRef, class_run: ClassRunId) -> bytes:
        """Return header and entries, one JSON object a line."""
        ...


class CheckRecords(Protocol):
    """What presence keeps of the checks."""

    def checks(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[Mapping[str, Any]]:
        """Return each check (kind, due, outcome, …) with the sha256 of its frames; no image."""
        ...


class Papers(Protocol):
    """The papers of completion."""

    def papers(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[IssuedPaper, ...]:
        """Return the learner's papers, oldest first."""
        ...

    def pdf(self, paper: IssuedPaper) -> bytes:
        """Return the PDF, byte for byte as issued."""
        ...


class Person(Protocol):
    """A person as identity discloses one."""

    @property
    def name(self) -> str: ...
    @property
    def citizen_id(self) -> str: ...
    @property
    def employer(self) -> str: ...


class CourseFile(Protocol):
    """Material of a unit that the bridge keeps, as the registry knows it."""

    @property
    def sha256(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def entered_by(self) -> str: ...
    @property
    def reviewed_by(self) -> str | None: ...


class IdentityDisclosure(Protocol):
    """The one way to a name; every call is logged with its purpose."""

    def disclose(self, learner: LearnerRef, *, purpose: str, recipient: str, by: str) -> Person:
        """Return the person."""
        ...


class BagFormat(Protocol):
    """BagIt (RFC 8493): a folder with manifests."""

    def seal(self, payload: Mapping[str, bytes], info: Mapping[str, str]) -> dict[str, bytes]:
        """Return every file of the bag by its path; `payload` paths are relative to data/."""
        ...

    def faults(self, folder: Path) -> tuple[Fault, ...]:
        """Return what is wrong with the bag in `folder`; empty if every byte is as it was sealed."""
        ...


class SheetPrinter(Protocol):
    """Sets a print set in type."""

    def print_sheet(self, sheet: Sheet) -> bytes:
        """Return a PDF; InvalidInput("glyph_missing") rather than one with a box on it."""
        ...


class ArchiveStore(Protocol):
    """Rows of the archive."""

    def latest(self, learner: LearnerRef, class_run: ClassRunId) -> SealedFile | None:
        """Return the newest revision of the learner's file, or None."""
        ...

    def add(self, sealed: SealedFile) -> None:
        """Keep a revision."""
        ...
