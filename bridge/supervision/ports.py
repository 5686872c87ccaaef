"""What supervision needs of others."""

from datetime import date
from typing import Protocol

from bridge.completion.model import Earned
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.supervision.model import (
    BatchView,
    CheckView,
    ClassRunView,
    DayFigures,
    InstitutionView,
    LearnerView,
    RecordView,
    RunFilter,
    TestView,
    UnitView,
)


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

    def class_runs(
        self, chosen: RunFilter = ..., limit: int | None = None, offset: int = 0
    ) -> tuple[ClassRunView, ...]:
        """Return the area's class runs, the next to open first, then by title; never a ranking (第十一条)."""
        ...

    def class_run(self, class_run: ClassRunId) -> ClassRunView | None:
        """Return one class run of the area, or None."""
        ...

    def class_run_count(self, chosen: RunFilter = ...) -> int:
        """Return how many class runs `class_runs` would list without a limit."""
        ...

    def units(self, class_run: ClassRunId) -> tuple[UnitView, ...]:
        """Return the units of the course that is taught in a class run of the area."""
        ...

    def learners(self, class_run: ClassRunId) -> tuple[LearnerView, ...]:
        """Return the learners of a class run of the area, by enrolment."""
        ...

    def learner(self, learner: LearnerRef) -> tuple[LearnerView, ...]:
        """Return a learner's rows in the area's class runs."""
        ...

    def checks(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[CheckView, ...]:
        """Return the checks of one learner in one class run, the newest first."""
        ...

    def tests(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[TestView, ...]:
        """Return the decided tests of one learner in one class run, the newest first."""
        ...

    def records(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[RecordView, ...]:
        """Return what was reported of one learner in one class run, the oldest first."""
        ...

    def institutions(self) -> tuple[InstitutionView, ...]:
        """Return the institutions of the area by their code."""
        ...

    def days(self, first: date, last: date) -> tuple[DayFigures, ...]:
        """Return the rollup of each city of the area for each day that has figures; both days included."""
        ...

    def taught(self, first: date, last: date) -> tuple[tuple[str, date, date, int], ...]:
        """Return (division, opens on, closes on, how many) of the class runs taught on a day of the span."""
        ...

    def batches(self, limit: int, before: str | None = None) -> tuple[BatchView, ...]:
        """Return the area's batches, newest first, with those of their records that are not accepted.

        Args:
            before: a batch; only those before it are listed. None of any other area is before anything.
        """
        ...

    def batch(self, batch_id: str, records: int, offset: int = 0) -> BatchView | None:
        """Return a batch of the area with `records` of its records from `offset` on, or None.

        Those that are not accepted come first.
        """
        ...


class ProgressStore(Protocol):
    """Where progress is noted, for the institution of the unit of work."""

    def note(self, learner: LearnerRef, class_run: ClassRunId, earned: Earned) -> None:
        """Keep the newest figures."""
        ...

    def class_hours(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[int, int]:
        """Return the newest class hours, online and offline."""
        ...
