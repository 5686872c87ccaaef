"""random challenges of face registrations, their frames, marks of frames"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "face_challenge",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("class_run", sa.String(length=40), nullable=False),
        sa.Column("pack_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("met", sa.JSON(), nullable=False),
        sa.Column("step", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("ends_ms", sa.BigInteger(), nullable=False),
        sa.Column("suspicions", sa.JSON(), nullable=False),
        sa.Column("camera", sa.String(length=64), nullable=False),
        sa.Column("sentence", sa.String(length=300), nullable=False),
        sa.Column("templates", sa.JSON(), nullable=False),
        sa.Column("with_photo", sa.Boolean(), nullable=False),
        sa.Column("eyes_read", sa.Boolean(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face_challenge")),
    )
    op.create_index(op.f("ix_face_challenge_institution_id"), "face_challenge", ["institution_id"])
    op.create_index(op.f("ix_face_challenge_learner"), "face_challenge", ["learner"])
    op.create_table(
        "face_challenge_frame",
        sa.Column("frame_id", sa.String(length=40), nullable=False),
        sa.Column("challenge", sa.String(length=40), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("frame_id", name=op.f("pk_face_challenge_frame")),
    )
    op.create_index(
        op.f("ix_face_challenge_frame_institution_id"), "face_challenge_frame", ["institution_id"]
    )
    op.create_index(op.f("ix_face_challenge_frame_challenge"), "face_challenge_frame", ["challenge"])
    op.create_table(
        "face_frame_mark",
        sa.Column("frame_id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("frame_id", name=op.f("pk_face_frame_mark")),
    )
    op.create_index(op.f("ix_face_frame_mark_institution_id"), "face_frame_mark", ["institution_id"])
    op.create_index(op.f("ix_face_frame_mark_learner"), "face_frame_mark", ["learner"])
