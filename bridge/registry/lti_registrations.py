"""The registered platforms as `lti` and the doors ask for them, before any institution is known."""

from sqlalchemy import select

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, RegistrationId
from bridge.registry.tables import LtiRegistrationRow
from lti.errors import LaunchRefused
from lti.registration import Registration

_PURPOSE = "find the LTI registration that a message names"


class LtiRegistrations:
    """`lti.registration.RegistrationStore` and `ports.InstitutionOf` on the registry's rows.

    Each question opens its own short, reading unit of work.
    """

    def __init__(self, units: UnitOfWork, cipher: FieldCipher) -> None:
        self._units = units
        self._cipher = cipher

    def find(self, issuer: str, client_id: str | None) -> Registration:
        """See `lti.registration.RegistrationStore.find`."""
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            rows = tx.session.scalars(
                select(LtiRegistrationRow).where(LtiRegistrationRow.issuer == issuer)
            ).all()
        if not rows:
            raise LaunchRefused("issuer_unknown")
        if client_id is None:
            if len(rows) > 1:
                raise LaunchRefused("client_id_ambiguous")
            return _registration(rows[0])
        for row in rows:
            if row.client_id == client_id:
                return _registration(row)
        raise LaunchRefused("client_id_unknown")

    def by_id(self, registration_id: str) -> Registration:
        """See `lti.registration.RegistrationStore.by_id`."""
        row = self._row(registration_id)
        if row is None:
            raise LaunchRefused("issuer_unknown")
        return _registration(row)

    def institution_of(self, registration_id: RegistrationId) -> InstitutionId:
        """Return whose platform it is; InvalidInput("registration_unknown")."""
        return InstitutionId(self._known(registration_id).institution_id)

    def allowed_origin(self, registration_id: RegistrationId) -> str:
        """Return the origin whose pages may call the agent's doors; InvalidInput("registration_unknown")."""
        return self._known(registration_id).allowed_origin

    def origins(self) -> frozenset[str]:
        """Return the allowed origins of all registrations, for a CORS preflight, which carries no token."""
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            return frozenset(tx.session.scalars(select(LtiRegistrationRow.allowed_origin)))

    def webhook_secret(self, registration_id: RegistrationId) -> bytes:
        """Return the key of the webhook's HMAC; InvalidInput("registration_unknown")."""
        row = self._known(registration_id)
        return self._cipher.decrypt_text(
            row.webhook_secret_enc, table=LtiRegistrationRow.__tablename__, row_id=row.id
        ).encode()

    def _row(self, registration_id: str) -> LtiRegistrationRow | None:
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            return tx.session.get(LtiRegistrationRow, registration_id)

    def _known(self, registration_id: RegistrationId) -> LtiRegistrationRow:
        row = self._row(registration_id)
        if row is None:
            raise InvalidInput("registration_unknown", "没有登记过这个平台,请检查地址。", http_status=404)
        return row


def _registration(row: LtiRegistrationRow) -> Registration:
    return Registration(
        id=row.id,
        tenant=row.institution_id,
        issuer=row.issuer,
        client_id=row.client_id,
        auth_login_url=row.auth_login_url,
        auth_token_url=row.auth_token_url,
        jwks_url=row.jwks_url,
        deployment_ids=frozenset(row.deployment_ids),
        allow_private_hosts=frozenset(row.private_hosts),
        demo=row.demo,
        algorithm=row.algorithm,
    )
