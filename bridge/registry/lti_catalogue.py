"""Platforms that stand in the operator's YAML, brought up to date with every load."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx
from bridge.registry.lti_deployments import PlatformDeployments
from bridge.registry.lti_model import CATALOGUE
from bridge.registry.lti_moves import PlatformMoves, client_taken, issuer_moved, was_left
from bridge.registry.lti_rows import require_launchable
from bridge.registry.lti_tables import LtiRegistrationRow
from bridge.registry.model import LtiRegistrationEntry

_ADDRESSES = ("issuer", "client_id", "auth_login_url", "auth_token_url", "jwks_url", "allowed_origin")


def keep_catalogue_entry(tx: Tx, cipher: FieldCipher, entry: LtiRegistrationEntry) -> None:
    """Write the platform, or bring it up to date; what a person decided since the first load stands.

    That is: the status, decided deployments, a rotated webhook secret, and the addresses of a moved platform.

    Raises:
        InvalidInput: lti_client_taken, lti_issuer_moved, lti_platform_invalid.
    """
    session = tx.session
    row = session.scalar(select(LtiRegistrationRow).where(LtiRegistrationRow.id == entry.id))
    if row is None:
        if was_left(session, entry.issuer, entry.client_id):
            raise issuer_moved()
        row = LtiRegistrationRow(
            id=entry.id,
            institution_id=tx.institution_id,
            # The operator vouches for what stands in the file.
            status="active",
            old_secret_enc=None,
            old_secret_until=None,
            secret_changed_at=None,
            created_at=tx.clock.now(),
            created_by=CATALOGUE,
            first_launch_at=None,
            seen_line_items_url=None,
            seen_line_item_url=None,
            seen_memberships_url=None,
            status_by=None,
            status_at=None,
        )
    if not PlatformMoves(tx).of(entry.id):
        for name in _ADDRESSES:
            setattr(row, name, getattr(entry, name))
        row.token_audience, row.service_origins = entry.token_audience, sorted(entry.service_origins)
    row.name = entry.name or row.issuer[:120]
    row.algorithm, row.demo = entry.algorithm, entry.demo
    row.private_hosts, row.anonymous_allowed = sorted(entry.private_hosts), entry.anonymous_allowed
    if row.secret_changed_at is None:
        row.webhook_secret_enc = cipher.encrypt_text(
            entry.webhook_secret, table=LtiRegistrationRow.__tablename__, row_id=entry.id
        )
    require_launchable(row)
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise client_taken() from error
    _keep_deployments(tx, entry)


def _keep_deployments(tx: Tx, entry: LtiRegistrationEntry) -> None:
    deployments, now = PlatformDeployments(tx), tx.clock.now()
    known = deployments.rows(entry.id)
    for deployment_id in sorted(entry.deployment_ids - {row.deployment_id for row in known}):
        deployments.add(entry.id, deployment_id, "approved", CATALOGUE)
    for row in known:
        listed = row.deployment_id in entry.deployment_ids
        waits = row.decided_by is None and listed
        left_the_file = row.decided_by == CATALOGUE and listed is not (row.status == "approved")
        if waits or left_the_file:
            row.status, row.decided_by = "approved" if listed else "refused", CATALOGUE
            row.decided_at = now
    tx.session.flush()
