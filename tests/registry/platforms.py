"""Made-up platforms, and an institution that may register them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bridge.kernel.ids import InstitutionId, RegistrationId
from bridge.registry.lti_deployments import PlatformDeployments
from bridge.registry.lti_model import NewPlatform, Platform, PlatformAddresses
from bridge.registry.lti_moves import PlatformMoves
from bridge.registry.lti_platforms import LtiPlatforms
from bridge.registry.lti_registrations import LtiRegistrations
from bridge.registry.store import SqlRegistryStore
from tests.identity.house import ORG, Desk, House, demo_catalogue

OTHER_ORG = InstitutionId("org_other")
STAFF = "staff_lin"


def addresses(host: str = "moodle.example", client_id: str = "client-1") -> PlatformAddresses:
    site = f"https://{host}"
    return PlatformAddresses(
        issuer=site,
        client_id=client_id,
        auth_login_url=f"{site}/mod/lti/auth.php",
        auth_token_url=f"{site}/mod/lti/token.php",
        jwks_url=f"{site}/mod/lti/certs.php",
        allowed_origin=site,
    )


def platform(host: str = "moodle.example", client_id: str = "client-1", *deployments: str) -> NewPlatform:
    return NewPlatform("示例学习平台", addresses(host, client_id), deployment_ids=frozenset(deployments))


class Room:
    """A house with two institutions, and what its staff and its doors do with platforms."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.registrations = LtiRegistrations(house.units, house.cipher)
        catalogue = demo_catalogue()
        with house.desk() as desk:
            desk.registry.load_catalogue(replace(catalogue, lti_registrations=(), lti_contexts=()))
        other = replace(catalogue.institution, id=OTHER_ORG, uscc="52440199MJK0000022")
        with house.desk(OTHER_ORG) as desk:
            SqlRegistryStore(desk.tx, house.cipher).save_institution(other)

    @contextmanager
    def staff(self, institution: InstitutionId = ORG) -> Iterator["Counter"]:
        with self.house.desk(institution) as desk:
            yield Counter(desk, self.house)

    def register(self, *deployments: str, host: str = "moodle.example") -> RegistrationId:
        with self.staff() as counter:
            return counter.platforms.register(platform(host, "client-1", *deployments), by=STAFF).platform.id

    def show(self, registration: RegistrationId) -> Platform:
        with self.staff() as counter:
            return counter.platforms.get(registration)


class Counter:
    """Platforms inside one unit of work."""

    def __init__(self, desk: Desk, house: House) -> None:
        self.tx = desk.tx
        self.platforms = LtiPlatforms(desk.tx, house.cipher)
        self.deployments = PlatformDeployments(desk.tx)
        self.moves = PlatformMoves(desk.tx)
