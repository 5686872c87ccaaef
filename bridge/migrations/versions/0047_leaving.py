"""institutions that leave, step by step; keys of the bridges that institutions came from, each with its institution"""

import json

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leaving_step",
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("approved_by", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", "number", name=op.f("pk_leaving_step")),
    )
    op.create_table(
        "taken_ledger_key",
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("public_x", sa.String(length=64), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", "kid", name=op.f("pk_taken_ledger_key")),
    )
    dialect = op.get_bind().dialect.name
    for table in ("leaving_step", "taken_ledger_key"):
        for statement in append_only_ddl(table, dialect):
            op.execute(statement)
    _forget_keys_of_others()


def _forget_keys_of_others() -> None:
    """Keys of senders stood among the bridge's own until now, for every institution; a manifest still names them.

    No release had a hand-over: what a development version took in is to be taken in anew.
    """
    connection = op.get_bind()
    for (manifest,) in connection.execute(sa.text("SELECT manifest FROM archive_takeover")).fetchall():
        for key in json.loads(manifest)["body"]["keys"]:
            connection.execute(
                sa.text(
                    "DELETE FROM ledger_key WHERE kid = :kid AND seed_enc = '' AND made_at = signed_until"
                ),
                {"kid": key["kid"]},
            )
