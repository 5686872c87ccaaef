"""the search among registered faces: which references count, and whose are alike"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "face_search_entry",
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("class_run", sa.String(length=40), nullable=False),
        sa.Column("model_id", sa.String(length=80), nullable=False),
        sa.Column("model_sha256", sa.String(length=64), nullable=False),
        sa.Column("template", sa.String(length=40), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("learner", "class_run", name=op.f("pk_face_search_entry")),
    )
    op.create_index("ix_face_search_entry_number", "face_search_entry", ["institution_id", "number"])
    op.create_index(op.f("ix_face_search_entry_institution_id"), "face_search_entry", ["institution_id"])
    op.create_table(
        "face_search_head",
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", name=op.f("pk_face_search_head")),
    )
    op.create_table(
        "face_likeness",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("pair", sa.String(length=90), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("class_run", sa.String(length=40), nullable=False),
        sa.Column("other", sa.String(length=40), nullable=False),
        sa.Column("other_class_run", sa.String(length=40), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("model_id", sa.String(length=80), nullable=False),
        sa.Column("pack_id", sa.String(length=64), nullable=False),
        sa.Column("found_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face_likeness")),
        sa.UniqueConstraint("institution_id", "pair", name=op.f("uq_face_likeness_institution_id_pair")),
    )
    for column in ("learner", "other", "institution_id"):
        op.create_index(op.f(f"ix_face_likeness_{column}"), "face_likeness", [column])
