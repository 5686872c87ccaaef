"""disclosures become a chain of marked rows that the database refuses to change"""

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("what", sa.String(length=64), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=True),
        sa.Column("mark", sa.String(length=64), nullable=True),
    ):
        op.add_column("disclosure", column)
    op.create_index("uq_disclosure_seq", "disclosure", ["institution_id", "seq"], unique=True)
    op.create_table(
        "access_log_head",
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", name=op.f("pk_access_log_head")),
    )
    for statement in append_only_ddl("disclosure", op.get_bind().dialect.name):
        op.execute(statement)
