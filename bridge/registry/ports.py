"""What the registry needs from outside."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Protocol

from bridge.kernel.ids import (
    ClassRunId,
    CourseId,
    CourseUnitId,
    InstitutionId,
    LearnerRef,
    OutlineId,
    RegistrationId,
)
from bridge.registry.contact_gate import ContactStanding
from bridge.registry.leaving_model import Leaving
from bridge.registry.model import (
    CityRegistration,
    ClassRun,
    Course,
    Institution,
    LtiContext,
    LtiRegistrationEntry,
    OfflineSession,
    Outline,
)
from bridge.registry.suspension_model import Suspension


class Now(Protocol):
    """A clock; the wiring gives the study clock, which is real time but in the demonstration."""

    def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        ...


class RegistryStore(Protocol):
    """The registry's rows of one institution, inside one unit of work."""

    def institution(self) -> Institution | None: ...
    def city_registrations(self) -> Sequence[CityRegistration]: ...
    def outline(self, outline_id: OutlineId) -> Outline | None: ...
    def course(self, course_id: CourseId) -> Course | None: ...
    def class_run(self, class_run_id: ClassRunId) -> ClassRun | None: ...
    def class_runs(self) -> Sequence[ClassRun]: ...
    def taken_elsewhere(self, ids: Collection[str]) -> frozenset[str]:
        """Return those of `ids` that rows of another institution bear."""
        ...

    def save_institution(self, institution: Institution) -> None: ...
    def add_city_registration(self, registration: CityRegistration) -> None: ...
    def add_outline(self, outline: Outline) -> None: ...
    def add_course(self, course: Course) -> None: ...
    def add_class_run(self, class_run: ClassRun) -> None: ...
    def save_lti_registration(self, entry: LtiRegistrationEntry) -> None:
        """Insert, or bring up to date what stands under its id (see `lti_catalogue.keep_catalogue_entry`)."""
        ...

    def save_lti_context(self, context: LtiContext) -> None: ...
    def class_run_of_context(self, registration_id: RegistrationId, context_id: str) -> ClassRunId | None: ...
    def units_of_link(
        self, registration_id: RegistrationId, resource_link_id: str
    ) -> Sequence[tuple[CourseId, CourseUnitId]]:
        """Return the units that the link opens: by a teacher's choice, else by what the courses themselves name."""
        ...

    def contact_standing(self, class_run_id: ClassRunId) -> ContactStanding:
        """Return what the LMS courses of the class run counted of contact data, and what was signed about it."""
        ...

    def enrolled_on(self, class_run_id: ClassRunId, learner: LearnerRef) -> date | None: ...
    def add_enrolment(
        self, class_run_id: ClassRunId, learner: LearnerRef, list_row: str, enrolled_on: date, at: datetime
    ) -> None: ...
    def enrolled(self, class_run_id: ClassRunId) -> Sequence[LearnerRef]: ...
    def class_runs_of(self, learner: LearnerRef) -> Sequence[ClassRunId]: ...

    def suspensions(self) -> Sequence[Suspension]:
        """Return what authorities ordered against the institution, the newest first."""
        ...

    def leaving(self) -> Leaving | None:
        """Return where the institution stands that leaves this bridge; None where nobody spoke of it."""
        ...

    def cap_exception(self, class_run_id: ClassRunId) -> str | None:
        """Return why the class run departs from the online cap, once two people stand for it."""
        ...

    def offline_session(self, session_id: str) -> OfflineSession | None: ...
    def offline_sessions(self, class_run_id: ClassRunId) -> Sequence[OfflineSession]: ...
    def add_offline_session(self, session: OfflineSession, at: datetime) -> None: ...
    def confirm_offline_session(self, session_id: str, by: str, at: datetime) -> None: ...
    def busy_offline(
        self, learners: Iterable[LearnerRef], starts_at: datetime, ends_at: datetime
    ) -> frozenset[LearnerRef]:
        """Return those of `learners` who sit in another session within [starts_at, ends_at)."""
        ...


class InstitutionOf(Protocol):
    """Tells whose registration it is, before an institution's unit of work can be opened."""

    def institution_of(self, registration_id: RegistrationId) -> InstitutionId: ...
