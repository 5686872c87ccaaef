"""clients of the read API, their tokens, and which signed assertions were used"""

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl
from bridge.db.base import UtcDateTime

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_client",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("division_code", sa.String(length=6), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=True),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("purpose", sa.String(length=200), nullable=False),
        sa.Column("scopes", sa.String(length=400), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=True),
        sa.Column("previous_sha256", sa.String(length=64), nullable=True),
        sa.Column("previous_until", UtcDateTime(), nullable=True),
        sa.Column("keys", sa.JSON(), nullable=True),
        sa.Column("asked_by", sa.String(length=40), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("allowed_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_client")),
    )
    op.create_index(op.f("ix_api_client_division_code"), "api_client", ["division_code"])
    op.create_index(op.f("ix_api_client_institution_id"), "api_client", ["institution_id"])
    op.create_table(
        "api_client_step",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["api_client.id"], name=op.f("fk_api_client_step_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_client_step")),
        sa.UniqueConstraint("client_id", "number", name=op.f("uq_api_client_step_client_id_number")),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("scopes", sa.String(length=400), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["api_client.id"], name=op.f("fk_api_token_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
    )
    op.create_index(op.f("ix_api_token_client_id"), "api_token", ["client_id"])
    op.create_index(op.f("ix_api_token_expires_at"), "api_token", ["expires_at"])
    op.create_table(
        "api_assertion",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_assertion")),
    )
    op.create_index(op.f("ix_api_assertion_expires_at"), "api_assertion", ["expires_at"])
    for statement in append_only_ddl("api_client_step", op.get_bind().dialect.name):
        op.execute(statement)
