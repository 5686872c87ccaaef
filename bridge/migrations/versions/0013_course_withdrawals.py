"""course versions that were taken down, and freezes found by their kind"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "course_withdrawal",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("course_id", sa.String(length=40), nullable=False),
        sa.Column("withdrawn_on", sa.Date(), nullable=False),
        sa.Column("entered_by", sa.String(length=80), nullable=False),
        sa.Column("entered_at", UtcDateTime(), nullable=False),
        sa.Column("mended_by", sa.String(length=80), nullable=True),
        sa.Column("mended_at", UtcDateTime(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["course.id"], name=op.f("fk_course_withdrawal_course_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_withdrawal")),
    )
    for column in ("course_id", "institution_id"):
        op.create_index(op.f(f"ix_course_withdrawal_{column}"), "course_withdrawal", [column], unique=False)
    op.create_index(
        "ix_ledger_entry_freeze",
        "ledger_entry",
        ["institution_id", "class_run_id"],
        sqlite_where=sa.text("kind = 'freeze'"),
        postgresql_where=sa.text("kind = 'freeze'"),
    )
