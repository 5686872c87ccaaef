"""Which LMS courses a class run is taught in, and where a learner takes part: registry and identity together."""

from collections.abc import Sequence

from sqlalchemy import select

from bridge.completion.gradebook_model import CoursePlace
from bridge.db.unit_of_work import Tx
from bridge.identity.ports import IdentityStore
from bridge.identity.rosters import Rosters
from bridge.kernel.ids import ClassRunId, LearnerRef, RegistrationId
from bridge.registry.tables import EnrolmentRow, LtiContextRow
from lti.roles import Role


class LmsCourses:
    """`completion.gradebook_model.CoursePlaces`, and the courses of a class run."""

    def __init__(self, tx: Tx, accounts: IdentityStore, rosters: Rosters) -> None:
        self._session = tx.session
        self._accounts = accounts
        self._rosters = rosters

    def courses_of(self, class_run: ClassRunId) -> Sequence[tuple[RegistrationId, str]]:
        """Return (registration, context) of each LMS course that the class run is taught in."""
        rows = self._session.execute(
            select(LtiContextRow.registration_id, LtiContextRow.context_id)
            .where(LtiContextRow.class_run_id == class_run)
            .order_by(LtiContextRow.registration_id, LtiContextRow.context_id)
        )
        return [(RegistrationId(registration), context) for registration, context in rows]

    def learners_at(self, registration: RegistrationId) -> Sequence[tuple[LearnerRef, ClassRunId]]:
        """Return who is enrolled in the class runs that are taught at a platform, and in which."""
        rows = self._session.execute(
            select(EnrolmentRow.learner, EnrolmentRow.class_run_id)
            .where(
                EnrolmentRow.class_run_id.in_(
                    select(LtiContextRow.class_run_id).where(LtiContextRow.registration_id == registration)
                )
            )
            .order_by(EnrolmentRow.id)
        )
        return [(LearnerRef(learner), ClassRunId(run)) for learner, run in rows]

    def places_of(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[CoursePlace]:
        """Return where the account that the learner owns now is a learner; teachers and strangers have no place."""
        owner = self._accounts.owner(learner)
        account = None if owner is None else self._accounts.account(owner)
        if account is None:
            return []
        return [
            CoursePlace(registration, context, account.account_id)
            for registration, context in self.courses_of(class_run)
            if registration == account.registration_id
            and self._rosters.role_now(registration, context, account.account_id) == Role.LEARNER.value
        ]
