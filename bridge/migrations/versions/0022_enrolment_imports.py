"""enrolment lists that were uploaded; the trade of a person of a list"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("enrolment_list_row", sa.Column("trade_enc", sa.Text(), nullable=True))
    op.create_table(
        "enrolment_import",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("rows_enc", sa.Text(), nullable=False),
        sa.Column("planned", sa.JSON(), nullable=False),
        sa.Column("applied", sa.JSON(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=40), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_by", sa.String(length=40), nullable=True),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_import")),
    )
    op.create_index(
        op.f("ix_enrolment_import_class_run_id"), "enrolment_import", ["class_run_id"], unique=False
    )
    op.create_index(
        op.f("ix_enrolment_import_institution_id"), "enrolment_import", ["institution_id"], unique=False
    )
