"""which account an identity of the provincial unified login signs in to"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "province_login",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("subject_index", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.String(length=40), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_account.id"], name=op.f("fk_province_login_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_province_login")),
    )
    op.create_index(op.f("ix_province_login_staff_id"), "province_login", ["staff_id"])
    op.create_index(
        "uq_province_login_subject",
        "province_login",
        ["subject_index"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
