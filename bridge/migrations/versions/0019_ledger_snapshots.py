"""snapshots of ledgers: what lies before a moment at which all is decided, so that each entry is settled at one cost"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_snapshot",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_snapshot")),
        sa.UniqueConstraint(
            "institution_id",
            "learner_ref",
            "class_run_id",
            name=op.f("uq_ledger_snapshot_institution_id_learner_ref_class_run_id"),
        ),
    )
    op.create_index(
        op.f("ix_ledger_snapshot_institution_id"), "ledger_snapshot", ["institution_id"], unique=False
    )
    op.create_table(
        "ledger_snapshot_part",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_snapshot_part")),
        sa.UniqueConstraint(
            "institution_id",
            "learner_ref",
            "class_run_id",
            "number",
            name=op.f("uq_ledger_snapshot_part_number"),
        ),
    )
    op.create_index(
        op.f("ix_ledger_snapshot_part_institution_id"),
        "ledger_snapshot_part",
        ["institution_id"],
        unique=False,
    )
