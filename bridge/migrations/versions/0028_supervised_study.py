"""study under the eyes of staff: stretches, their words, the sessions they cover; how a session proves presence"""

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl
from bridge.db.base import UtcDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "study_session", sa.Column("method", sa.String(length=64), nullable=False, server_default="face")
    )
    op.create_table(
        "supervised_stretch",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("class_run", sa.String(length=40), nullable=False),
        sa.Column("mode", sa.String(length=64), nullable=False),
        sa.Column("started_by", sa.String(length=40), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("attested_ms", sa.BigInteger(), nullable=False),
        sa.Column("attested_at", UtcDateTime(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_reason", sa.String(length=64), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervised_stretch")),
    )
    op.create_index(op.f("ix_supervised_stretch_institution_id"), "supervised_stretch", ["institution_id"])
    op.create_index("ix_supervised_stretch_class_run", "supervised_stretch", ["class_run", "started_ms"])
    running = sa.text("ended_ms IS NULL")
    op.create_index(
        "uq_supervised_stretch_running",
        "supervised_stretch",
        ["institution_id", "learner", "class_run"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )
    op.create_table(
        "supervision_attestation",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("stretch_id", sa.String(length=40), nullable=False),
        sa.Column("moment", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("card_checked", sa.Boolean(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["stretch_id"], ["supervised_stretch.id"], name=op.f("fk_supervision_attestation_stretch_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_attestation")),
    )
    op.create_index(
        op.f("ix_supervision_attestation_institution_id"), "supervision_attestation", ["institution_id"]
    )
    op.create_index(op.f("ix_supervision_attestation_stretch_id"), "supervision_attestation", ["stretch_id"])
    op.create_table(
        "supervised_session",
        sa.Column("session_id", sa.String(length=40), nullable=False),
        sa.Column("stretch_id", sa.String(length=40), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["stretch_id"], ["supervised_stretch.id"], name=op.f("fk_supervised_session_stretch_id")
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_supervised_session")),
    )
    op.create_index(op.f("ix_supervised_session_institution_id"), "supervised_session", ["institution_id"])
    op.create_index(op.f("ix_supervised_session_stretch_id"), "supervised_session", ["stretch_id"])
    for statement in append_only_ddl("supervision_attestation", op.get_bind().dialect.name):
        op.execute(statement)
