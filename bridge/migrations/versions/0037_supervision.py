"""supervision: areas, figures by day, spot checks, orders of authorities, lists that leave the house"""

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl
from bridge.db.base import UtcDateTime

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_APPEND_ONLY = (
    "city_register",
    "suspension",
    "suspension_restoration",
    "spot_check",
    "spot_check_finding",
    "spot_check_step",
    "spot_check_closing",
    "list_export",
    "list_export_step",
)


def upgrade() -> None:
    op.add_column("institution", sa.Column("division_code", sa.String(length=6), nullable=True))
    op.create_index("ix_presence_check_class_run", "presence_check", ["class_run", "decided_ms"])
    op.create_table(
        "city_register",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("division_code", sa.String(length=6), nullable=False),
        sa.Column("document_number", sa.String(length=80), nullable=False),
        sa.Column("offline_report", sa.String(length=120), nullable=False),
        sa.Column("letter_on", sa.Date(), nullable=False),
        sa.Column("notice", sa.String(length=120), nullable=False),
        sa.Column("entered_by", sa.String(length=40), nullable=False),
        sa.Column("entered_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_city_register")),
    )
    op.create_index(op.f("ix_city_register_division_code"), "city_register", ["division_code"], unique=False)
    op.create_index(
        op.f("ix_city_register_institution_id"), "city_register", ["institution_id"], unique=False
    )
    op.create_table(
        "list_export",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=True),
        sa.Column("division_code", sa.String(length=6), nullable=True),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=True),
        sa.Column("purpose", sa.String(length=200), nullable=False),
        sa.Column("recipient", sa.String(length=120), nullable=False),
        sa.Column("asked_by", sa.String(length=40), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_export")),
    )
    op.create_index(op.f("ix_list_export_division_code"), "list_export", ["division_code"], unique=False)
    op.create_index(op.f("ix_list_export_institution_id"), "list_export", ["institution_id"], unique=False)
    op.create_table(
        "spot_check",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=True),
        sa.Column("division_code", sa.String(length=6), nullable=False),
        sa.Column("office", sa.String(length=6), nullable=False),
        sa.Column("authority", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("checked_on", sa.Date(), nullable=False),
        sa.Column("opened_by", sa.String(length=40), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_check")),
    )
    op.create_index(op.f("ix_spot_check_class_run_id"), "spot_check", ["class_run_id"], unique=False)
    op.create_index(op.f("ix_spot_check_division_code"), "spot_check", ["division_code"], unique=False)
    op.create_index(op.f("ix_spot_check_institution_id"), "spot_check", ["institution_id"], unique=False)
    op.create_table(
        "supervised_area",
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("division_code", sa.String(length=6), nullable=False),
        sa.Column("noted_by", sa.String(length=40), nullable=False),
        sa.Column("noted_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("learner_ref", "class_run_id", name=op.f("pk_supervised_area")),
    )
    op.create_index(
        "ix_supervised_area_class_run", "supervised_area", ["class_run_id", "division_code"], unique=False
    )
    op.create_index("ix_supervised_area_division", "supervised_area", ["division_code", "class_run_id"])
    op.create_index(
        op.f("ix_supervised_area_institution_id"), "supervised_area", ["institution_id"], unique=False
    )
    op.create_table(
        "supervised_area_day",
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("institution_division", sa.String(length=6), nullable=False),
        sa.Column("learner_division", sa.String(length=6), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("enrolled", sa.BigInteger(), nullable=False),
        sa.Column("credited_ms", sa.BigInteger(), nullable=False),
        sa.Column("provisional_ms", sa.BigInteger(), nullable=False),
        sa.Column("refused_ms", sa.BigInteger(), nullable=False),
        sa.Column("checks_passed", sa.BigInteger(), nullable=False),
        sa.Column("checks_missed", sa.BigInteger(), nullable=False),
        sa.Column("checks_failed", sa.BigInteger(), nullable=False),
        sa.Column("checks_declined", sa.BigInteger(), nullable=False),
        sa.Column("tests_passed", sa.BigInteger(), nullable=False),
        sa.Column("tests_refused", sa.BigInteger(), nullable=False),
        sa.Column("papers", sa.BigInteger(), nullable=False),
        sa.Column("paper_class_hours", sa.BigInteger(), nullable=False),
        sa.Column("signals", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "profile", "institution_division", "learner_division", "day", name=op.f("pk_supervised_area_day")
        ),
    )
    op.create_index("ix_supervised_area_day_day", "supervised_area_day", ["day"], unique=False)
    op.create_table(
        "supervised_class_day",
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("learner_division", sa.String(length=6), nullable=False),
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("institution_division", sa.String(length=6), nullable=False),
        sa.Column("enrolled", sa.BigInteger(), nullable=False),
        sa.Column("credited_ms", sa.BigInteger(), nullable=False),
        sa.Column("provisional_ms", sa.BigInteger(), nullable=False),
        sa.Column("refused_ms", sa.BigInteger(), nullable=False),
        sa.Column("checks_passed", sa.BigInteger(), nullable=False),
        sa.Column("checks_missed", sa.BigInteger(), nullable=False),
        sa.Column("checks_failed", sa.BigInteger(), nullable=False),
        sa.Column("checks_declined", sa.BigInteger(), nullable=False),
        sa.Column("tests_passed", sa.BigInteger(), nullable=False),
        sa.Column("tests_refused", sa.BigInteger(), nullable=False),
        sa.Column("papers", sa.BigInteger(), nullable=False),
        sa.Column("paper_class_hours", sa.BigInteger(), nullable=False),
        sa.Column("signals", sa.BigInteger(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint(
            "class_run_id", "day", "learner_division", name=op.f("pk_supervised_class_day")
        ),
    )
    op.create_index(
        op.f("ix_supervised_class_day_institution_id"),
        "supervised_class_day",
        ["institution_id"],
        unique=False,
    )
    op.create_table(
        "supervised_day",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("credited_ms", sa.BigInteger(), nullable=False),
        sa.Column("provisional_ms", sa.BigInteger(), nullable=False),
        sa.Column("refused_ms", sa.BigInteger(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervised_day")),
        sa.UniqueConstraint(
            "learner_ref", "class_run_id", "day", name=op.f("uq_supervised_day_learner_ref_class_run_id_day")
        ),
    )
    op.create_index("ix_supervised_day_class_run", "supervised_day", ["class_run_id", "day"], unique=False)
    op.create_index(
        op.f("ix_supervised_day_institution_id"), "supervised_day", ["institution_id"], unique=False
    )
    op.create_table(
        "suspension",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("division_code", sa.String(length=6), nullable=False),
        sa.Column("authority", sa.String(length=120), nullable=False),
        sa.Column("document_number", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("notice", sa.String(length=300), nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("ordered_by", sa.String(length=40), nullable=False),
        sa.Column("ordered_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspension")),
    )
    op.create_index(op.f("ix_suspension_division_code"), "suspension", ["division_code"], unique=False)
    op.create_index(op.f("ix_suspension_institution_id"), "suspension", ["institution_id"], unique=False)
    op.create_table(
        "list_export_step",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("export_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("row_count", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["export_id"], ["list_export.id"], name=op.f("fk_list_export_step_export_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_export_step")),
        sa.UniqueConstraint("export_id", "number", name=op.f("uq_list_export_step_export_id_number")),
    )
    op.create_table(
        "spot_check_closing",
        sa.Column("spot_check_id", sa.String(length=40), nullable=False),
        sa.Column("conclusion", sa.String(length=500), nullable=False),
        sa.Column("closed_by", sa.String(length=40), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["spot_check_id"], ["spot_check.id"], name=op.f("fk_spot_check_closing_spot_check_id")
        ),
        sa.PrimaryKeyConstraint("spot_check_id", name=op.f("pk_spot_check_closing")),
    )
    op.create_index(
        op.f("ix_spot_check_closing_institution_id"), "spot_check_closing", ["institution_id"], unique=False
    )
    op.create_table(
        "spot_check_finding",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("spot_check_id", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column("deadline", sa.Date(), nullable=False),
        sa.Column("written_by", sa.String(length=40), nullable=False),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["spot_check_id"], ["spot_check.id"], name=op.f("fk_spot_check_finding_spot_check_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_check_finding")),
    )
    op.create_index(
        op.f("ix_spot_check_finding_institution_id"), "spot_check_finding", ["institution_id"], unique=False
    )
    op.create_index(
        op.f("ix_spot_check_finding_spot_check_id"), "spot_check_finding", ["spot_check_id"], unique=False
    )
    op.create_table(
        "suspension_restoration",
        sa.Column("suspension_id", sa.String(length=40), nullable=False),
        sa.Column("document_number", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("restored_by", sa.String(length=40), nullable=False),
        sa.Column("restored_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["suspension_id"], ["suspension.id"], name=op.f("fk_suspension_restoration_suspension_id")
        ),
        sa.PrimaryKeyConstraint("suspension_id", name=op.f("pk_suspension_restoration")),
    )
    op.create_index(
        op.f("ix_suspension_restoration_institution_id"),
        "suspension_restoration",
        ["institution_id"],
        unique=False,
    )
    op.create_table(
        "spot_check_step",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("finding_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["spot_check_finding.id"], name=op.f("fk_spot_check_step_finding_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_check_step")),
        sa.UniqueConstraint("finding_id", "number", name=op.f("uq_spot_check_step_finding_id_number")),
    )
    op.create_index(
        op.f("ix_spot_check_step_institution_id"), "spot_check_step", ["institution_id"], unique=False
    )
    dialect = op.get_bind().dialect.name
    for table in _APPEND_ONLY:
        for statement in append_only_ddl(table, dialect):
            op.execute(statement)
