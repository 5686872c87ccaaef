"""the agent's batches by the day on PostgreSQL, and what became of days that were dropped"""

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl
from bridge.db.base import UtcDateTime
from bridge.intake import days
from bridge.intake.store import SQLITE_GUARD
from bridge.kernel.time import SystemClock, legal_date

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inbox_retention",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("first_chain", sa.String(length=120), nullable=False),
        sa.Column("end_chain", sa.String(length=120), nullable=False),
        sa.Column("batches", sa.BigInteger(), nullable=False),
        sa.Column("chains", sa.BigInteger(), nullable=False),
        sa.Column("chains_sha256", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=400), nullable=False),
        sa.Column("drop_after", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_retention")),
    )
    op.create_index("ix_inbox_retention_day", "inbox_retention", ["day", "at"])
    dialect = op.get_bind().dialect.name
    for statement in append_only_ddl("inbox_retention", dialect):
        op.execute(statement)
    if dialect == "postgresql":
        _lay_out_by_days()
        return
    for verb in ("update", "delete"):
        op.execute(f"DROP TRIGGER inbox_message_no_{verb}")
    for statement in SQLITE_GUARD:
        op.execute(statement)


def _lay_out_by_days() -> None:
    """Keep every row: claims stay where they are, batches move to the tables of their days."""
    connection = op.get_bind()
    chains = connection.exec_driver_sql(
        "SELECT DISTINCT chain FROM inbox_message WHERE source = %s", (days.AGENT,)
    ).scalars()
    found = {days.day_of_chain(chain) for chain in chains}
    for statement in days.layout_ddl():
        connection.exec_driver_sql(statement)
    for day in sorted(found | set(days.days_wanted(legal_date(SystemClock().now())))):
        for statement in days.day_ddl(day):
            connection.exec_driver_sql(statement)
    moved = connection.exec_driver_sql(
        "INSERT INTO inbox_beats SELECT * FROM inbox_claim WHERE source = %s", (days.AGENT,)
    ).rowcount
    removed = connection.exec_driver_sql("DELETE FROM inbox_claim WHERE source = %s", (days.AGENT,)).rowcount
    if moved != removed:
        raise RuntimeError(f"{moved} batches were moved, {removed} removed")
    for statement in days.attach_claims_ddl():
        connection.exec_driver_sql(statement)
