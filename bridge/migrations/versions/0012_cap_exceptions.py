"""reasons for which a class run departs from the online cap"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "online_cap_exception",
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("entered_by", sa.String(length=40), nullable=False),
        sa.Column("entered_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_by", sa.String(length=40), nullable=True),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["class_run_id"], ["class_run.id"], name=op.f("fk_online_cap_exception_class_run_id")
        ),
        sa.PrimaryKeyConstraint("class_run_id", name=op.f("pk_online_cap_exception")),
    )
    op.create_index(
        op.f("ix_online_cap_exception_institution_id"),
        "online_cap_exception",
        ["institution_id"],
        unique=False,
    )
