"""rosters with history, scores on their way to a platform, results asked for, notices"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _rosters()
    _memberships()
    _roster_reads()
    _gradebooks()
    _line_items()
    _scores()
    _notice_handlers()
    _results()


def _rosters() -> None:
    op.create_table(
        "lms_roster",
        _ref("id"),
        _ref("registration_id"),
        sa.Column("context_id", sa.String(length=255), nullable=False),
        sa.Column("memberships_url", sa.Text(), nullable=False),
        sa.Column("differences_url", sa.Text(), nullable=True),
        _instant("full_read_at", nullable=True),
        _instant("next_read_at", nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        _instant("launched_at"),
        _ref("institution_id"),
        _to("lms_roster", "registration_id", "lti_registration"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lms_roster")),
        sa.UniqueConstraint(
            "registration_id", "context_id", name=op.f("uq_lms_roster_registration_id_context_id")
        ),
    )
    op.create_index("ix_lms_roster_due", "lms_roster", ["next_read_at"])
    _index("lms_roster", "institution_id")


def _memberships() -> None:
    op.create_table(
        "lms_membership",
        _ref("id"),
        _ref("account_id"),
        _ref("registration_id"),
        sa.Column("context_id", sa.String(length=255), nullable=False),
        _code("role"),
        _code("status"),
        _instant("since"),
        _instant("until", nullable=True),
        _code("source"),
        _ref("institution_id"),
        _to("lms_membership", "account_id", "lms_account"),
        _to("lms_membership", "registration_id", "lti_registration"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lms_membership")),
    )
    live = sa.text("until IS NULL")
    op.create_index(
        "uq_lms_membership_live",
        "lms_membership",
        ["registration_id", "context_id", "account_id"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    op.create_index("ix_lms_membership_context", "lms_membership", ["registration_id", "context_id"])
    for column in ("account_id", "institution_id"):
        _index("lms_membership", column)


def _roster_reads() -> None:
    op.create_table(
        "lms_roster_read",
        _ref("id"),
        _ref("roster_id"),
        _code("kind"),
        _instant("started_at"),
        _instant("ended_at"),
        _code("outcome"),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("members", "joined", "left", "changed", "with_contact")
        ),
        sa.Column("set_aside", sa.JSON(), nullable=False),
        _ref("institution_id"),
        _to("lms_roster_read", "roster_id", "lms_roster"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lms_roster_read")),
    )
    for column in ("roster_id", "institution_id"):
        _index("lms_roster_read", column)


def _gradebooks() -> None:
    op.create_table(
        "lms_gradebook",
        _ref("id"),
        _ref("registration_id"),
        sa.Column("context_id", sa.String(length=255), nullable=False),
        sa.Column("line_items_url", sa.Text(), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        _instant("noted_at"),
        _ref("institution_id"),
        _to("lms_gradebook", "registration_id", "lti_registration"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lms_gradebook")),
        sa.UniqueConstraint(
            "registration_id", "context_id", name=op.f("uq_lms_gradebook_registration_id_context_id")
        ),
    )
    _index("lms_gradebook", "institution_id")


def _line_items() -> None:
    op.create_table(
        "lms_line_item",
        _ref("id"),
        _ref("registration_id"),
        sa.Column("context_id", sa.String(length=255), nullable=False),
        sa.Column("resource_link_id", sa.String(length=255), nullable=True),
        _code("place"),
        sa.Column("url", sa.Text(), nullable=False),
        _code("state"),
        _code("maximum", nullable=True),
        _code("reason"),
        sa.Column("failures", sa.Integer(), nullable=False),
        _instant("next_at", nullable=True),
        _instant("noted_at"),
        sa.Column("asked_by", sa.String(length=80), nullable=True),
        _ref("institution_id"),
        _to("lms_line_item", "registration_id", "lti_registration"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lms_line_item")),
        sa.UniqueConstraint("registration_id", "place", name=op.f("uq_lms_line_item_registration_id_place")),
    )
    op.create_index("ix_lms_line_item_context", "lms_line_item", ["registration_id", "context_id"])
    op.create_index("ix_lms_line_item_due", "lms_line_item", ["next_at"])
    _index("lms_line_item", "institution_id")


def _scores() -> None:
    op.create_table(
        "lms_score",
        _ref("id"),
        _ref("line_item_id"),
        _ref("account_id"),
        _ref("learner_ref"),
        _ref("class_run_id"),
        _code("given"),
        _code("maximum"),
        _code("progress"),
        _instant("earned_at"),
        _code("left_given", nullable=True),
        _code("left_maximum", nullable=True),
        _code("left_progress", nullable=True),
        _instant("left_earned_at", nullable=True),
        _instant("left_at", nullable=True),
        sa.Column("arrived", sa.Boolean(), nullable=False),
        _code("state"),
        _code("reason"),
        _instant("since"),
        _instant("failing_since", nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        _instant("next_at", nullable=True),
        _ref("institution_id"),
        _to("lms_score", "line_item_id", "lms_line_item"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lms_score")),
        sa.UniqueConstraint("line_item_id", "account_id", name=op.f("uq_lms_score_line_item_id_account_id")),
    )
    op.create_index("ix_lms_score_due", "lms_score", ["next_at"])
    for column in ("learner_ref", "class_run_id", "institution_id"):
        _index("lms_score", column)


def _notice_handlers() -> None:
    op.create_table(
        "lms_notice_handler",
        _ref("id"),
        _ref("registration_id"),
        _code("notice_type"),
        sa.Column("service_url", sa.Text(), nullable=False),
        _code("state"),
        _code("reason"),
        sa.Column("failures", sa.Integer(), nullable=False),
        _instant("next_at", nullable=True),
        _instant("noted_at"),
        _instant("registered_at", nullable=True),
        _instant("heard_at", nullable=True),
        _ref("institution_id"),
        _to("lms_notice_handler", "registration_id", "lti_registration"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lms_notice_handler")),
        sa.UniqueConstraint(
            "registration_id",
            "notice_type",
            name=op.f("uq_lms_notice_handler_registration_id_notice_type"),
        ),
    )
    op.create_index("ix_lms_notice_handler_due", "lms_notice_handler", ["next_at"])
    _index("lms_notice_handler", "institution_id")


def _results() -> None:
    op.create_table(
        "lms_result",
        _ref("id"),
        _ref("registration_id"),
        sa.Column("resource_link_id", sa.String(length=255), nullable=False),
        _ref("account_id"),
        _ref("learner_ref"),
        _ref("class_run_id"),
        _ref("unit"),
        sa.Column("attempt", sa.String(length=80), nullable=False),
        _ref("gate_attempt"),
        _code("started_real"),
        _code("ended_real", nullable=True),
        _code("ended_by", nullable=True),
        _instant("ended_at", nullable=True),
        sa.Column("line_item_url", sa.Text(), nullable=True),
        _code("before", nullable=True),
        _code("state"),
        _code("reason"),
        sa.Column("tries", sa.Integer(), nullable=False),
        _instant("next_at", nullable=True),
        _ref("message", nullable=True),
        _ref("institution_id"),
        _to("lms_result", "registration_id", "lti_registration"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lms_result")),
        sa.UniqueConstraint(
            "institution_id", "gate_attempt", name=op.f("uq_lms_result_institution_id_gate_attempt")
        ),
    )
    op.create_index("ix_lms_result_due", "lms_result", ["next_at"])
    op.create_index("ix_lms_result_account", "lms_result", ["registration_id", "account_id"])
    for column in ("class_run_id", "institution_id"):
        _index("lms_result", column)


def _ref(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length=40), nullable=nullable)


def _code(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length=64), nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime(), nullable=nullable)


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"))


def _index(table: str, column: str) -> None:
    op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
