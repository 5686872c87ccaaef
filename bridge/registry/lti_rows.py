"""Rows of registrations to what `lti` launches with, and to addresses and back."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.kernel.errors import InvalidInput
from bridge.registry.lti_model import PlatformAddresses
from bridge.registry.lti_tables import LtiRegistrationRow
from lti.registration import Registration


def registration_of(row: LtiRegistrationRow, deployment_ids: Iterable[str]) -> Registration:
    """Return the registration as `lti` knows it; ValueError if it does not take the row.

    Args:
        deployment_ids: the approved ones.
    """
    return Registration(
        id=row.id,
        tenant=row.institution_id,
        issuer=row.issuer,
        client_id=row.client_id,
        auth_login_url=row.auth_login_url,
        auth_token_url=row.auth_token_url,
        jwks_url=row.jwks_url,
        deployment_ids=frozenset(deployment_ids),
        allow_private_hosts=frozenset(row.private_hosts),
        demo=row.demo,
        algorithm=row.algorithm,
        anonymous_allowed=row.anonymous_allowed,
        token_audience=row.token_audience,
        service_origins=frozenset(row.service_origins),
    )


def locked_registration(session: Session, registration_id: str) -> LtiRegistrationRow:
    """Return the row, locked until the unit of work ends; InvalidInput("registration_unknown")."""
    row = session.scalar(
        select(LtiRegistrationRow).where(LtiRegistrationRow.id == registration_id).with_for_update(),
        # What another unit of work changed since this one first read the row counts.
        execution_options={"populate_existing": True},
    )
    if row is None:
        raise registration_unknown()
    return row


def registration_unknown() -> InvalidInput:
    """Return the refusal of a registration that is not there, or is another institution's."""
    return InvalidInput("registration_unknown", "没有登记过这个平台,请检查编号。", http_status=404)


def require_launchable(row: LtiRegistrationRow) -> None:
    """Refuse a row that no launch could use; InvalidInput("lti_platform_invalid")."""
    try:
        registration_of(row, ())
    except ValueError as error:
        raise InvalidInput(
            "lti_platform_invalid", "平台的地址须为 https,签名算法须为支持的一种,请核对。"
        ) from error


def addresses_of(row: LtiRegistrationRow) -> PlatformAddresses:
    """Return the addresses that stand in the row."""
    return PlatformAddresses(
        issuer=row.issuer,
        client_id=row.client_id,
        auth_login_url=row.auth_login_url,
        auth_token_url=row.auth_token_url,
        jwks_url=row.jwks_url,
        allowed_origin=row.allowed_origin,
        token_audience=row.token_audience,
        service_origins=frozenset(row.service_origins),
    )


def set_addresses(row: LtiRegistrationRow, to: PlatformAddresses) -> None:
    """Write the addresses into the row."""
    for name in PlatformAddresses.__slots__:
        setattr(row, name, getattr(to, name))
    row.service_origins = sorted(to.service_origins)
