"""who proposed which answer to a deletion request, and what was done"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deletion_request", sa.Column("proposed_at", UtcDateTime(), nullable=True))
    op.add_column("deletion_request", sa.Column("proposed_by", sa.String(length=40), nullable=True))
    op.add_column("deletion_request", sa.Column("shown", sa.String(length=64), nullable=True))
    op.add_column("deletion_request", sa.Column("said", sa.JSON(), nullable=True))
