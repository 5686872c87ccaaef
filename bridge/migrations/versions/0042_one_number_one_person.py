"""one document number waits for one person alone"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

_WAITS = "state = 'proposed' AND kind = 'document'"


def upgrade() -> None:
    # Of two that wait for one number already the earlier one goes on; the others may be proposed anew.
    op.execute(
        sa.text(
            f"""
            UPDATE identity_change SET state = 'withdrawn', decided_at = proposed_at
            WHERE {_WAITS} AND EXISTS (
                SELECT 1 FROM identity_change AS earlier
                WHERE earlier.institution_id = identity_change.institution_id
                AND earlier.value_index = identity_change.value_index
                AND earlier.state = 'proposed' AND earlier.kind = 'document'
                AND earlier.id < identity_change.id
            )
            """  # noqa: S608 - the words are those above
        )
    )
    op.create_index(
        "uq_identity_change_number",
        "identity_change",
        ["institution_id", "value_index"],
        unique=True,
        sqlite_where=sa.text(_WAITS),
        postgresql_where=sa.text(_WAITS),
    )
