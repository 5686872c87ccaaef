"""A bridge that was already in use keeps its platforms: what stood in columns before stands in rows after."""

from alembic import command
from sqlalchemy import text

from bridge.db.engine import open_engine
from bridge.db.field_cipher import FieldCipher
from bridge.db.schema import alembic_config
from bridge.db.unit_of_work import UnitOfWork
from bridge.kernel.ids import RegistrationId
from bridge.kernel.time import FixedClock
from bridge.registry.lti_platforms import LtiPlatforms
from bridge.registry.lti_registrations import LtiRegistrations
from tests.identity.house import NOW, ORG

REGISTRATION = RegistrationId("reg_old")


def test_an_upgraded_platform_launches_as_before(database_url: str) -> None:
    engine, cipher = open_engine(database_url), FieldCipher(bytes(32))
    command.upgrade(alembic_config(engine), "0001")
    sealed = cipher.encrypt_text("s" * 40, table="lti_registration", row_id=REGISTRATION)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO lti_registration (id, issuer, client_id, auth_login_url, auth_token_url, jwks_url,"
                " deployment_ids, algorithm, demo, private_hosts, allowed_origin, webhook_secret_enc, institution_id)"
                " VALUES (:id, 'https://lms.example', 'c', 'https://lms.example/a', 'https://lms.example/t',"
                " 'https://lms.example/k', :deployments, 'RS256', :demo, '[]', 'https://lms.example', :sealed, :org)"
            ),
            {"id": REGISTRATION, "demo": False, "deployments": '["1", "2"]', "sealed": sealed, "org": ORG},
        )

    command.upgrade(alembic_config(engine), "head")

    units = UnitOfWork(engine, FixedClock(NOW))
    registrations = LtiRegistrations(units, cipher)
    found = registrations.find("https://lms.example", "c")
    assert (found.id, found.deployment_ids) == (REGISTRATION, frozenset({"1", "2"}))
    assert (found.anonymous_allowed, found.token_audience, found.service_origins) == (
        False,
        None,
        frozenset(),
    )
    assert registrations.webhook_secrets(REGISTRATION) == (b"s" * 40,)
    with units.for_institution(ORG) as tx:
        shown = LtiPlatforms(tx, cipher).get(REGISTRATION)
    engine.dispose()
    assert (shown.status, shown.name, shown.first_launch_at) == ("active", "https://lms.example", None)
    assert shown.created_at.year >= 2026
    assert {one.decided_by for one in shown.deployments} == {"catalogue"}
