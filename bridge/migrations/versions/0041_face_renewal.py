"""what vouches for a face that is registered anew after a change of the model"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

_ADDED = (("face_reference", "renews"), ("face_reference", "card_check"), ("face_challenge", "card_check"))


def upgrade() -> None:
    for table, column in _ADDED:
        op.add_column(table, sa.Column(column, sa.String(length=40), server_default="", nullable=False))
