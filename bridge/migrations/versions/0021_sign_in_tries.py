"""wrong tries to sign in, counted for accounts, addresses and browsers; accounts no longer count their own"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_in_tries",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("blocked_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_tries")),
    )
    op.create_index(op.f("ix_sign_in_tries_last_at"), "sign_in_tries", ["last_at"], unique=False)
    op.add_column("staff_account", sa.Column("password_changed_at", UtcDateTime(), nullable=True))
    for column in ("failed_tries", "failing_since", "locked_until"):
        op.drop_column("staff_account", column)
