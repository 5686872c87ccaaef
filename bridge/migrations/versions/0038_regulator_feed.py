"""what the feed to the regulator keeps of records, attempts, the door, people's steps and daily comparisons"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = sa.DateTime(timezone=True)
    op.add_column(
        "report_record", sa.Column("action", sa.String(length=64), server_default="report", nullable=False)
    )
    op.add_column("report_record", sa.Column("place", sa.Integer(), server_default="0", nullable=False))
    op.add_column("report_record", sa.Column("as_of", instant, nullable=True))
    op.add_column("report_record", sa.Column("reason_code", sa.String(length=64), nullable=True))
    op.add_column("report_record", sa.Column("sha256", sa.String(length=64), nullable=True))
    op.add_column("report_record", sa.Column("settled_at", instant, nullable=True))
    op.create_index(
        "ix_report_record_settled", "report_record", ["institution_id", "division_code", "settled_at"]
    )
    op.add_column("report_batch", sa.Column("position", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("report_batch", sa.Column("next_at", instant, nullable=True))
    op.add_column("report_batch", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("report_batch", sa.Column("reason", sa.String(length=64), nullable=True))
    op.add_column("report_attempt", sa.Column("answer_sha256", sa.String(length=64), nullable=True))
    op.add_column("report_attempt", sa.Column("answer_bytes", sa.Integer(), nullable=True))
    op.create_table(
        "report_step",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_step")),
    )
    op.create_index(op.f("ix_report_step_institution_id"), "report_step", ["institution_id"])
    op.create_table(
        "report_reconciliation",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("division_code", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("our_count", sa.Integer(), nullable=False),
        sa.Column("our_sha256", sa.String(length=64), nullable=False),
        sa.Column("their_count", sa.Integer(), nullable=True),
        sa.Column("their_sha256", sa.String(length=64), nullable=True),
        sa.Column("differences", sa.JSON(), nullable=False),
        sa.Column("failure", sa.String(length=64), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_reconciliation")),
    )
    op.create_index(
        op.f("ix_report_reconciliation_institution_id"), "report_reconciliation", ["institution_id"]
    )
    op.create_index(
        "ix_report_reconciliation_day", "report_reconciliation", ["institution_id", "division_code", "day"]
    )
    op.create_table(
        "report_door",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("circuit", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("until", instant, nullable=True),
        sa.Column("changed_at", instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_door")),
    )
