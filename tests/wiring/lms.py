"""A furnished house whose platform answers on loopback: launches, jobs as the worker runs them, and the clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text

from bridge.db.outbox import overdue
from bridge.kernel.ids import JobId, LearnerRef
from bridge.registry.lti_tables import LtiRegistrationRow
from bridge.wiring.jobs import sweep
from lti.claims import (
    AGS_ENDPOINT,
    CONTEXT,
    DEPLOYMENT_ID,
    NOTIFICATION_SERVICE,
    NRPS_SERVICE,
    RESOURCE_LINK,
    ROLES,
    parse_claims,
)
from lti.launch import Launch
from lti.messages import read_message
from tests.lti.platform import LEARNER, Platform, StandingClock, without_none
from tests.lti.served import served
from tests.lti.service_platform import ServicePlatform, tool_ring
from tests.web.furnished import ORG, PLATFORM, Furnished

COURSE = "demo-course-1"
SUB = "lms-user-1001"
_CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"


class HouseClock(StandingClock):
    """The platform's clock is that of the house."""

    def __init__(self, furnished: Furnished) -> None:
        self._furnished = furnished

    @property
    def at(self) -> datetime:  # type: ignore[override]  # StandingClock keeps one of its own
        return self._furnished.clock.now()

    def advance(self, seconds: int) -> None:
        self._furnished.clock.advance(seconds=seconds)


@dataclass
class Lms:
    """The house, the platform's services, and who launches there."""

    furnished: Furnished
    services: ServicePlatform
    learner: LearnerRef = field(default=LearnerRef(""))
    """Who has studied, where somebody has."""

    @property
    def house(self) -> Any:
        return self.furnished.house

    def launch(self, sub: str = SUB, *, roles: list[str] | None = None, **said: Any) -> str | None:
        """Note a launch as the door does once it is verified; return the account, None for a teacher.

        Args:
            said: as `verified`.
        """
        launch = self.verified(sub, roles=roles, **said)
        with self.house.uow.for_institution(ORG) as tx:
            stations = self.house.at(tx)
            account = stations.recognise(PLATFORM, launch.claims).account_id if roles is None else None
            stations.note_services(launch, account)
        return account

    def verified(
        self,
        sub: str = SUB,
        *,
        roles: list[str] | None = None,
        context: str = COURSE,
        link: str = "link-1",
        ags: dict[str, Any] | None = None,
        nrps: str | None = None,
        notices: dict[str, Any] | None = None,
        custom: dict[str, str] | None = None,
    ) -> Launch:
        """Return a launch as `lti` hands it over.

        Args:
            roles: None for a learner's.
            ags, notices, custom: the claims; nrps: the roster's address; none of them by default.
        """
        platform = Platform(self.services.origin, "client-1", self.services.clock, "https://tool.example")
        roster = None if nrps is None else {"context_memberships_url": nrps, "service_versions": ["2.0"]}
        payload = platform.claims(
            "nonce",
            **{
                "sub": sub,
                ROLES: roles or LEARNER,
                DEPLOYMENT_ID: "deployment-1",
                RESOURCE_LINK: {"id": link},
                CONTEXT: {"id": context},
                AGS_ENDPOINT: ags,
                NRPS_SERVICE: roster,
                NOTIFICATION_SERVICE: notices,
                f"{_CLAIM}custom": custom,
            },
        )
        claims = parse_claims(without_none(payload), "client-1", anonymous_allowed=False)
        registration = self.house.lti_registrations.by_id(PLATFORM)
        return Launch(
            registration=registration,
            claims=claims,
            message=read_message(payload, claims, registration),
            message_type=claims.message_type,
            return_url=None,
            id_token_sha256="0" * 64,
            verified_at=self.services.clock.now(),
        )

    def work(self, *, rounds: int = 20) -> None:
        """Sweep and run every job that is due, as beat and worker do, until nothing is left for now."""
        self.house.__dict__["_nudger"] = lambda _jobs: None
        for _ in range(rounds):
            sweep(self.house)
            jobs = self.due()
            if not jobs:
                return
            for job in jobs:
                while self.house.runner.run(job):
                    pass

    def due(self) -> list[JobId]:
        """Return the jobs that want to run now, those included whose worker died."""
        with self.house.uow.across_institutions("test: what waits", read_only=True) as tx:
            return [one.id for one in overdue(tx.session, self.house.clock.now())]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.house.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def pass_time(self, **delta: int) -> None:
        self.furnished.clock.advance(**delta)

    def calls(self, path: str) -> int:
        """Return how many requests came for paths that begin so."""
        return sum(1 for each in self.services.paths() if each.startswith(path))


@contextmanager
def lms_of(furnished: Furnished) -> Iterator[Lms]:
    """Give the house a platform on loopback in place of the demonstration's."""
    services = ServicePlatform(HouseClock(furnished))
    with served(services) as origin:
        services.origin = origin
        move_to(furnished, origin)
        furnished.house.__dict__["tool_keys"] = tool_ring()
        yield Lms(furnished, services)


def move_to(furnished: Furnished, origin: str) -> None:
    """Have the demonstration's registration stand for the platform at `origin`."""
    with furnished.house.uow.across_institutions("test: another platform") as tx:
        row = tx.session.get_one(LtiRegistrationRow, PLATFORM)
        row.issuer, row.client_id, row.service_origins = origin, "client-1", []
        row.auth_login_url, row.auth_token_url = f"{origin}/auth", f"{origin}/token"
        row.jwks_url = f"{origin}/jwks"
