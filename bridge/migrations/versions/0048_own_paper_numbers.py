"""institutions' own schemes of paper numbers"""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "paper_number_prefix",
        sa.Column("prefix", sa.String(length=64), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("prefix", name=op.f("pk_paper_number_prefix")),
    )
    op.create_index(op.f("ix_paper_number_prefix_institution_id"), "paper_number_prefix", ["institution_id"])
    op.create_table(
        "paper_number_scheme",
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("prefix", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", "valid_from", name=op.f("pk_paper_number_scheme")),
    )
    op.create_table(
        "paper_number_run",
        sa.Column("prefix", sa.String(length=64), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("prefix", "year", name=op.f("pk_paper_number_run")),
    )
    op.create_index(op.f("ix_paper_number_run_institution_id"), "paper_number_run", ["institution_id"])
