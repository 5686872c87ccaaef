"""The institution's pages put together from the stations."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.completion.model import IssuedPaper
from bridge.hours.model import HoursStatement
from bridge.identity.model import MaskedIdentity
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.ledger.model.statement import SecondsStatement
from bridge.registry.model import ClassRun, OfflineSession, Outline
from bridge.rules.model import Reason
from bridge.supervision.signals_model import SignalCount
from bridge.web.pages.visitors import StaffVisit
from bridge.wiring import House, Stations


@dataclass(frozen=True, slots=True)
class ClassRunRow:
    """One class run of the list; `copies` of its LMS course are no class run's yet."""

    run: ClassRun
    learners: int
    papers: int
    waiting_sessions: int
    copies: int


@dataclass(frozen=True, slots=True)
class LearnerRow:
    """One learner of a class run; masked, since a list is not the place for whole names."""

    learner: LearnerRef
    person: MaskedIdentity
    seconds: SecondsStatement
    hours: HoursStatement
    test: str | None
    papers: tuple[IssuedPaper, ...]


@dataclass(frozen=True, slots=True)
class ClassRunPage:
    """All that the page of a class run shows.

    Args:
        against: why the class run may not be taught today; empty when it may.
        copies: how many copies of its LMS course are no class run's yet.
    """

    run: ClassRun
    outline: Outline
    learners: tuple[LearnerRow, ...]
    sessions: Sequence[OfflineSession]
    against: tuple[Reason, ...]
    signals: SignalCount
    copies: int

    @property
    def waiting(self) -> list[OfflineSession]:
        """Offline sessions that want a second person."""
        return [session for session in self.sessions if session.confirmed_by is None]

    @property
    def names(self) -> dict[str, str]:
        """Masked name by learner, for the lists of who attended."""
        return {row.learner: row.person.name for row in self.learners}

    @property
    def unit_titles(self) -> dict[str, str]:
        return {unit.id: unit.title for unit in self.outline.units}


def class_runs(house: House, institution: InstitutionId) -> tuple[str, list[ClassRunRow]]:
    """Return the institution's name and its class runs, newest opening first."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations = house.at(tx)
        found = stations.registry_store.institution()
        copies = Counter(one.class_run for one in stations.course_copies.waiting())
        rows = [_row(stations, run, copies[run.id]) for run in stations.registry_store.class_runs()]
    rows.sort(key=lambda row: (row.run.opens_on, row.run.id), reverse=True)
    return (found.name if found else ""), rows


def class_run_page(
    house: House, institution: InstitutionId, class_run: ClassRunId, visit: StaffVisit
) -> ClassRunPage:
    """Return the page; each masked name on it is a logged disclosure.

    Raises:
        InvalidInput("class_run_unknown"): also for another institution's.
    """
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(class_run)
        people = {
            learner: stations.identity.disclose(
                learner, purpose="institution.class_run_page", recipient="培训机构", by=visit.staff_id
            ).masked()
            for learner in stations.registry.enrolled(class_run)
        }
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations = house.at(tx)
        outline = stations.registry_store.outline(run.outline_id)
        if outline is None:
            raise RuntimeError(f"class run {class_run} stands without its outline")
        today = legal_date(house.study_clock.now())
        return ClassRunPage(
            run=run,
            outline=outline,
            learners=tuple(_learner(stations, run, ref, person) for ref, person in people.items()),
            sessions=stations.registry.offline_sessions(class_run),
            against=stations.registry.opening_decision(run, today).reasons,
            signals=stations.signals.count(class_run),
            copies=len(stations.course_copies.waiting(class_run=class_run)),
        )


def _row(stations: Stations, run: ClassRun, copies: int) -> ClassRunRow:
    enrolled = stations.registry.enrolled(run.id)
    waiting = [s for s in stations.registry.offline_sessions(run.id) if s.confirmed_by is None]
    papers = sum(len(stations.completion_store.papers(learner, run.id)) for learner in enrolled)
    return ClassRunRow(run, len(enrolled), papers, len(waiting), copies)


def _learner(stations: Stations, run: ClassRun, learner: LearnerRef, person: MaskedIdentity) -> LearnerRow:
    earned = stations.hours.earned(learner, run.id)
    test = stations.completion_store.accepted_test(learner, run.id)
    return LearnerRow(
        learner=learner,
        person=person,
        seconds=earned.seconds,
        hours=earned.hours,
        test=None if test is None else f"{test['score']} / {test['maximum']}",
        papers=stations.completion_store.papers(learner, run.id),
    )
