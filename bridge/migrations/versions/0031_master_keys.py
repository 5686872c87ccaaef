"""data keys say which master key wrapped them; signed receipts of destroyed keys"""

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl
from bridge.db.base import UtcDateTime

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "data_key", sa.Column("wrapped_by", sa.String(length=64), server_default="", nullable=False)
    )
    op.create_table(
        "key_destruction",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("destroyed_at", UtcDateTime(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("signed_by", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=100), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_key_destruction")),
        sa.UniqueConstraint("key_id", name=op.f("uq_key_destruction_key_id")),
        sa.UniqueConstraint("sha256", name=op.f("uq_key_destruction_sha256")),
    )
    op.create_index(
        op.f("ix_key_destruction_institution_id"), "key_destruction", ["institution_id"], unique=False
    )
    for statement in append_only_ddl("key_destruction", op.get_bind().dialect.name):
        op.execute(statement)
