"""What an institution does with its platforms: register, approve deployments, rotate secrets, disable."""

import secrets
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, RegistrationId, new_id
from bridge.registry.lti_deployments import PlatformDeployments
from bridge.registry.lti_model import (
    NO_SERVICES,
    NewPlatform,
    Platform,
    PlatformStatus,
    PlatformWarning,
    Registered,
    SeenServices,
    WarningKind,
)
from bridge.registry.lti_moves import PlatformMoves, client_taken, issuer_moved, was_left
from bridge.registry.lti_rows import (
    addresses_of,
    locked_registration,
    registration_unknown,
    require_launchable,
    set_addresses,
)
from bridge.registry.lti_tables import LtiRegistrationRow, LtiWarningRow
from bridge.registry.tables import InstitutionRow

SECRET_OVERLAP = timedelta(days=7)
"""Practice: how long an LMS has to take over a new webhook secret."""
_TABLE = LtiRegistrationRow.__tablename__
_SECRET_BYTES = 32


class LtiPlatforms:
    """Use cases in one unit of work: of one institution, or (reading alone) across all of them."""

    def __init__(self, tx: Tx, cipher: FieldCipher) -> None:
        self._tx = tx
        self._session = tx.session
        self._cipher = cipher
        self._deployments = PlatformDeployments(tx)
        self._moves = PlatformMoves(tx)

    def all(self) -> Sequence[Platform]:
        """Return the platforms that this unit of work may see, by name."""
        order = (LtiRegistrationRow.institution_id, LtiRegistrationRow.name, LtiRegistrationRow.id)
        return [
            self._platform(row) for row in self._session.scalars(select(LtiRegistrationRow).order_by(*order))
        ]

    def get(self, registration_id: RegistrationId) -> Platform:
        """Return the platform; InvalidInput("registration_unknown"), also for another institution's."""
        row = self._session.scalar(select(LtiRegistrationRow).where(LtiRegistrationRow.id == registration_id))
        if row is None:
            raise registration_unknown()
        return self._platform(row)

    def register(self, new: NewPlatform, *, by: str) -> Registered:
        """Register a platform of this unit of work's institution; it is pending until a right launch comes.

        Args:
            by: a reference of who registers, never a name.

        Raises:
            InvalidInput: institution_unknown, lti_client_taken, lti_issuer_moved (a platform left this issuer
                under this client id), lti_platform_invalid (what `lti` does not take).
        """
        if self._session.get(InstitutionRow, self._tx.institution_id) is None:
            raise InvalidInput("institution_unknown", "没有这家培训机构,请核对机构编号。", http_status=404)
        addresses, now = new.addresses, self._tx.clock.now()
        if was_left(self._session, addresses.issuer, addresses.client_id):
            raise issuer_moved()
        registration_id = new_id("reg")
        secret = new_webhook_secret()
        row = LtiRegistrationRow(
            id=registration_id,
            institution_id=self._tx.institution_id,
            name=new.name,
            status="pending",
            algorithm=new.algorithm,
            demo=new.demo,
            private_hosts=sorted(new.private_hosts),
            anonymous_allowed=new.anonymous_allowed,
            webhook_secret_enc=self._cipher.encrypt_text(secret, table=_TABLE, row_id=registration_id),
            old_secret_enc=None,
            old_secret_until=None,
            secret_changed_at=None,
            created_at=now,
            created_by=by,
            first_launch_at=None,
            seen_line_items_url=None,
            seen_line_item_url=None,
            seen_memberships_url=None,
            status_by=None,
            status_at=None,
        )
        set_addresses(row, addresses)
        require_launchable(row)
        self._session.add(row)
        self._flush()
        for deployment_id in sorted(new.deployment_ids):
            self._deployments.add(registration_id, deployment_id, "approved", by)
        return Registered(self._platform(row), secret)

    def note_launch(
        self,
        registration_id: RegistrationId,
        warnings: Collection[WarningKind] = (),
        services: SeenServices = NO_SERVICES,
    ) -> None:
        """Remember that a right launch came, what of it should not have been sent, and which services it named.

        Raises:
            InvalidInput("registration_unknown")
        """
        row = locked_registration(self._session, registration_id)
        if row.status == "disabled":
            return  # it was verified just before
        if row.first_launch_at is None:
            row.first_launch_at = self._tx.clock.now()
        row.status = "active"
        for name in SeenServices.__slots__:
            seen = getattr(services, name)
            if seen is not None:
                setattr(row, f"seen_{name}", seen)
        self._session.flush()
        for kind in sorted(set(warnings)):
            self._count(registration_id, kind)

    def rotate_secret(self, registration_id: RegistrationId) -> str:
        """Return a new webhook secret, shown this once; the one before is accepted for `SECRET_OVERLAP` more.

        Raises:
            InvalidInput: registration_unknown, secret_rotation_running (the LMS may still sign with the one before
                the current one: a third would lock it out).
        """
        row = locked_registration(self._session, registration_id)
        now = self._tx.clock.now()
        if self._overlaps(row):
            raise InvalidInput(
                "secret_rotation_running",
                "上一次更换还在过渡期,学习平台可能仍在用旧密钥;请先确认已换成新密钥并结束过渡,再更换。",
                http_status=409,
            )
        secret = new_webhook_secret()
        row.old_secret_enc, row.old_secret_until = row.webhook_secret_enc, now + SECRET_OVERLAP
        row.webhook_secret_enc = self._cipher.encrypt_text(secret, table=_TABLE, row_id=row.id)
        row.secret_changed_at = now
        self._session.flush()
        return secret

    def finish_secret_rotation(self, registration_id: RegistrationId) -> None:
        """Stop accepting the webhook secret before the current one; InvalidInput("registration_unknown")."""
        row = locked_registration(self._session, registration_id)
        row.old_secret_enc = row.old_secret_until = None
        self._session.flush()

    def disable(self, registration_id: RegistrationId, *, by: str) -> None:
        """Refuse launches, webhooks and study sessions of the platform from now on."""
        self._set_status(registration_id, "disabled", by)

    def enable(self, registration_id: RegistrationId, *, by: str) -> None:
        """Let a disabled platform in again; it is pending until the next right launch."""
        if locked_registration(self._session, registration_id).status == "disabled":
            self._set_status(registration_id, "pending", by)

    def allow_private_hosts(self, registration_id: RegistrationId, hosts: frozenset[str]) -> None:
        """Set which hosts in private networks may be called for the platform.

        For the operator alone: a host named here is one that an institution can have this machine call.
        """
        row = locked_registration(self._session, registration_id)
        row.private_hosts = sorted(hosts)
        self._session.flush()

    def _set_status(self, registration_id: RegistrationId, status: PlatformStatus, by: str) -> None:
        row = locked_registration(self._session, registration_id)
        row.status, row.status_by, row.status_at = status, by, self._tx.clock.now()
        self._session.flush()

    def _count(self, registration_id: RegistrationId, kind: WarningKind) -> None:
        now = self._tx.clock.now()
        sqlite = self._session.get_bind().dialect.name == "sqlite"
        insert: Any = sqlite_insert if sqlite else postgresql_insert
        row = {
            "registration_id": registration_id,
            "kind": kind,
            "institution_id": self._tx.institution_id,
            "count": 1,
            "last_at": now,
        }
        table = LtiWarningRow.__table__
        self._session.execute(
            insert(table)
            .values(row)
            .on_conflict_do_update(
                index_elements=["registration_id", "kind"], set_={"count": table.c.count + 1, "last_at": now}
            )
        )

    def _overlaps(self, row: LtiRegistrationRow) -> bool:
        return row.old_secret_until is not None and self._tx.clock.now() < row.old_secret_until

    def _flush(self) -> None:
        try:
            self._session.flush()
        except IntegrityError as error:
            raise client_taken() from error

    def _platform(self, row: LtiRegistrationRow) -> Platform:
        warnings = self._session.scalars(
            select(LtiWarningRow).where(LtiWarningRow.registration_id == row.id).order_by(LtiWarningRow.kind)
        )
        return Platform(
            id=RegistrationId(row.id),
            institution_id=InstitutionId(row.institution_id),
            name=row.name,
            status=cast(PlatformStatus, row.status),
            addresses=addresses_of(row),
            algorithm=row.algorithm,
            demo=row.demo,
            private_hosts=frozenset(row.private_hosts),
            anonymous_allowed=row.anonymous_allowed,
            created_at=row.created_at,
            created_by=row.created_by,
            first_launch_at=row.first_launch_at,
            secret_changed_at=row.secret_changed_at,
            old_secret_until=row.old_secret_until if self._overlaps(row) else None,
            services=SeenServices(row.seen_line_items_url, row.seen_line_item_url, row.seen_memberships_url),
            deployments=self._deployments.of(row.id),
            warnings=tuple(
                PlatformWarning(cast(WarningKind, one.kind), one.count, one.last_at) for one in warnings
            ),
            moves=self._moves.of(row.id),
        )


def new_webhook_secret() -> str:
    """Return 256 random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(_SECRET_BYTES)
