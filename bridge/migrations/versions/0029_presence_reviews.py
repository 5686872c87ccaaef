"""reviews of checks by two people, with every step of each; a frame names the threshold that decided it"""

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl
from bridge.db.base import UtcDateTime

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("face_frame", sa.Column("parameter", sa.String(length=40), nullable=True))
    op.create_table(
        "presence_review",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("class_run", sa.String(length=40), nullable=False),
        sa.Column("check_id", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("opened_by", sa.String(length=40), nullable=True),
        sa.Column("decide_by", sa.Date(), nullable=False),
        sa.Column("expires_after", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("appeal_reason", sa.String(length=64), nullable=True),
        sa.Column("appealed_at", UtcDateTime(), nullable=True),
        sa.Column("verdict", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("decided_by", sa.String(length=40), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("sent_back_by", sa.String(length=40), nullable=True),
        sa.Column("sent_back_reason", sa.String(length=64), nullable=True),
        sa.Column("closed_by", sa.String(length=40), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("not_by", sa.String(length=40), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.CheckConstraint(
            "closed_by IS NULL OR closed_by <> decided_by", name=op.f("ck_presence_review_two_people")
        ),
        sa.ForeignKeyConstraint(
            ["check_id"], ["presence_check.id"], name=op.f("fk_presence_review_check_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence_review")),
        sa.UniqueConstraint("check_id", "round", name=op.f("uq_presence_review_check_id_round")),
    )
    op.create_index(op.f("ix_presence_review_institution_id"), "presence_review", ["institution_id"])
    op.create_index("ix_presence_review_state", "presence_review", ["institution_id", "state", "opened_at"])
    op.create_index("ix_presence_review_learner", "presence_review", ["learner", "class_run"])
    op.create_table(
        "presence_review_step",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("review_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("by", sa.String(length=40), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id"], ["presence_review.id"], name=op.f("fk_presence_review_step_review_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence_review_step")),
        sa.UniqueConstraint("review_id", "seq", name=op.f("uq_presence_review_step_review_id_seq")),
    )
    op.create_index(
        op.f("ix_presence_review_step_institution_id"), "presence_review_step", ["institution_id"]
    )
    for statement in append_only_ddl("presence_review_step", op.get_bind().dialect.name):
        op.execute(statement)
