"""The registered platforms as `lti` and the doors ask for them, before any institution is known."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.ids import InstitutionId, RegistrationId
from bridge.registry.lti_deployments import PlatformDeployments
from bridge.registry.lti_model import PlatformStatus, SeenServices, WarningKind
from bridge.registry.lti_moves import was_left
from bridge.registry.lti_platforms import LtiPlatforms
from bridge.registry.lti_rows import registration_of, registration_unknown
from bridge.registry.lti_tables import LtiDeploymentRow, LtiRegistrationRow
from lti.errors import LaunchRefused
from lti.registration import Registration

_PURPOSE = "find the LTI registration that a message names"
_NOTED_SECONDS = 3600.0
_FIRST_CHOICE: tuple[PlatformStatus, ...] = ("active", "pending", "disabled")


class LtiRegistrations:
    """`lti.registration.RegistrationStore` and `ports.InstitutionOf` on the registry's rows.

    Each question opens its own short, reading unit of work.
    """

    def __init__(self, units: UnitOfWork, cipher: FieldCipher) -> None:
        self._units = units
        self._cipher = cipher
        # Which launches are worth a write: of platforms that wait for one, and else one an hour.
        self._waiting: set[str] = set()
        self._noted_at: dict[str, float] = {}

    def find(self, issuer: str, client_id: str | None) -> Registration:
        """See `lti.registration.RegistrationStore.find`; in addition issuer_moved and registration_disabled.

        Without a client id, a platform that has launched comes before one that never did: a registration that
        nobody finished must not stand in the way of one that works.
        """
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            found = _read(tx.session, LtiRegistrationRow.issuer == issuer)
            meant = [one for one in found if client_id in (None, one.row.client_id)]
            left = not meant and was_left(tx.session, issuer, client_id)
        if left:
            raise LaunchRefused("issuer_moved")
        if not meant:
            raise LaunchRefused("client_id_unknown" if found else "issuer_unknown")
        for status in _FIRST_CHOICE:
            alike = [one for one in meant if one.row.status == status]
            if len(alike) > 1 and status != "disabled":
                raise LaunchRefused("client_id_ambiguous")
            if alike:
                return self._usable(alike[0])
        raise RuntimeError("a registration has a status that nobody knows")

    def by_id(self, registration_id: str) -> Registration:
        """See `lti.registration.RegistrationStore.by_id`; LaunchRefused("registration_disabled") besides."""
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            found = _read(tx.session, LtiRegistrationRow.id == registration_id)
        if not found:
            raise LaunchRefused("issuer_unknown")
        return self._usable(found[0])

    def institution_of(self, registration_id: RegistrationId) -> InstitutionId:
        """Return whose platform it is, whatever its status; InvalidInput("registration_unknown")."""
        return InstitutionId(self._known(registration_id).institution_id)

    def allowed_origin(self, registration_id: RegistrationId) -> str:
        """Return the origin whose pages may call the agent's doors; InvalidInput("registration_unknown")."""
        return self._known(registration_id).allowed_origin

    def origins(self) -> frozenset[str]:
        """Return the allowed origins of all platforms that are not disabled: for a CORS preflight and for frames."""
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            usable = select(LtiRegistrationRow.allowed_origin).where(LtiRegistrationRow.status != "disabled")
            return frozenset(tx.session.scalars(usable))

    def webhook_secrets(self, registration_id: RegistrationId) -> tuple[bytes, ...]:
        """Return the keys that the webhook's HMAC may use: the current one, and the one before while they overlap.

        Raises:
            InvalidInput("registration_unknown"): also for a disabled platform.
        """
        row = self._known(registration_id)
        if row.status == "disabled":
            raise registration_unknown()
        sealed = [row.webhook_secret_enc]
        overlaps = row.old_secret_until is not None and self._units.clock.now() < row.old_secret_until
        if overlaps and row.old_secret_enc is not None:
            sealed.append(row.old_secret_enc)
        table = LtiRegistrationRow.__tablename__
        return tuple(self._cipher.decrypt_text(one, table=table, row_id=row.id).encode() for one in sealed)

    def note_launch(
        self,
        registration: Registration,
        *,
        contact_removed: Sequence[str],
        citizen_ids: Sequence[str],
        services: SeenServices,
    ) -> None:
        """Remember, durably and by itself, that a right launch came, and what of it should not have been sent.

        Args:
            contact_removed, citizen_ids: paths of claims (`LaunchClaims.contact_removed`, `citizen_id_seen_in`).
        """
        now = time.monotonic()
        kinds: set[WarningKind] = {
            "email" if "mail" in path.lower() else "contact" for path in contact_removed
        }
        if citizen_ids:
            kinds.add("citizen_id")
        lately = now - self._noted_at.get(registration.id, float("-inf")) < _NOTED_SECONDS
        if not kinds and lately and registration.id not in self._waiting:
            return
        with self._units.for_institution(InstitutionId(registration.tenant)) as tx:
            LtiPlatforms(tx, self._cipher).note_launch(RegistrationId(registration.id), kinds, services)
        self._waiting.discard(registration.id)
        self._noted_at[registration.id] = now

    def note_unknown_deployment(self, registration_id: RegistrationId, deployment_id: str) -> bool:
        """See `PlatformDeployments.note_unknown`, in a unit of work of its own."""
        with self._units.for_institution(self.institution_of(registration_id)) as tx:
            return PlatformDeployments(tx).note_unknown(registration_id, deployment_id)

    def _usable(self, found: "_Found") -> Registration:
        row = found.row
        if row.status == "disabled":
            raise LaunchRefused("registration_disabled")
        if row.status == "pending" or row.first_launch_at is None:
            self._waiting.add(row.id)
        return registration_of(row, found.deployment_ids)

    def _known(self, registration_id: RegistrationId) -> LtiRegistrationRow:
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            row = tx.session.get(LtiRegistrationRow, registration_id)
        if row is None:
            raise registration_unknown()
        return row


@dataclass(slots=True)
class _Found:
    """A row with its approved deployments."""

    row: LtiRegistrationRow
    deployment_ids: list[str]


def _read(session: Session, condition: ColumnElement[bool]) -> list[_Found]:
    """Return the rows that meet `condition`, in one question: every login and launch asks it."""
    approved = and_(
        LtiDeploymentRow.registration_id == LtiRegistrationRow.id, LtiDeploymentRow.status == "approved"
    )
    found: dict[str, _Found] = {}
    rows = session.execute(
        select(LtiRegistrationRow, LtiDeploymentRow.deployment_id)
        .outerjoin(LtiDeploymentRow, approved)
        .where(condition)
        .order_by(LtiRegistrationRow.id)
    )
    for row, deployment_id in rows:
        one = found.setdefault(row.id, _Found(row, []))
        if deployment_id is not None:
            one.deployment_ids.append(deployment_id)
    return list(found.values())
