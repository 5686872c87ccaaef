"""which Canvas accounts send events; each institution's own LRS, how far it has the statements, what it refused"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "canvas_source",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("root_account_uuid", sa.String(length=64), nullable=False),
        sa.Column("hostname", sa.String(length=253), nullable=False),
        sa.Column("jwks_url", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("ended_by", sa.String(length=40), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canvas_source")),
    )
    op.create_index("ix_canvas_source_institution_id", "canvas_source", ["institution_id"])
    op.create_table(
        "lrs_forward",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("secret_enc", sa.Text(), nullable=False),
        sa.Column("private_host", sa.String(length=253), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("sent_seq", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("there_already", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=False),
        sa.Column("last_sent_at", UtcDateTime(), nullable=True),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.Column("set_by", sa.String(length=40), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lrs_forward")),
        sa.UniqueConstraint("institution_id", name=op.f("uq_lrs_forward_institution_id")),
    )
    op.create_index("ix_lrs_forward_institution_id", "lrs_forward", ["institution_id"])
    op.create_table(
        "lrs_forward_refused",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("forward_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("statement_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("refused_at", UtcDateTime(), nullable=False),
        sa.Column("tried_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lrs_forward_refused")),
        sa.UniqueConstraint("forward_id", "seq", name=op.f("uq_lrs_forward_refused_forward_id_seq")),
    )
    op.create_index("ix_lrs_forward_refused_state", "lrs_forward_refused", ["forward_id", "state"])
    op.create_index("ix_lrs_forward_refused_institution_id", "lrs_forward_refused", ["institution_id"])
