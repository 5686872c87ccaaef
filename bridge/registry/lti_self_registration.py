"""Dynamic Registration: an invited LMS registers itself with an institution."""

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import UnitOfWork
from bridge.registry.lti_form import page_origin
from bridge.registry.lti_invitations import ClaimedInvitation, claim, finish, is_good, release
from bridge.registry.lti_model import NewPlatform, Platform, PlatformAddresses
from bridge.registry.lti_platforms import LtiPlatforms
from lti.dynamic_registration import RegisteredTool, ToolProfile, register
from lti.errors import ServiceFailed
from lti.platform_configuration import fetch_configuration, read_registration_link
from lti.registration import NetworkPolicy
from lti.services import CallsPlatforms
from lti.tool import LtiTool

_PURPOSE = "an invitation says which institution a platform registers with"
_NAME = "安学桥"
_DESCRIPTION = "安全生产网络培训的实名、人脸核验、学时与证明"
_MAX_NAME = 120


@dataclass(frozen=True, slots=True)
class SelfRegistered:
    """What came of it: the pending platform, and what its administrator has to know and do."""

    platform: Platform
    tool: RegisteredTool


class SelfRegistration:
    """The use case of the door `/lti/register`.

    Args:
        http: the guarded client; it goes no further than the invitation allows.
        demonstration: whether a platform on this machine's http may register.
    """

    def __init__(
        self,
        units: UnitOfWork,
        cipher: FieldCipher,
        http: CallsPlatforms,
        tool: LtiTool,
        *,
        demonstration: bool,
    ) -> None:
        self._units = units
        self._cipher = cipher
        self._http = http
        self._tool = tool
        self._demonstration = demonstration

    def is_invited(self, token: str) -> bool:
        """Return whether `token` may still be used; nothing changes."""
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            return is_good(tx, token)

    def run(self, token: str, params: Mapping[str, str]) -> SelfRegistered:
        """Register the platform that `params` point to; nothing is fetched before the invitation is taken.

        Args:
            params: what the LMS appended to the link: openid_configuration, registration_token.

        Raises:
            InvalidInput: invitation_invalid, lti_client_taken, lti_issuer_moved.
            ServiceFailed: the platform did not do its part; the invitation may be tried again a few times.
        """
        with self._units.across_institutions(_PURPOSE) as tx:
            invitation = claim(tx, token)
        try:
            return self._register(invitation, params)
        except Exception:
            with self._units.for_institution(invitation.institution_id) as tx:
                release(tx, invitation)
            raise

    def _register(self, invitation: ClaimedInvitation, params: Mapping[str, str]) -> SelfRegistered:
        link = read_registration_link(params)
        plain = link.openid_configuration.startswith("http:")
        policy = NetworkPolicy(invitation.private_hosts, demo=self._demonstration and plain)
        configuration = fetch_configuration(
            self._http, link, policy, vouched_issuers=invitation.vouched_issuers
        )
        profile = ToolProfile.of(self._tool, _NAME, _DESCRIPTION)
        tool = register(self._http, link, configuration, profile, policy)
        with self._units.for_institution(invitation.institution_id) as tx:
            registered = LtiPlatforms(tx, self._cipher).register(_platform(tool, policy), by=invitation.id)
            finish(tx, invitation, registered.platform.id)
        return SelfRegistered(registered.platform, tool)


def _platform(tool: RegisteredTool, policy: NetworkPolicy) -> NewPlatform:
    told = tool.platform
    try:
        origin = page_origin(told.authorization_endpoint)
    except ValueError as error:
        raise ServiceFailed("configuration_malformed") from error
    return NewPlatform(
        name=origin.partition("://")[2][:_MAX_NAME],
        addresses=PlatformAddresses(
            issuer=told.issuer,
            client_id=tool.client_id,
            auth_login_url=told.authorization_endpoint,
            auth_token_url=told.token_endpoint,
            jwks_url=told.jwks_uri,
            allowed_origin=origin,
            token_audience=told.token_audience,
        ),
        algorithm=told.algorithm,
        deployment_ids=frozenset({tool.deployment_id} if tool.deployment_id else ()),
        private_hosts=policy.allow_private_hosts,
        demo=policy.demo,
    )
