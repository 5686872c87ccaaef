"""checks name the face reference that they compared with; staff's checks of the card; which photo a provider saw"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "presence_check",
        sa.Column("reference", sa.String(length=40), server_default="", nullable=False),
    )
    op.add_column("face_reference", sa.Column("id", sa.String(length=40), server_default="", nullable=False))
    op.add_column("real_name_question", sa.Column("photo", sa.String(length=40), nullable=True))
    op.create_table(
        "card_check_place",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("added_by", sa.String(length=40), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_check_place")),
    )
    op.create_index(op.f("ix_card_check_place_institution_id"), "card_check_place", ["institution_id"])
    op.create_table(
        "card_check",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("class_run", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("two_people", sa.Boolean(), nullable=False),
        sa.Column("place", sa.String(length=60), nullable=False),
        sa.Column("opened_by", sa.String(length=40), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("nonce_sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("confirmed_by", sa.String(length=40), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_check")),
    )
    op.create_index(op.f("ix_card_check_institution_id"), "card_check", ["institution_id"])
    op.create_index("ix_card_check_learner", "card_check", ["institution_id", "learner", "class_run"])
