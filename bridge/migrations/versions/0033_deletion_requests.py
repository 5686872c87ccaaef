"""what learners asked to have deleted, and how staff answered"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deletion_request",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("handled_at", UtcDateTime(), nullable=True),
        sa.Column("handled_by", sa.String(length=40), nullable=True),
        sa.Column("outcome", sa.String(length=64), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["lms_account.id"], name=op.f("fk_deletion_request_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deletion_request")),
    )
    op.create_index(op.f("ix_deletion_request_institution_id"), "deletion_request", ["institution_id"])
    op.create_index("ix_deletion_request_learner", "deletion_request", ["learner"])
