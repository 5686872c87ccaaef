"""signals of a learning platform and contact scans"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl
from bridge.db.base import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_APPEND_ONLY = (
    "contact_scan",
    "contact_exception",
    "contact_exception_signature",
    "supervision_signal",
    "supervision_signal_acknowledgement",
)


def upgrade() -> None:
    """Create the tables."""
    _plugins()
    _scans()
    _exceptions()
    _signals()
    dialect = op.get_bind().dialect.name
    for table in _APPEND_ONLY:
        for statement in append_only_ddl(table, dialect):
            op.execute(sa.DDL(statement))  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def _plugins() -> None:
    op.create_table(
        "lms_plugin",
        _ref("registration_id"),
        _instant("heard_at"),
        sa.Column("moodle", sa.String(length=40), nullable=True),
        sa.Column("plugin", sa.String(length=40), nullable=True),
        sa.Column("clock_skew_seconds", sa.Integer(), nullable=True),
        _instant("pinged_at", nullable=True),
        _ref("institution_id"),
        _to("lms_plugin", "registration_id", "lti_registration"),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("pk_lms_plugin")),
    )
    _index("lms_plugin", "institution_id")


def _scans() -> None:
    op.create_table(
        "contact_scan",
        _ref("id"),
        _ref("registration_id"),
        _ref("context"),
        sa.Column("learners", sa.BigInteger(), nullable=False),
        sa.Column("with_contact", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        _instant("occurred_at"),
        _instant("noted_at"),
        _ref("message"),
        _ref("institution_id"),
        _to("contact_scan", "registration_id", "lti_registration"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_scan")),
        sa.UniqueConstraint("institution_id", "message", name=op.f("uq_contact_scan_institution_id_message")),
    )
    _index("contact_scan", "institution_id")
    op.create_index("ix_contact_scan_course", "contact_scan", ["registration_id", "context", "occurred_at"])


def _exceptions() -> None:
    op.create_table(
        "contact_exception",
        _ref("id"),
        _ref("class_run_id"),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("with_contact", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        _ref("institution_id"),
        _to("contact_exception", "class_run_id", "class_run"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_exception")),
    )
    for column in ("class_run_id", "institution_id"):
        _index("contact_exception", column)
    op.create_table(
        "contact_exception_signature",
        _ref("id"),
        _ref("exception_id"),
        _ref("by"),
        _instant("at"),
        _ref("institution_id"),
        _to("contact_exception_signature", "exception_id", "contact_exception"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_exception_signature")),
        sa.UniqueConstraint(
            "exception_id", "by", name=op.f("uq_contact_exception_signature_exception_id_by")
        ),
    )
    _index("contact_exception_signature", "institution_id")


def _signals() -> None:
    op.create_table(
        "supervision_signal",
        _ref("id"),
        sa.Column("natural_key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        *(
            _ref(name, nullable=True)
            for name in (
                "class_run_id",
                "unit_id",
                "learner_ref",
                "account",
                "actor",
                "before",
                "after",
                "message",
            )
        ),
        _instant("occurred_at"),
        _instant("raised_at"),
        _ref("institution_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervision_signal")),
        sa.UniqueConstraint(
            "institution_id", "natural_key", name=op.f("uq_supervision_signal_institution_id_natural_key")
        ),
    )
    for column in ("class_run_id", "institution_id", "raised_at"):
        _index("supervision_signal", column)
    op.create_table(
        "supervision_signal_acknowledgement",
        _ref("signal_id"),
        _ref("by"),
        sa.Column("note", sa.String(length=300), nullable=False),
        _instant("at"),
        _ref("institution_id"),
        _to("supervision_signal_acknowledgement", "signal_id", "supervision_signal"),
        sa.PrimaryKeyConstraint("signal_id", name=op.f("pk_supervision_signal_acknowledgement")),
    )
    _index("supervision_signal_acknowledgement", "institution_id")


def _ref(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length=40), nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime(), nullable=nullable)


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"))


def _index(table: str, column: str) -> None:
    op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)


def downgrade() -> None:
    raise RuntimeError("signals are never deleted; restore the backup made before the upgrade")
