"""the movement that ends a check, and for which movement a picture was sent"""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "presence_check", sa.Column("with_movement", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("presence_check", sa.Column("asked", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("face_frame", sa.Column("asked", sa.String(16), nullable=False, server_default=""))
