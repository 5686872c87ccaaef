"""staff take back an invitation to register a platform"""

import sqlalchemy as sa
from alembic import op

from bridge.db.base import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lti_invitation", sa.Column("revoked_at", UtcDateTime(), nullable=True))
    op.add_column("lti_invitation", sa.Column("revoked_by", sa.String(length=80), nullable=True))
