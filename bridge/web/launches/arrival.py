"""One verified launch on its way in: whose it is, what is kept of it, and the new session that it begins."""

from dataclasses import dataclass
from typing import Any

from flask import session
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.model import Account
from bridge.kernel.errors import NotPermitted
from bridge.kernel.ids import InstitutionId, RegistrationId
from bridge.web.pages.visitors import end_session
from bridge.wiring import House, Stations
from lti.claims import LaunchClaims
from lti.launch import Launch
from lti.roles import Role

Answer = AnyResponse


@dataclass(frozen=True, slots=True)
class Arrival:
    """A launch and the house that it comes to."""

    house: House
    launch: Launch

    @property
    def claims(self) -> LaunchClaims:
        return self.launch.claims

    @property
    def institution(self) -> InstitutionId:
        return InstitutionId(self.launch.registration.tenant)

    @property
    def registration(self) -> RegistrationId:
        return RegistrationId(self.launch.registration.id)

    @property
    def resource_link_id(self) -> str | None:
        return self.claims.resource_link.id if self.claims.resource_link else None

    @property
    def is_learner(self) -> bool:
        return self.claims.role is Role.LEARNER

    def require_role(self, *roles: Role) -> None:
        """Refuse a person of another role; called inside the unit of work, so that a refusal leaves nothing behind.

        Raises:
            NotPermitted("launch_role")
        """
        if self.claims.role not in roles:
            raise NotPermitted(
                "launch_role", "您在学习平台这门课程中的角色不能使用这个功能,请联系课程的管理人员。"
            )

    def account(self, stations: Stations) -> Account:
        """Return the account behind the launch, made at first sight, with the launch chained in the inbox."""
        account = stations.recognise(self.registration, self.claims)
        stations.intake.receive_launch(
            self.registration, self.launch.id_token_sha256, self.kept(account.account_id)
        )
        stations.note_services(self.launch, account.account_id)
        return account

    def kept(self, account_id: str) -> dict[str, object]:
        """Return what of a launch is chained: ids and roles; no name, no contact data.

        Not `sub`: some platforms put a citizen id there. The account stands for it; identity keeps it encrypted.
        """
        claims = self.claims
        return {
            "account": account_id,
            "aud": list(claims.aud),
            "context": claims.context.id if claims.context else None,
            "deployment_id": claims.deployment_id,
            "iss": claims.iss,
            "message_type": claims.message_type,
            "removed": list(claims.contact_removed),
            "resource_link": self.resource_link_id,
            "role": claims.role.value,
        }

    def begin(self, **facts: Any) -> None:
        """Begin a new session under a new id with `facts`; whatever the browser brought is gone."""
        end_session()
        session.update(
            institution_id=self.institution,
            registration_id=self.registration,
            return_url=self.launch.return_url,
            **facts,
        )
