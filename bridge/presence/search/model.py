"""What is searched when a face is registered, and what it means to find it under another name. Pure."""

from dataclasses import dataclass
from datetime import datetime

from bridge.kernel.ids import ClassRunId, EvidenceId, LearnerRef

SEARCH_WAITING = "presence.face_search_waiting"
"""Kind of the job; its key is `place_of` of the reference that was kept."""
FACE_UNDER_TWO_NAMES = "presence.face_under_two_names"
"""Type of the event that one face was registered for two people. Staff look into it; nothing is refused by it."""


def place_of(learner: LearnerRef, class_run: ClassRunId) -> str:
    """Return the name of a reference in an index and as a job's key."""
    return f"{learner}|{class_run}"


def place_named(name: str) -> tuple[LearnerRef, ClassRunId]:
    """Return what `place_of` made the name of."""
    learner, _, class_run = name.partition("|")
    return LearnerRef(learner), ClassRunId(class_run)


@dataclass(frozen=True, slots=True)
class SearchEntry:
    """A reference that others are compared with, or was until it was taken out.

    Args:
        template: evidence id; None once the entry was taken out.
        number: of its last change; the institution's changes are numbered from 1, in the order in which they commit.
    """

    learner: LearnerRef
    class_run: ClassRunId
    model_id: str
    model_sha256: str
    template: EvidenceId | None
    number: int


@dataclass(frozen=True, slots=True)
class Near:
    """A template in an index that is like the probe.

    Args:
        name: under which it was put.
        score: comparison score (cosine) as the index keeps templates, within 0.001 of the exact one.
    """

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """That a newly registered face is like another person's: a case for staff, never a verdict.

    Args:
        learner, class_run: who registered; `other`, `other_class_run`: whose reference it is like.
        score: exact comparison score of the two templates; at least `threshold`, the pack's `same_person`.
    """

    id: str
    learner: LearnerRef
    class_run: ClassRunId
    other: LearnerRef
    other_class_run: ClassRunId
    score: float
    threshold: float
    model_id: str
    pack_id: str
    found_at: datetime
