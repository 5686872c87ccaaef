"""course packages of cmi5, launches and what they said; what is claimed of a learner's units"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unit_claim",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("statement_id", sa.String(length=36), nullable=False),
        sa.Column("noted_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_claim")),
        sa.UniqueConstraint(
            "learner",
            "class_run_id",
            "unit",
            "profile",
            "kind",
            name=op.f("uq_unit_claim_learner_class_run_id_unit_profile_kind"),
        ),
    )
    op.create_index(op.f("ix_unit_claim_class_run_id"), "unit_claim", ["class_run_id"], unique=False)
    op.create_index(op.f("ix_unit_claim_institution_id"), "unit_claim", ["institution_id"], unique=False)
    op.create_table(
        "cmi5_package",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("course_id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("structure", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("imported_at", UtcDateTime(), nullable=False),
        sa.Column("imported_by", sa.String(length=80), nullable=False),
        sa.Column("retired_at", UtcDateTime(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["course.id"], name=op.f("fk_cmi5_package_course_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cmi5_package")),
    )
    op.create_index(op.f("ix_cmi5_package_course_id"), "cmi5_package", ["course_id"], unique=False)
    op.create_index(op.f("ix_cmi5_package_institution_id"), "cmi5_package", ["institution_id"], unique=False)
    op.create_table(
        "cmi5_au",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("package_id", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("publisher_id", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["package_id"], ["cmi5_package.id"], name=op.f("fk_cmi5_au_package_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cmi5_au")),
        sa.UniqueConstraint("package_id", "position", name=op.f("uq_cmi5_au_package_id_position")),
        sa.UniqueConstraint("package_id", "unit", name=op.f("uq_cmi5_au_package_id_unit")),
    )
    op.create_index(op.f("ix_cmi5_au_institution_id"), "cmi5_au", ["institution_id"], unique=False)
    op.create_table(
        "cmi5_registration",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("package_id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("satisfied", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["package_id"], ["cmi5_package.id"], name=op.f("fk_cmi5_registration_package_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cmi5_registration")),
        sa.UniqueConstraint(
            "package_id",
            "learner",
            "class_run_id",
            name=op.f("uq_cmi5_registration_package_id_learner_class_run_id"),
        ),
    )
    op.create_index(
        op.f("ix_cmi5_registration_institution_id"), "cmi5_registration", ["institution_id"], unique=False
    )
    op.create_index(op.f("ix_cmi5_registration_learner"), "cmi5_registration", ["learner"], unique=False)
    op.create_table(
        "cmi5_session",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("au_id", sa.String(length=40), nullable=False),
        sa.Column("mode", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("launch_data", sa.JSON(), nullable=False),
        sa.Column("said", sa.String(length=64), nullable=False),
        sa.Column("initialized_at", UtcDateTime(), nullable=True),
        sa.Column("last_at", UtcDateTime(), nullable=True),
        sa.Column("last_statement", sa.String(length=36), nullable=True),
        sa.Column("launched_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("fetch_sha256", sa.String(length=64), nullable=False),
        sa.Column("fetch_until", UtcDateTime(), nullable=False),
        sa.Column("fetched_at", UtcDateTime(), nullable=True),
        sa.Column("token_sha256", sa.String(length=64), nullable=True),
        sa.Column("preferences_read_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["au_id"], ["cmi5_au.id"], name=op.f("fk_cmi5_session_au_id")),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["cmi5_registration.id"], name=op.f("fk_cmi5_session_registration_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cmi5_session")),
        sa.UniqueConstraint("fetch_sha256", name=op.f("uq_cmi5_session_fetch_sha256")),
    )
    op.create_index(op.f("ix_cmi5_session_institution_id"), "cmi5_session", ["institution_id"], unique=False)
    op.create_index(
        "ix_cmi5_session_registration", "cmi5_session", ["registration_id", "state"], unique=False
    )
    op.create_table(
        "cmi5_standing",
        sa.Column("registration_id", sa.String(length=36), nullable=False),
        sa.Column("au_id", sa.String(length=40), nullable=False),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("passed_at", UtcDateTime(), nullable=True),
        sa.Column("failed_at", UtcDateTime(), nullable=True),
        sa.Column("scaled", sa.String(length=40), nullable=True),
        sa.Column("waived_at", UtcDateTime(), nullable=True),
        sa.Column("waived_by", sa.String(length=80), nullable=True),
        sa.Column("waived_reason", sa.String(length=200), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["au_id"], ["cmi5_au.id"], name=op.f("fk_cmi5_standing_au_id")),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["cmi5_registration.id"], name=op.f("fk_cmi5_standing_registration_id")
        ),
        sa.PrimaryKeyConstraint("registration_id", "au_id", name=op.f("pk_cmi5_standing")),
    )
    op.create_index(
        op.f("ix_cmi5_standing_institution_id"), "cmi5_standing", ["institution_id"], unique=False
    )
