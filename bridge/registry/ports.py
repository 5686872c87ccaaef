"""What the registry needs from outside."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from bridge.kernel.ids import (
    ClassRunId,
    CourseId,
    CourseUnitId,
    InstitutionId,
    LearnerRef,
    OutlineId,
    RegistrationId,
)
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


class Now(Protocol):
    """A clock; the wiring gives the study clock, which is real time but in the demonstration."""

    def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        ...


class Events(Protocol):
    """Anything that takes an event as `bridge.db.unit_of_work.Tx.emit` does."""

    def emit(
        self,
        type: str,
        subject: str,
        *,
        occurred_at: datetime,
        idempotency_key: str,
        data: Mapping[str, Any] | None = None,
    ) -> Any:
        """Store the event once for each idempotency key."""
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
        """Insert, or replace what stands under its id; InvalidInput("lti_client_taken")."""
        ...

    def save_lti_context(self, context: LtiContext) -> None: ...
    def class_run_of_context(self, registration_id: RegistrationId, context_id: str) -> ClassRunId | None: ...
    def units_of_link(
        self, registration_id: RegistrationId, resource_link_id: str
    ) -> Sequence[tuple[CourseId, CourseUnitId]]: ...

    def enrolled_on(self, class_run_id: ClassRunId, learner: LearnerRef) -> date | None: ...
    def add_enrolment(
        self, class_run_id: ClassRunId, learner: LearnerRef, list_row: str, enrolled_on: date, at: datetime
    ) -> None: ...
    def enrolled(self, class_run_id: ClassRunId) -> Sequence[LearnerRef]: ...
    def class_runs_of(self, learner: LearnerRef) -> Sequence[ClassRunId]: ...

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
