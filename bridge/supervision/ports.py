"""What supervision needs of others."""

from typing import Protocol

from bridge.completion.model import Earned
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.supervision.model import BatchView, ClassRunView, LearnerView


class MaskedPerson(Protocol):
    """What an authority's list shows of a person."""

    @property
    def name(self) -> str: ...
    @property
    def citizen_id(self) -> str: ...
    @property
    def employer(self) -> str: ...


class PersonSearch(Protocol):
    """Identity's search; every person shown is logged with purpose and officer."""

    def find(self, citizen_id: str) -> tuple[tuple[InstitutionId, LearnerRef], ...]:
        """Return the learners with that citizen id, of any institution; shows nobody to anyone yet."""
        ...

    def masked(
        self, institution_id: InstitutionId, learner: LearnerRef, *, purpose: str, recipient: str, by: str
    ) -> MaskedPerson:
        """Return the person masked, and log it."""
        ...


class SupervisionStore(Protocol):
    """Read models of one area; no method can reach beyond it."""

    def class_runs(self) -> tuple[ClassRunView, ...]:
        """Return the area's class runs, the next to open first, then by title; never a ranking (第十一条)."""
        ...

    def class_run(self, class_run: ClassRunId) -> ClassRunView | None:
        """Return one class run of the area, or None."""
        ...

    def learners(self, class_run: ClassRunId) -> tuple[LearnerView, ...]:
        """Return the learners of a class run of the area, by enrolment."""
        ...

    def learner(self, learner: LearnerRef) -> tuple[LearnerView, ...]:
        """Return a learner's rows in the area's class runs."""
        ...

    def batches(self, limit: int) -> tuple[BatchView, ...]:
        """Return the area's batches with their records, newest first."""
        ...


class ProgressStore(Protocol):
    """Where progress is noted, for the institution of the unit of work."""

    def note(self, learner: LearnerRef, class_run: ClassRunId, earned: Earned) -> None:
        """Keep the newest figures."""
        ...
