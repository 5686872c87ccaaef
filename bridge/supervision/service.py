"""Use cases of supervision: look, drill down, search with a purpose. Nothing here changes a learner's record."""

from dataclasses import dataclass

from bridge.completion.model import Earned
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.supervision.model import (
    BatchView,
    CheckView,
    ClassRunView,
    FoundLearner,
    InstitutionView,
    LearnerView,
    RecordView,
    RunFilter,
    TestView,
    UnitView,
)
from bridge.supervision.ports import MaskedPerson, PersonSearch, ProgressStore, SupervisionStore

_SHORTEST_PURPOSE = 4
_BATCHES = 20
_EVERYTHING = RunFilter()


@dataclass(frozen=True, slots=True)
class LearnerFile:
    """What an officer sees who looks into one learner of one class run."""

    run: ClassRunView
    learner: LearnerView
    person: MaskedPerson
    checks: tuple[CheckView, ...]
    tests: tuple[TestView, ...]
    records: tuple[RecordView, ...]


class SupervisionService:
    """What one officer sees, in a unit of work across institutions; the store holds the officer's area.

    Args:
        authority: the officer's office, logged as the recipient of every name shown.
        officer: the officer's account id.
    """

    def __init__(
        self, store: SupervisionStore, people: PersonSearch, *, authority: str, officer: str
    ) -> None:
        self._store = store
        self._people = people
        self._authority = authority
        self._officer = officer

    def class_runs(
        self, chosen: RunFilter = _EVERYTHING, limit: int | None = None, offset: int = 0
    ) -> tuple[ClassRunView, ...]:
        """Return the area's class runs. Source: 粤应急规〔2022〕3号 第二十九条."""
        return self._store.class_runs(chosen, limit, offset)

    def class_run_count(self, chosen: RunFilter = _EVERYTHING) -> int:
        """Return how many class runs of the area there are."""
        return self._store.class_run_count(chosen)

    def class_run(self, class_run: ClassRunId) -> tuple[ClassRunView, tuple[LearnerView, ...]]:
        """Return a class run and its learners; InvalidInput("not_in_area") for any other, known or not."""
        found = self._store.class_run(class_run)
        if found is None:
            raise _not_in_area()
        return found, self._store.learners(class_run)

    def batches(self, limit: int = _BATCHES, before: str | None = None) -> tuple[BatchView, ...]:
        """Return the area's newest batches (before one of them), with the verdict for what was not accepted."""
        return self._store.batches(limit, before)

    def batch(self, batch_id: str, records: int, offset: int = 0) -> BatchView:
        """Return a batch and some of its records; InvalidInput("not_in_area") for any other, known or not."""
        found = self._store.batch(batch_id, records, offset)
        if found is None:
            raise _not_in_area()
        return found

    def institutions(self) -> tuple[InstitutionView, ...]:
        """Return the area's institutions by their code: no list ranks them (第十一条)."""
        return self._store.institutions()

    def units(self, class_run: ClassRunId) -> tuple[UnitView, ...]:
        """Return the content of a class run of the area."""
        return self._store.units(class_run)

    def look_into(self, learner: LearnerRef, class_run: ClassRunId, purpose: str) -> LearnerFile:
        """Return all that the authority may see of one learner in one class run, for a purpose that is logged.

        Raises:
            InvalidInput: "purpose_missing"; "not_in_area".
        """
        purpose = _stated(purpose)
        rows = [row for row in self._store.learner(learner) if row.class_run == class_run]
        run = self._store.class_run(class_run)
        if not rows or run is None:
            raise _not_in_area()
        return LearnerFile(
            run=run,
            learner=rows[0],
            person=self._masked(rows[0], purpose),
            checks=self._store.checks(learner, class_run),
            tests=self._store.tests(learner, class_run),
            records=self._store.records(learner, class_run),
        )

    def show(self, learner: LearnerRef, purpose: str, recipient: str | None = None) -> MaskedPerson:
        """Return who a learner of the area is, masked; logged with `purpose`, and with whom it goes to beyond us.

        Raises:
            InvalidInput: "purpose_missing"; "not_in_area".
        """
        purpose = _stated(purpose)
        rows = self._store.learner(learner)
        if not rows:
            raise _not_in_area()
        return self._masked(rows[0], purpose, recipient)

    def search(self, citizen_id: str, purpose: str) -> tuple[FoundLearner, ...]:
        """Return the area's learners with that citizen id, masked; each is logged with `purpose`.

        A person who is known elsewhere only is not found, and nothing tells the difference.

        Raises:
            InvalidInput: "purpose_missing".
        """
        purpose = _stated(purpose)
        found: list[FoundLearner] = []
        for _institution, learner in self._people.find(citizen_id.strip().upper()):
            for row in self._store.learner(learner):
                run = self._store.class_run(row.class_run)
                if run is not None:
                    person = self._masked(row, purpose)
                    found.append(FoundLearner(person.name, person.citizen_id, person.employer, row, run))
        return tuple(found)

    def _masked(self, row: LearnerView, purpose: str, recipient: str | None = None) -> MaskedPerson:
        return self._people.masked(
            row.institution_id,
            row.learner,
            purpose=f"supervision: {purpose}"[:64],
            recipient=recipient or self._authority,
            by=self._officer,
        )


class ProgressNotes:
    """Keeps the figures that authorities see current; hears of every addition to a ledger."""

    def __init__(self, store: ProgressStore) -> None:
        self._store = store

    def note(self, learner: LearnerRef, class_run: ClassRunId, earned: Earned) -> None:
        """Keep the learner's newest figures; telling twice changes nothing."""
        self._store.note(learner, class_run, earned)

    def figures(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[int, int]:
        """Return the learner's newest class hours, online and offline; (0, 0) before any study."""
        return self._store.class_hours(learner, class_run)


def _stated(purpose: str) -> str:
    stated = " ".join(purpose.split())
    if len(stated) < _SHORTEST_PURPOSE:
        raise InvalidInput("purpose_missing", "请写明查询事由(至少四个字),查询会被记录。", http_status=422)
    return stated


def _not_in_area() -> InvalidInput:
    return InvalidInput("not_in_area", "本辖区没有这条记录。", http_status=404)
