"""links in LMS courses with their history, tests at a platform with actions and grants"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _links()
    _context_changes()
    _attempts()
    _controls()
    _grants()
    _exam_services()


def _links() -> None:
    op.create_table(
        "lms_link",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("registration_id", sa.String(length=40), nullable=False),
        sa.Column("deployment_id", sa.String(length=255), nullable=False),
        sa.Column("resource_link_id", sa.String(length=255), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("course_id", sa.String(length=40), nullable=False),
        sa.Column("unit_id", sa.String(length=40), nullable=True),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("set_by", sa.String(length=80), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        _to("lms_link", "registration_id", "lti_registration"),
        _to("lms_link", "class_run_id", "class_run"),
        _to("lms_link", "course_id", "course"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lms_link")),
        sa.UniqueConstraint(
            "registration_id",
            "deployment_id",
            "resource_link_id",
            "seq",
            name=op.f("uq_lms_link_registration_id_deployment_id_resource_link_id_seq"),
        ),
    )
    op.create_index("ix_lms_link_resource_link", "lms_link", ["registration_id", "resource_link_id"])
    _index("lms_link", "institution_id")


def _context_changes() -> None:
    op.create_table(
        "lti_context_change",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("registration_id", sa.String(length=40), nullable=False),
        sa.Column("context_id", sa.String(length=255), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        _to("lti_context_change", "registration_id", "lti_registration"),
        _to("lti_context_change", "class_run_id", "class_run"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_context_change")),
    )
    op.create_index("ix_lti_context_change_context", "lti_context_change", ["registration_id", "context_id"])
    _index("lti_context_change", "institution_id")


def _attempts() -> None:
    op.create_table(
        "test_attempt",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("registration", sa.String(length=40), nullable=False),
        sa.Column("deployment_id", sa.String(length=255), nullable=False),
        sa.Column("resource_link_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("class_run", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.String(length=80), nullable=False),
        sa.Column("attempt_number", sa.String(length=20), nullable=True),
        sa.Column("learner", sa.String(length=40), nullable=True),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.Column("session", sa.String(length=40), nullable=True),
        sa.Column("start_session", sa.String(length=40), nullable=True),
        sa.Column("silent_since", UtcDateTime(), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("control_url", sa.Text(), nullable=True),
        sa.Column("control_actions", sa.JSON(), nullable=False),
        sa.Column("return_url", sa.Text(), nullable=True),
        sa.Column("message_enc", sa.Text(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_attempt")),
        sa.UniqueConstraint("account_id", "attempt", name=op.f("uq_test_attempt_account_id_attempt")),
    )
    op.create_index("ix_test_attempt_state", "test_attempt", ["state", "silent_since"])
    op.create_index("ix_test_attempt_learner", "test_attempt", ["learner", "class_run", "unit"])
    _index("test_attempt", "institution_id")


def _controls() -> None:
    op.create_table(
        "test_control",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("attempt_id", sa.String(length=40), nullable=False),
        sa.Column("cause", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("severity", sa.String(length=8), nullable=False),
        sa.Column("reason_code", sa.String(length=64), nullable=False),
        sa.Column("reason_message", sa.String(length=255), nullable=False),
        sa.Column("incident_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.String(length=64), nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(length=64), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        _to("test_control", "attempt_id", "test_attempt"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_control")),
        sa.UniqueConstraint(
            "attempt_id", "cause", "action", name=op.f("uq_test_control_attempt_id_cause_action")
        ),
    )
    _index("test_control", "institution_id")


def _grants() -> None:
    op.create_table(
        "exam_grant",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("attempt_id", sa.String(length=40), nullable=False),
        sa.Column("registration", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("resource_link_id", sa.String(length=255), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        _to("exam_grant", "attempt_id", "test_attempt"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exam_grant")),
    )
    for column in ("attempt_id", "institution_id"):
        _index("exam_grant", column)


def _exam_services() -> None:
    op.create_table(
        "exam_service",
        sa.Column("registration_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("token_enc", sa.Text(), nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.Column("set_by", sa.String(length=80), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        _to("exam_service", "registration_id", "lti_registration"),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("pk_exam_service")),
    )
    _index("exam_service", "institution_id")


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"))


def _index(table: str, column: str) -> None:
    op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
