"""course material that the bridge keeps and plays itself"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "course_material",
        sa.Column("course_id", sa.String(length=40), nullable=False),
        sa.Column("unit_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("length_ms", sa.BigInteger(), nullable=True),
        sa.Column("pages", sa.JSON(), nullable=False),
        sa.Column("entered_by", sa.String(length=40), nullable=False),
        sa.Column("entered_at", UtcDateTime(), nullable=False),
        sa.Column("reviewed_by", sa.String(length=40), nullable=True),
        sa.Column("reviewed_at", UtcDateTime(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["course_id", "unit_id"],
            ["course_unit.course_id", "course_unit.id"],
            name="fk_course_material_unit",
        ),
        sa.PrimaryKeyConstraint("course_id", "unit_id", name=op.f("pk_course_material")),
    )
    op.create_index(
        op.f("ix_course_material_institution_id"), "course_material", ["institution_id"], unique=False
    )
