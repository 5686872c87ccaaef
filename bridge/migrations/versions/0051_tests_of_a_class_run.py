"""supervision: what finds the tests of a class run's day"""

from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_test_decision_class_run", "test_decision", ["class_run_id", "decided_at"])
