"""what the sweep looks for every second: records that wait and batches that are to be delivered"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, table, state in (
        ("ix_report_record_to_send", "report_record", "waiting"),
        ("ix_report_batch_to_deliver", "report_batch", "ready"),
    ):
        only = sa.text(f"state = '{state}'")
        op.create_index(
            name, table, ["institution_id", "division_code"], sqlite_where=only, postgresql_where=only
        )
