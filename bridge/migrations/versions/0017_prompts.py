"""questions put to learners who study, and what the agent is told"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "presence_prompt",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("session", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("class_run", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("answer_by_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts_left", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("question", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("shown_ms", sa.BigInteger(), nullable=True),
        sa.Column("decided_ms", sa.BigInteger(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence_prompt")),
    )
    for column in ("institution_id", "session"):
        op.create_index(op.f(f"ix_presence_prompt_{column}"), "presence_prompt", [column], unique=False)
    op.create_index("ix_presence_prompt_state", "presence_prompt", ["state", "answer_by_ms"], unique=False)
    op.add_column("study_session", sa.Column("next_prompt_ms", sa.BigInteger(), nullable=True))
    op.add_column("study_session", sa.Column("prompt_idle_ms", sa.BigInteger(), nullable=True))
    op.add_column(
        "study_session", sa.Column("attended_ms", sa.BigInteger(), nullable=False, server_default="0")
    )
    for column in ("news", "orders"):
        op.add_column("study_session", sa.Column(column, sa.Text(), nullable=False, server_default=""))
