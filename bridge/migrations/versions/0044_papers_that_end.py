"""papers that end: their changes, status lists, batches, templates, and the test CA's keys"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("certificate") as batch:
        batch.drop_constraint("uq_certificate_institution_id_learner_ref_class_run_id_kind", type_="unique")
        batch.add_column(sa.Column("expires_on", sa.Date(), nullable=True))
        batch.add_column(sa.Column("replaced_by", sa.String(length=40), nullable=True))
    op.create_index(
        "uq_certificate_valid",
        "certificate",
        ["institution_id", "learner_ref", "class_run_id", "kind"],
        unique=True,
        sqlite_where=sa.text("status = 'valid'"),
        postgresql_where=sa.text("status = 'valid'"),
    )
    op.create_index(op.f("ix_certificate_sha256"), "certificate", ["sha256"])
    op.create_table(
        "certificate_change",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("proposed_by", sa.String(length=40), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("decided_by", sa.String(length=40), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_by", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "state <> 'confirmed' OR decided_by <> proposed_by", name=op.f("ck_certificate_change_two_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_change")),
    )
    op.create_index(op.f("ix_certificate_change_institution_id"), "certificate_change", ["institution_id"])
    op.create_index(op.f("ix_certificate_change_number"), "certificate_change", ["number"])
    op.create_table(
        "certificate_credential",
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("list_number", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_certificate_credential")),
        sa.UniqueConstraint(
            "institution_id",
            "list_number",
            "position",
            name=op.f("uq_certificate_credential_institution_id_list_number_position"),
        ),
    )
    op.create_index(
        op.f("ix_certificate_credential_institution_id"), "certificate_credential", ["institution_id"]
    )
    op.create_table(
        "certificate_batch",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("wanted_by", sa.String(length=40), nullable=False),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_batch")),
    )
    op.create_index(op.f("ix_certificate_batch_institution_id"), "certificate_batch", ["institution_id"])
    op.create_index(op.f("ix_certificate_batch_class_run_id"), "certificate_batch", ["class_run_id"])
    op.create_table(
        "certificate_batch_line",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("batch_id", sa.String(length=40), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_batch_line")),
        sa.UniqueConstraint(
            "batch_id", "learner_ref", name=op.f("uq_certificate_batch_line_batch_id_learner_ref")
        ),
    )
    op.create_index(
        op.f("ix_certificate_batch_line_institution_id"), "certificate_batch_line", ["institution_id"]
    )
    op.create_index(op.f("ix_certificate_batch_line_batch_id"), "certificate_batch_line", ["batch_id"])
    op.create_table(
        "paper_template",
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", name=op.f("pk_paper_template")),
    )
    op.create_table(
        "test_seal_key",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("subject_sha256", sa.String(length=64), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("key_enc", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_seal_key")),
    )
