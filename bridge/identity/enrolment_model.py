"""What becomes of each row of an uploaded enrolment list, before and after it is taken over. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bridge.identity.model import ListRow
from bridge.kernel.ids import ClassRunId, EvidenceId


class Outcome(StrEnum):
    """What a row does to the list."""

    NEW = "new"
    CHANGE = "change"
    SAME = "same"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Change:
    """A field that gets another value."""

    what: str
    old: str = field(repr=False)
    new: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """Why a row is wrong or noteworthy, and what to do."""

    code: str
    sentence_zh: str


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row and what it will do.

    Args:
        number: in its plain form; as it stands in the file where it is wrong.
        employer, trade: None where the file has no such column, which leaves the list's own.
        photo: whether a photograph came with the list that the person does not have yet.
    """

    line: int
    outcome: Outcome
    name: str = field(repr=False)
    stated: str
    number: str = field(repr=False)
    employer: str | None = field(repr=False)
    trade: str | None = field(repr=False)
    photo: bool
    photo_name: str = field(repr=False)
    changes: tuple[Change, ...] = ()
    wrong: tuple[Said, ...] = ()
    notes: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What a preview keeps encrypted.

    Args:
        photos: the photographs, by the rows' lines, in one piece under a key that ends with the preview.
    """

    rows: list[PlannedRow] = field(repr=False)
    photos: EvidenceId | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the institution knows of the numbers of a list, each by number.

    Args:
        listed: rows of the class run's own list.
        names: under which names any of the institution's lists holds a number.
        proved: the name of the learner who proved to be the person.
    """

    listed: Mapping[str, ListRow]
    names: Mapping[str, frozenset[str]]
    proved: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EnrolmentImport:
    """An upload.

    Args:
        planned: rows by outcome, and `contact_columns`, `unused_columns` that were dropped.
        applied: rows by outcome as it was when they were taken over.
        rows: empty once taken over or expired.
        done: how many of `total` rows have been taken over.
    """

    id: str
    class_run: ClassRunId
    planned: Mapping[str, int]
    applied: Mapping[str, int]
    rows: Sequence[PlannedRow] = field(repr=False)
    total: int
    done: int
    made_by: str
    made_at: datetime
    expires_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    finished_at: datetime | None

    @property
    def writes(self) -> int:
        """How many rows the list gains or changes."""
        return sum(self.planned.get(what.value, 0) for what in (Outcome.NEW, Outcome.CHANGE))

    @property
    def state(self) -> str:
        """How it stands: preview, expired, running or done."""
        if self.finished_at is not None:
            return "done"
        if self.confirmed_at is not None:
            return "running"
        return "preview" if self.rows else "expired"
