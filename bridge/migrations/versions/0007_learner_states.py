"""what platforms are told of their learners"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lms_learner_state",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("registration_id", sa.String(length=40), nullable=False),
        sa.Column("context_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("real_name", sa.Boolean(), nullable=False),
        sa.Column("class_hours", sa.BigInteger(), nullable=False),
        sa.Column("told_real_name", sa.Boolean(), nullable=True),
        sa.Column("told_class_hours", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["lti_registration.id"], name=op.f("fk_lms_learner_state_registration_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lms_learner_state")),
        sa.UniqueConstraint(
            "registration_id",
            "context_id",
            "account_id",
            name=op.f("uq_lms_learner_state_registration_id_context_id_account_id"),
        ),
    )
    op.create_index("ix_lms_learner_state_due", "lms_learner_state", ["next_at"])
    for column in ("account_id", "institution_id"):
        op.create_index(op.f(f"ix_lms_learner_state_{column}"), "lms_learner_state", [column], unique=False)
