"""supervision: sums by city, areas of class runs, and what finds a learner's and an area's newest reports"""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

_FIGURES = (
    "enrolled",
    "credited_ms",
    "provisional_ms",
    "refused_ms",
    "checks_passed",
    "checks_missed",
    "checks_failed",
    "checks_declined",
    "tests_passed",
    "tests_refused",
    "papers",
    "paper_class_hours",
    "signals",
)
_CITIES = f"""INSERT INTO supervised_city_day
(profile, institution_division, learner_division, day, {", ".join(_FIGURES)})
SELECT profile, substr(institution_division, 1, 4) || '00',
CASE WHEN learner_division = '' THEN '' ELSE substr(learner_division, 1, 4) || '00' END, day,
{", ".join(f"sum({name})" for name in _FIGURES)} FROM supervised_area_day GROUP BY 1, 2, 3, 4"""  # noqa: S608  # our own names
_AREAS = """INSERT INTO supervised_run_area (class_run_id, area_code, institution_id)
SELECT class_run_id, division_code, institution_id FROM supervised_area
UNION SELECT class_run_id, substr(division_code, 1, 4) || '00', institution_id FROM supervised_area
UNION SELECT class_run_id, substr(division_code, 1, 2) || '0000', institution_id FROM supervised_area"""


def upgrade() -> None:
    op.create_table(
        "supervised_city_day",
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("institution_division", sa.String(length=6), nullable=False),
        sa.Column("learner_division", sa.String(length=6), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _FIGURES),
        sa.PrimaryKeyConstraint(
            "profile", "institution_division", "learner_division", "day", name=op.f("pk_supervised_city_day")
        ),
    )
    op.create_index("ix_supervised_city_day_day", "supervised_city_day", ["day"])
    op.execute(_CITIES)
    op.create_table(
        "supervised_run_area",
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("area_code", sa.String(length=6), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("class_run_id", "area_code", name=op.f("pk_supervised_run_area")),
    )
    op.create_index("ix_supervised_run_area_area", "supervised_run_area", ["area_code", "class_run_id"])
    op.create_index(op.f("ix_supervised_run_area_institution_id"), "supervised_run_area", ["institution_id"])
    op.execute(_AREAS)
    for part in ("institution", "learner"):
        op.create_index(f"ix_supervised_area_day_{part}", "supervised_area_day", [f"{part}_division", "day"])
    op.create_index("ix_report_batch_created_at", "report_batch", ["created_at", "id"])
    op.create_index("ix_report_record_learner", "report_record", ["learner_ref", "class_run_id"])
