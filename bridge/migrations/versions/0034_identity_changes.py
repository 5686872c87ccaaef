"""changes to a person's record by two people: names, employers, documents, merges, ended bindings"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_ONCE = {
    "uq_identity_change_open": (["learner", "kind"], "state = 'proposed'"),
    "uq_identity_change_version": (
        ["learner", "kind", "from_date"],
        "state = 'confirmed' AND from_date IS NOT NULL",
    ),
    "uq_identity_change_merged": (["other"], "state = 'confirmed' AND kind = 'merge'"),
}


def upgrade() -> None:
    op.create_table(
        "identity_change",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("other", sa.String(length=40), nullable=True),
        sa.Column("value_enc", sa.Text(), nullable=True),
        sa.Column("value_index", sa.String(length=64), nullable=True),
        sa.Column("from_date", sa.String(length=10), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("evidence_kind", sa.String(length=64), nullable=False),
        sa.Column("evidence", sa.String(length=40), nullable=True),
        sa.Column("evidence_sha256", sa.String(length=64), nullable=False),
        sa.Column("evidence_type", sa.String(length=64), nullable=False),
        sa.Column("proposed_by", sa.String(length=40), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("decided_by", sa.String(length=40), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["learner"], ["learner.id"], name=op.f("fk_identity_change_learner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_change")),
    )
    for column in ("institution_id", "learner", "other", "value_index"):
        op.create_index(op.f(f"ix_identity_change_{column}"), "identity_change", [column])
    for name, (columns, where) in _ONCE.items():
        op.create_index(
            name,
            "identity_change",
            ["institution_id", *columns],
            unique=True,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
