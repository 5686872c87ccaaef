"""impact assessments, which the database refuses to change"""

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl
from bridge.db.base import UtcDateTime

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "impact_assessment",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("assessed_on", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("assessed_by", sa.String(length=120), nullable=False),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("necessity", sa.Text(), nullable=False),
        sa.Column("risks", sa.Text(), nullable=False),
        sa.Column("measures", sa.Text(), nullable=False),
        sa.Column("report_sha256", sa.String(length=64), nullable=True),
        sa.Column("recorded_by", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_impact_assessment")),
    )
    op.create_index(op.f("ix_impact_assessment_institution_id"), "impact_assessment", ["institution_id"])
    op.create_index(
        "uq_impact_assessment_version",
        "impact_assessment",
        ["institution_id", "purpose", "class_run_id", "version"],
        unique=True,
    )
    op.create_index("uq_impact_assessment_seq", "impact_assessment", ["institution_id", "seq"], unique=True)
    for statement in append_only_ddl("impact_assessment", op.get_bind().dialect.name):
        op.execute(statement)
