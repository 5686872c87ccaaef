"""questions to real-name providers: where each stands, and what went to whom"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "real_name_check",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("list_row_id", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("claim_index", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.String(length=40), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["lms_account.id"], name=op.f("fk_real_name_check_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["list_row_id"], ["enrolment_list_row.id"], name=op.f("fk_real_name_check_list_row_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_real_name_check")),
        sa.UniqueConstraint(
            "account_id", "list_row_id", name=op.f("uq_real_name_check_account_id_list_row_id")
        ),
    )
    op.create_index(op.f("ix_real_name_check_institution_id"), "real_name_check", ["institution_id"])
    op.create_index("ix_real_name_check_next_at", "real_name_check", ["next_at"])
    op.create_table(
        "real_name_question",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("check_id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("sent", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.String(length=64), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["check_id"], ["real_name_check.id"], name=op.f("fk_real_name_question_check_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_real_name_question")),
    )
    for column in ("check_id", "institution_id"):
        op.create_index(op.f(f"ix_real_name_question_{column}"), "real_name_question", [column])
    op.create_index("ix_real_name_question_at", "real_name_question", ["provider", "at"])
