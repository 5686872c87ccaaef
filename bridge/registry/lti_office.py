"""What staff and operator do with platforms, each in its own unit of work: the same for pages and command line."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import select

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import InstitutionId, RegistrationId
from bridge.registry.course_copies import CourseCopies, CourseCopy
from bridge.registry.lti_deployments import PlatformDeployments
from bridge.registry.lti_form import (
    page_origin,
    read_addresses,
    read_new_platform,
    read_private_hosts,
)
from bridge.registry.lti_invitations import (
    OpenInvitation,
    PlatformInvitation,
    invite_platform,
    open_invitations,
    revoke,
)
from bridge.registry.lti_model import (
    DeploymentStatus,
    FieldsInvalid,
    Platform,
    PlatformAddresses,
    PlatformMove,
    PlatformWarning,
    Registered,
)
from bridge.registry.lti_moves import PlatformMoves
from bridge.registry.lti_platforms import LtiPlatforms
from bridge.registry.lti_registrations import LtiRegistrations
from bridge.registry.lti_tool_keys import ToolKeys, ToolKeyState
from bridge.registry.lti_wording import warning_sentence
from bridge.registry.tables import InstitutionRow
from lti.connection_test import Finding, probe
from lti.key_rotation import KeyTerm
from lti.services import CallsPlatforms
from lti.tool import LtiTool

_PURPOSE = "the operator looks after the platforms of all institutions"
REGISTER_PATH = "/lti/register"


@dataclass(frozen=True, slots=True)
class PlatformStaff:
    """Who acts, and for whom.

    Args:
        by: a reference, never a name; it stands beside what was changed.
        institution: whose platforms; None for the operator, who looks after all.
    """

    by: str
    institution: InstitutionId | None

    @property
    def is_operator(self) -> bool:
        """Whether all institutions' platforms, private networks and the tool's keys are theirs to change."""
        return self.institution is None


@dataclass(frozen=True, slots=True)
class ToolValues:
    """What is copied into an LMS; `webhook_url` is for its plugin, and None before it is registered."""

    login_url: str
    launch_url: str
    jwks_url: str
    deep_linking_url: str
    webhook_url: str | None = None


@dataclass(frozen=True, slots=True)
class InvitationLink:
    """An invitation as the LMS's administrator gets it; shown once."""

    url: str = field(repr=False)
    invitation: PlatformInvitation


@dataclass(frozen=True, slots=True)
class MovePreview:
    """What a move would change."""

    platform: Platform
    to: PlatformAddresses
    changes: Sequence[tuple[str, str, str]]


