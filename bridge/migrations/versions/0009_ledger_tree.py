"""the institution's tree over its ledger: leaves, heads, keys, and marks on rows"""

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl
from bridge.db.base import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ledger_entry", sa.Column("mark", sa.String(length=64), nullable=True))
    op.add_column("ledger_head", sa.Column("mark", sa.String(length=64), nullable=True))
    op.add_column("ledger_head", sa.Column("sealed_seq", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index(
        "ix_ledger_head_unsealed",
        "ledger_head",
        ["institution_id"],
        sqlite_where=sa.text("seq > sealed_seq"),
        postgresql_where=sa.text("seq > sealed_seq"),
    )
    op.create_table(
        "ledger_leaf",
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", "number", name=op.f("pk_ledger_leaf")),
    )
    op.create_index(
        "ix_ledger_leaf_chain", "ledger_leaf", ["institution_id", "learner_ref", "class_run_id", "first_seq"]
    )
    op.create_table(
        "ledger_subtree",
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", "level", "number", name=op.f("pk_ledger_subtree")),
    )
    op.create_table(
        "ledger_tree_head",
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("tree_size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", "tree_size", name=op.f("pk_ledger_tree_head")),
    )
    op.create_table(
        "ledger_key",
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("public_x", sa.String(length=64), nullable=False),
        sa.Column("seed_enc", sa.Text(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("signed_until", UtcDateTime(), nullable=True),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_ledger_key")),
    )
    for table in ("ledger_leaf", "ledger_subtree", "ledger_tree_head"):
        for statement in append_only_ddl(table, op.get_bind().dialect.name):
            op.execute(statement)
