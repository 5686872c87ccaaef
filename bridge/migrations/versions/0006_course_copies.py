"""LMS courses that a platform made from a class run's course"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lms_course_copy",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("registration_id", sa.String(length=40), nullable=False),
        sa.Column("context_ref", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("copied_at", UtcDateTime(), nullable=False),
        sa.Column("noted_at", UtcDateTime(), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=False),
        sa.Column("set_aside_at", UtcDateTime(), nullable=True),
        sa.Column("set_aside_by", sa.String(length=40), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        _to("registration_id", "lti_registration"),
        _to("class_run_id", "class_run"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lms_course_copy")),
        sa.UniqueConstraint(
            "registration_id",
            "context_ref",
            "class_run_id",
            name=op.f("uq_lms_course_copy_registration_id_context_ref_class_run_id"),
        ),
    )
    for column in ("class_run_id", "institution_id"):
        op.create_index(op.f(f"ix_lms_course_copy_{column}"), "lms_course_copy", [column], unique=False)


def _to(column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_lms_course_copy_{column}"))
