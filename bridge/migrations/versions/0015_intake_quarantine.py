"""what intake set aside and every step over it; how many workers in a row a job has lost"""

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl
from bridge.db.base import UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "intake_quarantine",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("natural_key", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("chain", sa.String(length=120), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("job", sa.String(length=40), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("original_sha256", sa.String(length=64), nullable=True),
        sa.Column("verification", sa.String(length=120), nullable=True),
        sa.Column("waits_for", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("set_aside_at", UtcDateTime(), nullable=False),
        sa.Column("tried_at", UtcDateTime(), nullable=False),
        sa.Column("next_try_at", UtcDateTime(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intake_quarantine")),
        sa.UniqueConstraint(
            "institution_id", "natural_key", name=op.f("uq_intake_quarantine_institution_id_natural_key")
        ),
    )
    op.create_index(
        "ix_intake_quarantine_state", "intake_quarantine", ["institution_id", "state", "set_aside_at"]
    )
    for column in ("next_try_at", "waits_for", "institution_id"):
        op.create_index(f"ix_intake_quarantine_{column}", "intake_quarantine", [column])
    op.create_table(
        "intake_quarantine_step",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("quarantine_id", sa.String(length=40), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intake_quarantine_step")),
    )
    op.create_index("ix_intake_quarantine_step_of", "intake_quarantine_step", ["quarantine_id", "id"])
    op.create_index("ix_intake_quarantine_step_institution_id", "intake_quarantine_step", ["institution_id"])
    for statement in append_only_ddl("intake_quarantine_step", op.get_bind().dialect.name):
        op.execute(statement)
    op.add_column("job", sa.Column("lost", sa.Integer(), server_default="0", nullable=False))
