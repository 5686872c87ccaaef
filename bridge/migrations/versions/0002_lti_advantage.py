"""LTI Advantage: many deployments a platform, moves, warnings, invitations, tool keys; one-time state without rows"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime
from bridge.kernel.ids import new_id

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LONG_AGO = "1970-01-01 00:00:00+00"


def upgrade() -> None:
    _registrations_know_more()
    _deployments_become_rows()
    _moves()
    _warnings()
    _invitations()
    _tool_keys()
    _used_states()


def _registrations_know_more() -> None:
    # SQLite adds no NOT NULL column without a default, and can only take one away by copying the table.
    for column in (
        sa.Column("name", sa.String(length=120), nullable=False, server_default=""),
        sa.Column("status", sa.String(length=64), nullable=False, server_default="active"),
        sa.Column("token_audience", sa.Text(), nullable=True),
        sa.Column("service_origins", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("anonymous_allowed", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("old_secret_enc", sa.Text(), nullable=True),
        sa.Column("old_secret_until", UtcDateTime(), nullable=True),
        sa.Column("secret_changed_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False, server_default=_LONG_AGO),
        sa.Column("created_by", sa.String(length=80), nullable=False, server_default="catalogue"),
        sa.Column("first_launch_at", UtcDateTime(), nullable=True),
        sa.Column("seen_line_items_url", sa.Text(), nullable=True),
        sa.Column("seen_line_item_url", sa.Text(), nullable=True),
        sa.Column("seen_memberships_url", sa.Text(), nullable=True),
        sa.Column("status_by", sa.String(length=80), nullable=True),
        sa.Column("status_at", UtcDateTime(), nullable=True),
    ):
        op.add_column("lti_registration", column)
        if column.server_default is not None and op.get_bind().dialect.name == "postgresql":
            op.alter_column("lti_registration", column.name, server_default=None)
    registration = sa.table(
        "lti_registration", sa.column("name"), sa.column("issuer"), sa.column("created_at", UtcDateTime())
    )
    op.execute(
        registration.update().values(
            name=sa.func.substr(registration.c.issuer, 1, 120), created_at=datetime.now(UTC)
        )
    )


def _deployments_become_rows() -> None:
    op.create_table(
        "lti_deployment",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("registration_id", sa.String(length=40), nullable=False),
        sa.Column("deployment_id", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        _to_registration("lti_deployment"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_deployment")),
        sa.UniqueConstraint(
            "registration_id", "deployment_id", name=op.f("uq_lti_deployment_registration_id_deployment_id")
        ),
    )
    _index("lti_deployment", "institution_id")
    registration = sa.table(
        "lti_registration",
        sa.column("id"),
        sa.column("institution_id"),
        sa.column("deployment_ids", sa.JSON()),
    )
    deployment = sa.table(
        "lti_deployment",
        *map(sa.column, ("id", "registration_id", "deployment_id", "status", "decided_by", "institution_id")),
        *(sa.column(name, UtcDateTime()) for name in ("seen_at", "decided_at")),
    )
    now = datetime.now(UTC)
    rows: list[dict[str, Any]] = [
        {
            "id": new_id("dep"),
            "registration_id": row.id,
            "deployment_id": deployment_id,
            "status": "approved",
            "decided_by": "catalogue",
            "institution_id": row.institution_id,
            "seen_at": now,
            "decided_at": now,
        }
        for row in op.get_bind().execute(sa.select(registration))
        for deployment_id in row.deployment_ids
    ]
    op.bulk_insert(deployment, rows)
    op.drop_column("lti_registration", "deployment_ids")


def _moves() -> None:
    op.create_table(
        "lti_platform_move",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("registration_id", sa.String(length=40), nullable=False),
        sa.Column("from_issuer", sa.String(length=255), nullable=False),
        sa.Column("from_client_id", sa.String(length=255), nullable=False),
        sa.Column("from_addresses", sa.JSON(), nullable=False),
        sa.Column("to_issuer", sa.String(length=255), nullable=False),
        sa.Column("to_client_id", sa.String(length=255), nullable=False),
        sa.Column("to_addresses", sa.JSON(), nullable=False),
        sa.Column("moved_at", UtcDateTime(), nullable=False),
        sa.Column("moved_by", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("undo_of", sa.String(length=40), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        _to_registration("lti_platform_move"),
        sa.ForeignKeyConstraint(
            ["undo_of"], ["lti_platform_move.id"], name=op.f("fk_lti_platform_move_undo_of")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_platform_move")),
        sa.UniqueConstraint("undo_of", name=op.f("uq_lti_platform_move_undo_of")),
    )
    for column in ("from_issuer", "institution_id", "registration_id"):
        _index("lti_platform_move", column)


def _warnings() -> None:
    op.create_table(
        "lti_warning",
        sa.Column("registration_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        _to_registration("lti_warning"),
        sa.PrimaryKeyConstraint("registration_id", "kind", name=op.f("pk_lti_warning")),
    )
    _index("lti_warning", "institution_id")


def _invitations() -> None:
    op.create_table(
        "lti_invitation",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("private_hosts", sa.JSON(), nullable=False),
        sa.Column("vouched_issuers", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=True),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("registration_id", sa.String(length=40), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        _to_registration("lti_invitation"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_invitation")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_lti_invitation_token_sha256")),
    )
    _index("lti_invitation", "institution_id")


def _tool_keys() -> None:
    op.create_table(
        "lti_tool_key",
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("pem_enc", sa.Text(), nullable=False),
        sa.Column("published_from", UtcDateTime(), nullable=False),
        sa.Column("signs_from", UtcDateTime(), nullable=False),
        sa.Column("published_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_lti_tool_key")),
    )


def _used_states() -> None:
    # Logins under way live in the signed state now; those that wait at this moment start again.
    op.drop_table("login_flow")
    op.create_table(
        "lti_used_state",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("expires_seconds", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_used_state")),
        sqlite_with_rowid=False,
    )


def _to_registration(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["registration_id"], ["lti_registration.id"], name=op.f(f"fk_{table}_registration_id")
    )


def _index(table: str, column: str) -> None:
    op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)


def downgrade() -> None:
    raise RuntimeError(
        "what was registered since could not be kept; restore the backup made before the upgrade"
    )
