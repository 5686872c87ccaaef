"""Deployments of platforms: listed when a launch brings an unknown one, approved or refused by a person."""

from collections.abc import Sequence
from typing import cast

from sqlalchemy import Select, func, select

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import RegistrationId, new_id
from bridge.registry.lti_model import Deployment, DeploymentStatus
from bridge.registry.lti_rows import locked_registration
from bridge.registry.lti_tables import LtiDeploymentRow

MAX_PENDING_DEPLOYMENTS = 20
"""Practice: a platform cannot fill the table with deployments that nobody asked for."""
_MAX_DEPLOYMENT_ID = 255


class PlatformDeployments:
    """The deployments of an institution's platforms, in one unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._session = tx.session

    def of(self, registration_id: str) -> tuple[Deployment, ...]:
        """Return the deployments of a platform: those that want a decision first, then by first sight."""
        return tuple(
            Deployment(
                row.deployment_id,
                cast(DeploymentStatus, row.status),
                row.seen_at,
                row.decided_at,
                row.decided_by,
            )
            for row in self.rows(registration_id)
        )

    def decide(
        self, registration_id: RegistrationId, deployment_id: str, status: DeploymentStatus, *, by: str
    ) -> None:
        """Approve or refuse a deployment, seen or not; the decision counts from the next launch on.

        Args:
            by: a reference of who decides, never a name.

        Raises:
            InvalidInput: registration_unknown, deployment_id_malformed.
        """
        registration = locked_registration(self._session, registration_id)
        if not 0 < len(deployment_id) <= _MAX_DEPLOYMENT_ID or not deployment_id.isprintable():
            raise InvalidInput("deployment_id_malformed", "部署编号应为 1 至 255 个字符,请核对。")
        now = self._tx.clock.now()
        row = self._session.scalar(_deployment(registration_id, deployment_id))
        if row is None:
            self.add(registration_id, deployment_id, status, by)
            return
        if (row.status, status, registration.status) == ("pending", "approved", "pending"):
            # It was seen in a launch that was right in all else, so the platform is what it says.
            registration.status, registration.status_by, registration.status_at = "active", by, now
        row.status, row.decided_by, row.decided_at = status, by, now
        self._session.flush()

    def note_unknown(self, registration_id: RegistrationId, deployment_id: str) -> bool:
        """List a deployment for approval; False if it is known already, or too many wait.

        The caller has verified the platform's signature (`lti.errors.DeploymentUnknown`).

        Raises:
            InvalidInput("registration_unknown")
        """
        # The lock makes two launches at once one row, and the bound exact.
        locked_registration(self._session, registration_id)
        if len(deployment_id) > _MAX_DEPLOYMENT_ID or not deployment_id.isprintable():
            return False
        if self._session.scalar(_deployment(registration_id, deployment_id)) is not None:
            return False
        waiting = self._session.scalar(
            select(func.count())
            .select_from(LtiDeploymentRow)
            .where(LtiDeploymentRow.registration_id == registration_id, LtiDeploymentRow.status == "pending")
        )
        if (waiting or 0) >= MAX_PENDING_DEPLOYMENTS:
            return False
        self.add(registration_id, deployment_id, "pending", None)
        return True

    def add(self, registration_id: str, deployment_id: str, status: DeploymentStatus, by: str | None) -> None:
        """Write a new row; `by` is None for one that nobody decided on yet."""
        now = self._tx.clock.now()
        self._session.add(
            LtiDeploymentRow(
                id=new_id("dep"),
                institution_id=self._tx.institution_id,
                registration_id=registration_id,
                deployment_id=deployment_id,
                status=status,
                seen_at=now,
                decided_at=None if by is None else now,
                decided_by=by,
            )
        )
        self._session.flush()

    def rows(self, registration_id: str) -> Sequence[LtiDeploymentRow]:
        """Return the rows, in the order of `of`."""
        return self._session.scalars(
            select(LtiDeploymentRow)
            .where(LtiDeploymentRow.registration_id == registration_id)
            .order_by(LtiDeploymentRow.status != "pending", LtiDeploymentRow.seen_at, LtiDeploymentRow.id)
        ).all()


def _deployment(registration_id: str, deployment_id: str) -> Select[LtiDeploymentRow]:
    return select(LtiDeploymentRow).where(
        LtiDeploymentRow.registration_id == registration_id, LtiDeploymentRow.deployment_id == deployment_id
    )