class PlatformOffice:
    """The use cases; another institution's platform is as good as none to its staff.

    Args:
        http: the guarded client.
        demonstration: whether platforms on this machine's http may be registered.
    """

    def __init__(
        self,
        units: UnitOfWork,
        cipher: FieldCipher,
        registrations: LtiRegistrations,
        tool: LtiTool,
        tool_keys: ToolKeys,
        http: CallsPlatforms,
        *,
        demonstration: bool,
    ) -> None:
        self._units = units
        self._cipher = cipher
        self._registrations = registrations
        self._tool = tool
        self._tool_keys = tool_keys
        self._http = http
        self.demonstration = demonstration

    def values(self, registration_id: RegistrationId | None = None) -> ToolValues:
        """Return what to copy into the LMS."""
        origin = self._tool.public_url.rstrip("/")
        return ToolValues(
            login_url=origin + self._tool.LOGIN_PATH,
            launch_url=self._tool.launch_url,
            jwks_url=origin + self._tool.JWKS_PATH,
            deep_linking_url=self._tool.launch_url,
            webhook_url=None if registration_id is None else f"{origin}/webhooks/v1/{registration_id}",
        )

    def institutions(self, staff: PlatformStaff) -> Sequence[tuple[InstitutionId, str]]:
        """Return (id, name) of the institutions that `staff` acts for."""
        with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
            rows = tx.session.execute(
                select(InstitutionRow.id, InstitutionRow.name).order_by(InstitutionRow.id)
            )
            return [(InstitutionId(one), name) for one, name in rows if staff.institution in (None, one)]

    def platforms(self, staff: PlatformStaff) -> Sequence[Platform]:
        """Return the platforms that `staff` looks after."""
        if staff.institution is None:
            with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
                return LtiPlatforms(tx, self._cipher).all()
        with self._units.for_institution(staff.institution, read_only=True) as tx:
            return LtiPlatforms(tx, self._cipher).all()

    def course_copies(self, staff: PlatformStaff) -> Sequence[CourseCopy]:
        """Return the copied courses of the platforms that `staff` looks after which are no class run's yet."""
        if staff.institution is None:
            with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
                return CourseCopies(tx, self._cipher).waiting()
        with self._units.for_institution(staff.institution, read_only=True) as tx:
            return CourseCopies(tx, self._cipher).waiting()

    def platform(self, staff: PlatformStaff, registration_id: RegistrationId) -> Platform:
        """Return one platform; InvalidInput("registration_unknown")."""
        with self._desk(staff, registration_id, read_only=True) as tx:
            return LtiPlatforms(tx, self._cipher).get(registration_id)

    def register(self, staff: PlatformStaff, institution: str | None, typed: Mapping[str, str]) -> Registered:
        """Register what was typed (see `lti_form.read_new_platform`); the webhook's secret is shown this once.

        Args:
            institution: for the operator, who must say which where there are several; else it is the staff's own.

        Raises:
            FieldsInvalid: the fields that cannot stand.
            InvalidInput: institution_unknown, institution_missing, lti_client_taken, lti_issuer_moved.
        """
        new = read_new_platform(typed, demo_allowed=self.demonstration)
        if new.private_hosts and not staff.is_operator:
            # Else an institution could have this machine call whatever stands in the operator's network.
            raise FieldsInvalid({"private_hosts": "内网主机须由系统管理员允许,请先留空并联系管理员。"})
        with self._units.for_institution(self._acting_for(staff, institution)) as tx:
            return LtiPlatforms(tx, self._cipher).register(new, by=staff.by)

    def decide(
        self,
        staff: PlatformStaff,
        registration_id: RegistrationId,
        deployment_id: str,
        status: DeploymentStatus,
    ) -> None:
        """See `PlatformDeployments.decide`."""
        with self._desk(staff, registration_id) as tx:
            PlatformDeployments(tx).decide(registration_id, deployment_id, status, by=staff.by)

    def set_enabled(self, staff: PlatformStaff, registration_id: RegistrationId, *, enabled: bool) -> None:
        """See `LtiPlatforms.enable` and `disable`."""
        with self._desk(staff, registration_id) as tx:
            platforms = LtiPlatforms(tx, self._cipher)
            (platforms.enable if enabled else platforms.disable)(registration_id, by=staff.by)

    def rotate_secret(self, staff: PlatformStaff, registration_id: RegistrationId) -> str:
        """See `LtiPlatforms.rotate_secret`."""
        with self._desk(staff, registration_id) as tx:
            return LtiPlatforms(tx, self._cipher).rotate_secret(registration_id)

    def finish_secret_rotation(self, staff: PlatformStaff, registration_id: RegistrationId) -> None:
        """See `LtiPlatforms.finish_secret_rotation`."""
        with self._desk(staff, registration_id) as tx:
            LtiPlatforms(tx, self._cipher).finish_secret_rotation(registration_id)

    def allow_private_hosts(self, staff: PlatformStaff, registration_id: RegistrationId, typed: str) -> None:
        """See `LtiPlatforms.allow_private_hosts`; NotPermitted("operator_only") for anybody else."""
        _require_operator(staff)
        hosts = read_private_hosts(typed)
        with self._desk(staff, registration_id) as tx:
            LtiPlatforms(tx, self._cipher).allow_private_hosts(registration_id, hosts)

    def test_connection(self, staff: PlatformStaff, registration_id: RegistrationId) -> tuple[Finding, ...]:
        """Return what each step of a connection test found, in words; nothing changes at the platform.

        Raises:
            InvalidInput: registration_unknown, registration_disabled.
        """
        platform = self.platform(staff, registration_id)
        if platform.status == "disabled":
            raise InvalidInput("registration_disabled", "这个平台已停用,请先启用再测试。", http_status=409)
        services = platform.services
        found = probe(
            self._registrations.by_id(registration_id),
            http=self._http,
            tool_keys=self._tool_keys,
            clock=self._units.clock,
            tool_jwks_url=self.values().jwks_url,
            line_items_url=services.line_items_url,
            line_item_url=services.line_item_url,
            memberships_url=services.memberships_url,
        )
        return (*found, *map(_privacy, platform.warnings))

    def preview_move(
        self, staff: PlatformStaff, registration_id: RegistrationId, typed: Mapping[str, str]
    ) -> MovePreview:
        """Return what the move to the typed addresses would change; what is not typed stays.

        Raises:
            FieldsInvalid: the addresses that cannot stand.
            InvalidInput("registration_unknown")
        """
        platform = self.platform(staff, registration_id)
        to = read_addresses(typed_for_move(platform.addresses, typed), demo=platform.demo)
        return MovePreview(platform, to, platform.addresses.changes(to))

    def move(
        self, staff: PlatformStaff, registration_id: RegistrationId, typed: Mapping[str, str], *, reason: str
    ) -> PlatformMove:
        """See `PlatformMoves.move`; FieldsInvalid as `preview_move`."""
        to = self.preview_move(staff, registration_id, typed).to
        with self._desk(staff, registration_id) as tx:
            return PlatformMoves(tx).move(registration_id, to, by=staff.by, reason=reason)

    def undo_move(self, staff: PlatformStaff, registration_id: RegistrationId) -> PlatformMove:
        """See `PlatformMoves.undo`."""
        with self._desk(staff, registration_id) as tx:
            return PlatformMoves(tx).undo(registration_id, by=staff.by)

    def invite(
        self,
        staff: PlatformStaff,
        institution: str | None,
        *,
        private_hosts: str = "",
        issuer: str = "",
    ) -> InvitationLink:
        """Return a one-time link for Dynamic Registration with the institution.

        Args:
            private_hosts: host names, for the operator alone.
            issuer: one whose configuration may lie on another origin.

        Raises:
            FieldsInvalid, InvalidInput: as `register`.
        """
        hosts = read_private_hosts(private_hosts)
        if hosts:
            _require_operator(staff)
        vouched = frozenset(filter(None, {issuer.strip()}))
        with self._units.for_institution(self._acting_for(staff, institution)) as tx:
            made = invite_platform(tx, by=staff.by, private_hosts=hosts, vouched_issuers=vouched)
        origin = self._tool.public_url.rstrip("/")
        return InvitationLink(f"{origin}{REGISTER_PATH}?invitation={made.token}", made)

    def invitations(self, staff: PlatformStaff) -> Sequence[OpenInvitation]:
        """Return the invitations that platforms may still use, of the institutions that `staff` acts for."""
        if staff.institution is None:
            with self._units.across_institutions(_PURPOSE, read_only=True) as tx:
                return open_invitations(tx)
        with self._units.for_institution(staff.institution, read_only=True) as tx:
            return open_invitations(tx)

    def revoke_invitation(self, staff: PlatformStaff, invitation_id: str) -> None:
        """See `lti_invitations.revoke`; another institution's invitation is unknown to its staff."""
        if staff.institution is None:
            with self._units.across_institutions(_PURPOSE) as tx:
                revoke(tx, invitation_id, by=staff.by)
            return
        with self._units.for_institution(staff.institution) as tx:
            revoke(tx, invitation_id, by=staff.by)

    def tool_keys(self, staff: PlatformStaff) -> Sequence[ToolKeyState]:
        """Return the tool's keys, which all institutions share; NotPermitted("operator_only")."""
        _require_operator(staff)
        return self._tool_keys.states()

    def rotate_tool_key(self, staff: PlatformStaff, *, at_once: bool = False) -> KeyTerm:
        """See `ToolKeys.rotate`; NotPermitted("operator_only")."""
        _require_operator(staff)
        return self._tool_keys.rotate(at_once=at_once)

    @contextmanager
    def _desk(
        self, staff: PlatformStaff, registration_id: RegistrationId, *, read_only: bool = False
    ) -> Iterator[Tx]:
        # Staff stay in their own institution's unit of work, whatever id they name.
        institution = staff.institution or self._registrations.institution_of(registration_id)
        with self._units.for_institution(institution, read_only=read_only) as tx:
            yield tx

    def _acting_for(self, staff: PlatformStaff, institution: str | None) -> InstitutionId:
        if staff.institution is not None:
            return staff.institution
        known = [one for one, _name in self.institutions(staff)]
        if not institution and len(known) != 1:
            raise InvalidInput("institution_missing", "请指明培训机构。", http_status=422)
        return InstitutionId(institution) if institution else known[0]


