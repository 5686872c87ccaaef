"""`intake.ports.Lms`: whom and what an LMS's message names, as references of ours."""

from bridge.db.field_cipher import FieldCipher
from bridge.identity.service import IdentityService
from bridge.intake.ports import Person, Place
from bridge.kernel.ids import ClassRunId, CourseUnitId, InstitutionId, RegistrationId
from bridge.registry.contact_store import blind_reference, course_reference
from bridge.registry.store import SqlRegistryStore


class LmsReferences:
    """Identity knows the account, the registry the place; who and what neither knows has a blind reference."""

    def __init__(
        self,
        identity: IdentityService,
        registry: SqlRegistryStore,
        cipher: FieldCipher,
        institution: InstitutionId,
    ) -> None:
        self._identity = identity
        self._registry = registry
        self._cipher = cipher
        self._institution = institution

    def person(self, registration: RegistrationId, sub: str) -> Person:
        account = self._identity.account_for(registration, sub)
        if account is None:
            return Person(self.actor(registration, sub), None)
        return Person(account.account_id, account.learner)

    def actor(self, registration: RegistrationId, sub: str) -> str:
        return blind_reference(self._cipher, self._institution, registration, "lms_person", sub)

    def place(self, registration: RegistrationId, context_id: str, resource_link_id: str | None) -> Place:
        class_run = self._registry.class_run_of_context(registration, context_id)
        unit = None
        if class_run is not None and resource_link_id is not None:
            unit = self._unit(registration, class_run, resource_link_id)
        course = course_reference(self._cipher, self._institution, registration, context_id)
        return Place(course, class_run, unit)

    def _unit(
        self, registration: RegistrationId, class_run: ClassRunId, resource_link_id: str
    ) -> CourseUnitId | None:
        run = self._registry.class_run(class_run)
        found = dict(self._registry.units_of_link(registration, resource_link_id))
        return None if run is None else found.get(run.course_id)
