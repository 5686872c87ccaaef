"""The tables of LTI platforms: registrations, their deployments, moves and warnings; invitations; tool keys."""

from sqlalchemy import Boolean, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Count, Id, Instant, JsonDict, JsonList, LongText, TenantRow


class LtiRegistrationRow(Base, TenantRow):
    """One client of one LTI platform. Its id outlives every address: accounts and hours hang on it.

    `webhook_secret_enc` is the one that the LMS signs with; the one before it is accepted up to
    `old_secret_until`. Both are encrypted. The service addresses that a launch named are kept for the connection
    test alone.
    """

    __tablename__ = "lti_registration"
    __table_args__ = (UniqueConstraint("issuer", "client_id"),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(120))
    status: Mapped[Code]
    issuer: Mapped[str] = mapped_column(String(255))
    client_id: Mapped[str] = mapped_column(String(255))
    auth_login_url: Mapped[LongText]
    auth_token_url: Mapped[LongText]
    jwks_url: Mapped[LongText]
    token_audience: Mapped[str | None] = mapped_column(Text)
    service_origins: Mapped[JsonList]
    algorithm: Mapped[str] = mapped_column(String(8))
    demo: Mapped[bool] = mapped_column(Boolean)
    private_hosts: Mapped[JsonList]
    anonymous_allowed: Mapped[bool] = mapped_column(Boolean)
    allowed_origin: Mapped[LongText]
    webhook_secret_enc: Mapped[str] = mapped_column(Text)
    old_secret_enc: Mapped[str | None] = mapped_column(Text)
    old_secret_until: Mapped[Instant | None]
    secret_changed_at: Mapped[Instant | None]
    created_at: Mapped[Instant]
    created_by: Mapped[str] = mapped_column(String(80))
    first_launch_at: Mapped[Instant | None]
    seen_line_items_url: Mapped[str | None] = mapped_column(Text)
    seen_line_item_url: Mapped[str | None] = mapped_column(Text)
    seen_memberships_url: Mapped[str | None] = mapped_column(Text)
    status_by: Mapped[str | None] = mapped_column(String(80))
    status_at: Mapped[Instant | None]


class LtiDeploymentRow(Base, TenantRow):
    """One deployment of a registration; a launch from it passes once it is approved."""

    __tablename__ = "lti_deployment"
    __table_args__ = (UniqueConstraint("registration_id", "deployment_id"),)

    id: Mapped[Id]
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    deployment_id: Mapped[str] = mapped_column(String(255))
    status: Mapped[Code]
    seen_at: Mapped[Instant]
    decided_at: Mapped[Instant | None]
    decided_by: Mapped[str | None] = mapped_column(String(80))


class LtiPlatformMoveRow(Base, TenantRow):
    """One move of a platform to another issuer or other addresses; only ever added.

    `undo_of` is the move that this one takes back. The issuer that was left stays refused.
    """

    __tablename__ = "lti_platform_move"

    id: Mapped[Id]
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"), index=True)
    from_issuer: Mapped[str] = mapped_column(String(255), index=True)
    from_client_id: Mapped[str] = mapped_column(String(255))
    from_addresses: Mapped[JsonDict]
    to_issuer: Mapped[str] = mapped_column(String(255))
    to_client_id: Mapped[str] = mapped_column(String(255))
    to_addresses: Mapped[JsonDict]
    moved_at: Mapped[Instant]
    moved_by: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(200))
    undo_of: Mapped[str | None] = mapped_column(String(40), ForeignKey("lti_platform_move.id"), unique=True)


class LtiWarningRow(Base, TenantRow):
    """How often a platform sent what it should not, and when last; never what it sent."""

    __tablename__ = "lti_warning"

    registration_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("lti_registration.id"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[Count]
    last_at: Mapped[Instant]


class LtiInvitationRow(Base, TenantRow):
    """A one-time way to register a platform dynamically; the token itself is never stored.

    `claimed_at` holds off a second use while the first is under way.
    """

    __tablename__ = "lti_invitation"

    id: Mapped[Id]
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    private_hosts: Mapped[JsonList]
    vouched_issuers: Mapped[JsonList]
    created_at: Mapped[Instant]
    created_by: Mapped[str] = mapped_column(String(80))
    expires_at: Mapped[Instant]
    tries: Mapped[int]
    claimed_at: Mapped[Instant | None]
    used_at: Mapped[Instant | None]
    registration_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    revoked_at: Mapped[Instant | None]
    revoked_by: Mapped[str | None] = mapped_column(String(80))


class LtiToolKeyRow(Base):
    """A key of the tool itself, which is one for all institutions; see `lti.key_rotation.KeyTerm` for the instants.

    The private half is encrypted, and erased ("") once the key is gone.
    """

    __tablename__ = "lti_tool_key"

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    pem_enc: Mapped[LongText]
    published_from: Mapped[Instant]
    signs_from: Mapped[Instant]
    published_until: Mapped[Instant | None]
