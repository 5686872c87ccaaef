"""The nouns of LTI platforms: what an institution registered, which deployments it approved, what was seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, RegistrationId

PlatformStatus = Literal["pending", "active", "disabled"]
"""pending: no right launch has come yet (after a registration or a move); launches and webhooks pass all the same."""
DeploymentStatus = Literal["pending", "approved", "refused"]
WarningKind = Literal["email", "contact", "citizen_id"]

CATALOGUE = "catalogue"
"""Who decided, for what stands in the operator's YAML. Whatever a person decides later outlives the next load."""


@dataclass(frozen=True, slots=True)
class PlatformAddresses:
    """Where a platform is and what it calls us: what changes when it moves.

    Args:
        allowed_origin: of the pages that may hold ours in a frame and call the agent's doors; no path.
        token_audience: `aud` of client assertions where it is not the token URL.
        service_origins: further origins on which the platform offers its services.
    """

    issuer: str
    client_id: str
    auth_login_url: str
    auth_token_url: str
    jwks_url: str
    allowed_origin: str
    token_audience: str | None = None
    service_origins: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:
        """Return the addresses as JSON values."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "service_origins": sorted(self.service_origins)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        return cls(**{**values, "service_origins": frozenset(values["service_origins"])})

    def changes(self, to: "PlatformAddresses") -> list[tuple[str, str, str]]:
        """Return (field, from, to) of what differs, for a preview."""
        mine, theirs = self.to_json(), to.to_json()
        return [
            (name, _shown(mine[name]), _shown(theirs[name]))
            for name in self.__slots__
            if mine[name] != theirs[name]
        ]


@dataclass(frozen=True, slots=True)
class SeenServices:
    """Service addresses that a launch named, for the connection test alone."""

    line_items_url: str | None = None
    line_item_url: str | None = None
    memberships_url: str | None = None


NO_SERVICES = SeenServices()


@dataclass(frozen=True, slots=True)
class NewPlatform:
    """A platform as somebody asks to register it; its fields are checked (`lti_form`)."""

    name: str
    addresses: PlatformAddresses
    algorithm: str = "RS256"
    deployment_ids: frozenset[str] = frozenset()
    private_hosts: frozenset[str] = frozenset()
    anonymous_allowed: bool = False
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment, and who decided on it when."""

    deployment_id: str
    status: DeploymentStatus
    seen_at: datetime
    decided_at: datetime | None
    decided_by: str | None


@dataclass(frozen=True, slots=True)
class PlatformWarning:
    """Something that the platform should not send, dropped at the door: how often, and when last."""

    kind: WarningKind
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class PlatformMove:
    """One move of a platform; `undo_of` is the move that it takes back."""

    id: str
    before: PlatformAddresses
    after: PlatformAddresses
    moved_at: datetime
    moved_by: str
    reason: str
    undo_of: str | None


@dataclass(frozen=True, slots=True)
class Platform:
    """A registered platform as its owners look at it; the webhook's secrets are not in it.

    Args:
        deployments: waiting ones first, then by first sight.
        moves: oldest first.
        old_secret_until: until when the webhook secret before the current one is accepted; None if it is not.
    """

    id: RegistrationId
    institution_id: InstitutionId
    name: str
    status: PlatformStatus
    addresses: PlatformAddresses
    algorithm: str
    demo: bool
    private_hosts: frozenset[str]
    anonymous_allowed: bool
    created_at: datetime
    created_by: str
    first_launch_at: datetime | None
    secret_changed_at: datetime | None
    old_secret_until: datetime | None
    services: SeenServices
    deployments: tuple[Deployment, ...]
    warnings: tuple[PlatformWarning, ...]
    moves: tuple[PlatformMove, ...]

    @property
    def waiting(self) -> tuple[Deployment, ...]:
        """Deployments that want a decision."""
        return tuple(one for one in self.deployments if one.status == "pending")

    @property
    def undoable(self) -> PlatformMove | None:
        """The move that can be taken back: the last one, unless it takes one back itself."""
        last = self.moves[-1] if self.moves else None
        return last if last is not None and last.undo_of is None else None


@dataclass(frozen=True, slots=True)
class Registered:
    """A platform that has just been registered, and its webhook secret, which is shown this once."""

    platform: Platform
    webhook_secret: str = field(repr=False)


class FieldsInvalid(InvalidInput):
    """Fields that cannot stand, each with its sentence; all of them, so that a form is mended in one go."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        # Names of fields are words; values are never repeated.
        super().__init__(
            "platform_fields_invalid",
            ";".join(f"{name}:{sentence.rstrip('。')}" for name, sentence in fields.items()) + "。",
            http_status=422,
        )
        self.fields = dict(fields)


def _shown(value: Any) -> str:
    return "、".join(value) if isinstance(value, list) else (value or "")