def typed_for_move(addresses: PlatformAddresses, typed: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a move's form: what was typed over what stands.

    Addresses below the old site's move along to the new one where they were not typed: most moves are no more than
    another host name or https.
    """
    stands = {name: "" if value is None else value for name, value in addresses.to_json().items()}
    stands["service_origins"] = " ".join(addresses.service_origins)
    issuer = typed.get("issuer", "").strip()
    if issuer and issuer != addresses.issuer:
        old, new = addresses.issuer.rstrip("/"), issuer.rstrip("/")
        for name, value in stands.items():
            if name != "issuer" and (value == old or value.startswith(old + "/")):
                stands[name] = new + value.removeprefix(old)
        if addresses.allowed_origin == _origin(addresses.issuer):
            stands["allowed_origin"] = _origin(issuer)
    return {**stands, **{name: value for name, value in typed.items() if value.strip()}}


def _origin(url: str) -> str:
    try:
        return page_origin(url)
    except ValueError:
        return ""  # said of the field itself


def _privacy(warning: PlatformWarning) -> Finding:
    return Finding("privacy", False, f"{warning.kind}_seen", warning_sentence(warning), warning=True)


def _require_operator(staff: PlatformStaff) -> None:
    if not staff.is_operator:
        raise NotPermitted("operator_only", "只有系统管理员可以进行这项操作。")
