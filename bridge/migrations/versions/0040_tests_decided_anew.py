"""tests that are decided anew by what two people say of a check"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "test_decided_anew",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("decision", sa.String(length=40), nullable=False),
        sa.Column("review", sa.String(length=40), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("checks_passed", sa.Integer(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision"], ["test_decision.id"], name=op.f("fk_test_decided_anew_decision")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_decided_anew")),
        sa.UniqueConstraint(
            "institution_id",
            "decision",
            "review",
            name=op.f("uq_test_decided_anew_institution_id_decision_review"),
        ),
    )
    op.create_index(op.f("ix_test_decided_anew_institution_id"), "test_decided_anew", ["institution_id"])
