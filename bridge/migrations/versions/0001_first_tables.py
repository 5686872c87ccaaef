"""first tables"""

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl
from bridge.db.base import UtcDateTime
from bridge.ledger.store import APPEND_ONLY_DDL as LEDGER_DDL

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificate",
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("evidence_id", sa.String(length=40), nullable=False),
        sa.Column("verify_code", sa.String(length=64), nullable=False),
        sa.Column("mark", sa.String(length=32), nullable=True),
        sa.Column("printed", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_certificate")),
        sa.UniqueConstraint(
            "institution_id",
            "learner_ref",
            "class_run_id",
            "kind",
            name=op.f("uq_certificate_institution_id_learner_ref_class_run_id_kind"),
        ),
    )
    op.create_index(op.f("ix_certificate_class_run_id"), "certificate", ["class_run_id"], unique=False)
    op.create_index(op.f("ix_certificate_institution_id"), "certificate", ["institution_id"], unique=False)
    op.create_index(op.f("ix_certificate_learner_ref"), "certificate", ["learner_ref"], unique=False)
    op.create_table(
        "city_registration",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("division_code", sa.String(length=6), nullable=False),
        sa.Column("document_number", sa.String(length=80), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_city_registration")),
        sa.UniqueConstraint(
            "institution_id",
            "division_code",
            "document_number",
            name=op.f("uq_city_registration_institution_id_division_code_document_number"),
        ),
    )
    op.create_index(
        op.f("ix_city_registration_institution_id"), "city_registration", ["institution_id"], unique=False
    )
    op.create_table(
        "course",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course")),
    )
    op.create_index(op.f("ix_course_institution_id"), "course", ["institution_id"], unique=False)
    op.create_table(
        "data_key",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("destroyed_at", UtcDateTime(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_key")),
    )
    op.create_index(op.f("ix_data_key_institution_id"), "data_key", ["institution_id"], unique=False)
    op.create_index(
        "uq_data_key_live_scope",
        "data_key",
        ["institution_id", "subject", "purpose", "class_run_id"],
        unique=True,
        sqlite_where=sa.text("destroyed_at IS NULL"),
        postgresql_where=sa.text("destroyed_at IS NULL"),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.Column("causation_id", sa.String(length=80), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint(
            "institution_id",
            "type",
            "idempotency_key",
            name=op.f("uq_event_institution_id_type_idempotency_key"),
        ),
    )
    op.create_table(
        "face_frame",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("class_run", sa.String(length=40), nullable=False),
        sa.Column("check_id", sa.String(length=40), nullable=True),
        sa.Column("evidence_id", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("received_real", UtcDateTime(), nullable=False),
        sa.Column("verdict", sa.String(length=24), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("model_id", sa.String(length=80), nullable=True),
        sa.Column("message", sa.String(length=200), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face_frame")),
        sa.UniqueConstraint(
            "institution_id", "learner", "sha256", name=op.f("uq_face_frame_institution_id_learner_sha256")
        ),
    )
    op.create_index(op.f("ix_face_frame_check_id"), "face_frame", ["check_id"], unique=False)
    op.create_index(op.f("ix_face_frame_institution_id"), "face_frame", ["institution_id"], unique=False)
    op.create_table(
        "face_reference",
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("class_run", sa.String(length=40), nullable=False),
        sa.Column("model_id", sa.String(length=80), nullable=False),
        sa.Column("model_sha256", sa.String(length=64), nullable=False),
        sa.Column("templates", sa.JSON(), nullable=False),
        sa.Column("chosen", sa.String(length=40), nullable=False),
        sa.Column("anchored_ms", sa.BigInteger(), nullable=True),
        sa.Column("has_roster_photo", sa.Boolean(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("learner", "class_run", name=op.f("pk_face_reference")),
    )
    op.create_index(
        op.f("ix_face_reference_institution_id"), "face_reference", ["institution_id"], unique=False
    )
    op.create_table(
        "inbox_chain",
        sa.Column("chain", sa.String(length=120), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_inbox_chain")),
    )
    op.create_index(op.f("ix_inbox_chain_institution_id"), "inbox_chain", ["institution_id"], unique=False)
    op.create_table(
        "inbox_message",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("chain", sa.String(length=120), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("original_sha256", sa.String(length=64), nullable=False),
        sa.Column("verification", sa.String(length=120), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_message")),
        sa.UniqueConstraint("chain", "seq", name=op.f("uq_inbox_message_chain_seq")),
        sa.UniqueConstraint(
            "institution_id",
            "source",
            "idempotency_key",
            name=op.f("uq_inbox_message_institution_id_source_idempotency_key"),
        ),
    )
    op.create_index(
        op.f("ix_inbox_message_institution_id"), "inbox_message", ["institution_id"], unique=False
    )
    op.create_table(
        "institution",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("operator_name", sa.String(length=120), nullable=False),
        sa.Column("provincial_connected", sa.Boolean(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_institution")),
        sa.UniqueConstraint("uscc", name=op.f("uq_institution_uscc")),
    )
    op.create_index(op.f("ix_institution_institution_id"), "institution", ["institution_id"], unique=False)
    op.create_table(
        "job",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("run_after", UtcDateTime(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("institution_id", "kind", "key", name=op.f("uq_job_institution_id_kind_key")),
    )
    op.create_index("ix_job_open", "job", ["state", "run_after"], unique=False)
    op.create_table(
        "learner",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name_enc", sa.Text(), nullable=False),
        sa.Column("citizen_id_enc", sa.Text(), nullable=False),
        sa.Column("citizen_id_index", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_learner")),
        sa.UniqueConstraint(
            "institution_id", "citizen_id_index", name=op.f("uq_learner_institution_id_citizen_id_index")
        ),
    )
    op.create_index(op.f("ix_learner_institution_id"), "learner", ["institution_id"], unique=False)
    op.create_table(
        "learner_file",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("bag_sha256", sa.String(length=64), nullable=False),
        sa.Column("ledger_head", sa.String(length=64), nullable=False),
        sa.Column("papers", sa.JSON(), nullable=False),
        sa.Column("evidence_id", sa.String(length=40), nullable=False),
        sa.Column("sealed_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_learner_file")),
        sa.UniqueConstraint(
            "institution_id",
            "learner_ref",
            "class_run_id",
            "revision",
            name=op.f("uq_learner_file_institution_id_learner_ref_class_run_id_revision"),
        ),
    )
    op.create_index(op.f("ix_learner_file_institution_id"), "learner_file", ["institution_id"], unique=False)
    op.create_index(op.f("ix_learner_file_learner_ref"), "learner_file", ["learner_ref"], unique=False)
    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("prev", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("natural_key", sa.String(length=200), nullable=False),
        sa.Column("session_id", sa.String(length=40), nullable=True),
        sa.Column("batch_seq", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint(
            "institution_id",
            "learner_ref",
            "class_run_id",
            "natural_key",
            name=op.f("uq_ledger_entry_institution_id_learner_ref_class_run_id_natural_key"),
        ),
        sa.UniqueConstraint(
            "institution_id",
            "learner_ref",
            "class_run_id",
            "seq",
            name=op.f("uq_ledger_entry_institution_id_learner_ref_class_run_id_seq"),
        ),
    )
    op.create_index(op.f("ix_ledger_entry_institution_id"), "ledger_entry", ["institution_id"], unique=False)
    op.create_index("ix_ledger_entry_session", "ledger_entry", ["session_id", "batch_seq"], unique=False)
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_head")),
        sa.UniqueConstraint(
            "institution_id",
            "learner_ref",
            "class_run_id",
            name=op.f("uq_ledger_head_institution_id_learner_ref_class_run_id"),
        ),
    )
    op.create_index(op.f("ix_ledger_head_institution_id"), "ledger_head", ["institution_id"], unique=False)
    op.create_table(
        "lms_account",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("registration_id", sa.String(length=40), nullable=False),
        sa.Column("sub_enc", sa.Text(), nullable=False),
        sa.Column("sub_index", sa.String(length=64), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lms_account")),
        sa.UniqueConstraint(
            "registration_id", "sub_index", name=op.f("uq_lms_account_registration_id_sub_index")
        ),
    )
    op.create_index(op.f("ix_lms_account_institution_id"), "lms_account", ["institution_id"], unique=False)
    op.create_table(
        "login_flow",
        sa.Column("state_sha256", sa.String(length=64), nullable=False),
        sa.Column("nonce_sha256", sa.String(length=64), nullable=False),
        sa.Column("browser_sha256", sa.String(length=64), nullable=False),
        sa.Column("registration_id", sa.String(length=40), nullable=False),
        sa.Column("target_link_uri", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("state_sha256", name=op.f("pk_login_flow")),
    )
    op.create_index(op.f("ix_login_flow_expires_at"), "login_flow", ["expires_at"], unique=False)
    op.create_table(
        "lti_registration",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("auth_login_url", sa.Text(), nullable=False),
        sa.Column("auth_token_url", sa.Text(), nullable=False),
        sa.Column("jwks_url", sa.Text(), nullable=False),
        sa.Column("deployment_ids", sa.JSON(), nullable=False),
        sa.Column("algorithm", sa.String(length=8), nullable=False),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("private_hosts", sa.JSON(), nullable=False),
        sa.Column("allowed_origin", sa.Text(), nullable=False),
        sa.Column("webhook_secret_enc", sa.Text(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_registration")),
        sa.UniqueConstraint("issuer", "client_id", name=op.f("uq_lti_registration_issuer_client_id")),
    )
    op.create_index(
        op.f("ix_lti_registration_institution_id"), "lti_registration", ["institution_id"], unique=False
    )
    op.create_table(
        "outline",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("theory_class_hours", sa.Integer(), nullable=False),
        sa.Column("units", sa.JSON(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outline")),
    )
    op.create_index(op.f("ix_outline_institution_id"), "outline", ["institution_id"], unique=False)
    op.create_table(
        "presence_check",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("session", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("class_run", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("answer_by_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts_left", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("verdicts", sa.JSON(), nullable=False),
        sa.Column("decided_ms", sa.BigInteger(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence_check")),
    )
    op.create_index(
        op.f("ix_presence_check_institution_id"), "presence_check", ["institution_id"], unique=False
    )
    op.create_index(op.f("ix_presence_check_session"), "presence_check", ["session"], unique=False)
    op.create_index("ix_presence_check_state", "presence_check", ["state", "answer_by_ms"], unique=False)
    op.create_table(
        "report_batch",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("division_code", sa.String(length=64), nullable=False),
        sa.Column("uscc", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("evidence_id", sa.String(length=40), nullable=False),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("schema_version", sa.String(length=64), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_batch")),
    )
    op.create_index(op.f("ix_report_batch_institution_id"), "report_batch", ["institution_id"], unique=False)
    op.create_table(
        "staff_account",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=True),
        sa.Column("division_code", sa.String(length=6), nullable=True),
        sa.Column("login", sa.String(length=40), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("invitation_sha256", sa.String(length=64), nullable=True),
        sa.Column("invited_until", UtcDateTime(), nullable=True),
        sa.Column("failed_tries", sa.Integer(), nullable=False),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.Column("locked_until", UtcDateTime(), nullable=True),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("signed_in_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_account")),
        sa.UniqueConstraint("invitation_sha256", name=op.f("uq_staff_account_invitation_sha256")),
        sa.UniqueConstraint("login", name=op.f("uq_staff_account_login")),
    )
    op.create_index(
        op.f("ix_staff_account_institution_id"), "staff_account", ["institution_id"], unique=False
    )
    op.create_table(
        "study_session",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("class_run", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("activity", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.String(length=80), nullable=True),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_batch_sha256", sa.String(length=64), nullable=False),
        sa.Column("last_received_ms", sa.BigInteger(), nullable=True),
        sa.Column("chain_seq", sa.BigInteger(), nullable=False),
        sa.Column("chain_hash", sa.String(length=64), nullable=False),
        sa.Column("next_due_ms", sa.BigInteger(), nullable=False),
        sa.Column("credited_seconds", sa.BigInteger(), nullable=False),
        sa.Column("provisional_seconds", sa.BigInteger(), nullable=False),
        sa.Column("refused_seconds", sa.BigInteger(), nullable=False),
        sa.Column("closed_reason", sa.String(length=64), nullable=True),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("token_id", sa.String(length=120), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_session")),
        sa.UniqueConstraint("token_id", name=op.f("uq_study_session_token_id")),
    )
    op.create_index(
        op.f("ix_study_session_institution_id"), "study_session", ["institution_id"], unique=False
    )
    op.create_index("ix_study_session_learner", "study_session", ["learner", "open"], unique=False)
    op.create_table(
        "supervised_progress",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("credited_seconds", sa.BigInteger(), nullable=False),
        sa.Column("provisional_seconds", sa.BigInteger(), nullable=False),
        sa.Column("refused_seconds", sa.BigInteger(), nullable=False),
        sa.Column("online_class_hours", sa.Integer(), nullable=False),
        sa.Column("offline_class_hours", sa.Integer(), nullable=False),
        sa.Column("noted_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supervised_progress")),
        sa.UniqueConstraint(
            "institution_id",
            "learner_ref",
            "class_run_id",
            name=op.f("uq_supervised_progress_institution_id_learner_ref_class_run_id"),
        ),
    )
    op.create_index(
        op.f("ix_supervised_progress_class_run_id"), "supervised_progress", ["class_run_id"], unique=False
    )
    op.create_index(
        op.f("ix_supervised_progress_institution_id"), "supervised_progress", ["institution_id"], unique=False
    )
    op.create_index(
        op.f("ix_supervised_progress_learner_ref"), "supervised_progress", ["learner_ref"], unique=False
    )
    op.create_table(
        "test_decision",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("attempt", sa.String(length=200), nullable=False),
        sa.Column("message", sa.String(length=200), nullable=False),
        sa.Column("score", sa.String(length=64), nullable=False),
        sa.Column("maximum", sa.String(length=64), nullable=False),
        sa.Column("finished_real", sa.String(length=64), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("checks_passed", sa.Integer(), nullable=False),
        sa.Column("covered_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempt_ms", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_decision")),
        sa.UniqueConstraint(
            "institution_id",
            "learner_ref",
            "class_run_id",
            "unit",
            "attempt",
            name=op.f("uq_test_decision_institution_id_learner_ref_class_run_id_unit_attempt"),
        ),
    )
    op.create_index(
        op.f("ix_test_decision_institution_id"), "test_decision", ["institution_id"], unique=False
    )
    op.create_index(op.f("ix_test_decision_learner_ref"), "test_decision", ["learner_ref"], unique=False)
    op.create_table(
        "web_session",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=True),
        sa.Column("division_code", sa.String(length=6), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_session")),
    )
    op.create_table(
        "account_binding",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("bound_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("ended_reason", sa.String(length=64), nullable=True),
        sa.Column("ended_by", sa.String(length=40), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["lms_account.id"], name=op.f("fk_account_binding_account_id")
        ),
        sa.ForeignKeyConstraint(["learner"], ["learner.id"], name=op.f("fk_account_binding_learner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_binding")),
    )
    op.create_index(
        op.f("ix_account_binding_institution_id"), "account_binding", ["institution_id"], unique=False
    )
    op.create_index(
        "uq_account_binding_live_account",
        "account_binding",
        ["institution_id", "account_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_account_binding_live_learner",
        "account_binding",
        ["institution_id", "learner"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "class_run",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("division_code", sa.String(length=6), nullable=False),
        sa.Column("opens_on", sa.Date(), nullable=False),
        sa.Column("closes_on", sa.Date(), nullable=False),
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("outline_id", sa.String(length=40), nullable=False),
        sa.Column("course_id", sa.String(length=40), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["course.id"], name=op.f("fk_class_run_course_id")),
        sa.ForeignKeyConstraint(["outline_id"], ["outline.id"], name=op.f("fk_class_run_outline_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_class_run")),
    )
    op.create_index(op.f("ix_class_run_division_code"), "class_run", ["division_code"], unique=False)
    op.create_index(op.f("ix_class_run_institution_id"), "class_run", ["institution_id"], unique=False)
    op.create_table(
        "consent",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("given_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["lms_account.id"], name=op.f("fk_consent_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_account_id"), "consent", ["account_id"], unique=False)
    op.create_index(op.f("ix_consent_institution_id"), "consent", ["institution_id"], unique=False)
    op.create_table(
        "course_unit",
        sa.Column("course_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("outline_unit_id", sa.String(length=40), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("activity", sa.String(length=64), nullable=False),
        sa.Column("nominal_ms", sa.BigInteger(), nullable=False),
        sa.Column("resource_link_id", sa.String(length=255), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["course.id"], name=op.f("fk_course_unit_course_id")),
        sa.PrimaryKeyConstraint("course_id", "id", name=op.f("pk_course_unit")),
    )
    op.create_index(op.f("ix_course_unit_institution_id"), "course_unit", ["institution_id"], unique=False)
    op.create_index(
        op.f("ix_course_unit_resource_link_id"), "course_unit", ["resource_link_id"], unique=False
    )
    op.create_table(
        "disclosure",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.String(length=120), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["learner"], ["learner.id"], name=op.f("fk_disclosure_learner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosure")),
    )
    op.create_index(op.f("ix_disclosure_institution_id"), "disclosure", ["institution_id"], unique=False)
    op.create_index(op.f("ix_disclosure_learner"), "disclosure", ["learner"], unique=False)
    op.create_table(
        "enrolment_list_row",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("name_enc", sa.Text(), nullable=False),
        sa.Column("citizen_id_enc", sa.Text(), nullable=False),
        sa.Column("citizen_id_index", sa.String(length=64), nullable=False),
        sa.Column("employer_enc", sa.Text(), nullable=False),
        sa.Column("photo", sa.String(length=40), nullable=True),
        sa.Column("learner", sa.String(length=40), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["learner"], ["learner.id"], name=op.f("fk_enrolment_list_row_learner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_list_row")),
        sa.UniqueConstraint(
            "class_run_id",
            "citizen_id_index",
            name=op.f("uq_enrolment_list_row_class_run_id_citizen_id_index"),
        ),
    )
    op.create_index(
        op.f("ix_enrolment_list_row_citizen_id_index"),
        "enrolment_list_row",
        ["citizen_id_index"],
        unique=False,
    )
    op.create_index(
        op.f("ix_enrolment_list_row_institution_id"), "enrolment_list_row", ["institution_id"], unique=False
    )
    op.create_index(op.f("ix_enrolment_list_row_learner"), "enrolment_list_row", ["learner"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("blob", sa.String(length=120), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["data_key.id"], name=op.f("fk_evidence_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_institution_id"), "evidence", ["institution_id"], unique=False)
    op.create_index(op.f("ix_evidence_key_id"), "evidence", ["key_id"], unique=False)
    op.create_table(
        "real_name_refusal",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["lms_account.id"], name=op.f("fk_real_name_refusal_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_real_name_refusal")),
    )
    op.create_index(
        op.f("ix_real_name_refusal_account_id"), "real_name_refusal", ["account_id"], unique=False
    )
    op.create_index(
        op.f("ix_real_name_refusal_institution_id"), "real_name_refusal", ["institution_id"], unique=False
    )
    op.create_table(
        "report_attempt",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("batch_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["report_batch.id"], name=op.f("fk_report_attempt_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_attempt")),
        sa.UniqueConstraint(
            "institution_id",
            "batch_id",
            "number",
            name=op.f("uq_report_attempt_institution_id_batch_id_number"),
        ),
    )
    op.create_index(op.f("ix_report_attempt_batch_id"), "report_attempt", ["batch_id"], unique=False)
    op.create_index(
        op.f("ix_report_attempt_institution_id"), "report_attempt", ["institution_id"], unique=False
    )
    op.create_table(
        "report_receipt",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("batch_id", sa.String(length=40), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["report_batch.id"], name=op.f("fk_report_receipt_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_receipt")),
        sa.UniqueConstraint(
            "institution_id", "batch_id", name=op.f("uq_report_receipt_institution_id_batch_id")
        ),
    )
    op.create_index(
        op.f("ix_report_receipt_institution_id"), "report_receipt", ["institution_id"], unique=False
    )
    op.create_table(
        "report_record",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=120), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("learner_ref", sa.String(length=40), nullable=True),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("division_code", sa.String(length=64), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=600), nullable=True),
        sa.Column("batch_id", sa.String(length=40), nullable=True),
        sa.Column("queued_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["report_batch.id"], name=op.f("fk_report_record_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_record")),
        sa.UniqueConstraint(
            "institution_id",
            "kind",
            "number",
            "revision",
            name=op.f("uq_report_record_institution_id_kind_number_revision"),
        ),
    )
    op.create_index(op.f("ix_report_record_batch_id"), "report_record", ["batch_id"], unique=False)
    op.create_index(
        op.f("ix_report_record_institution_id"), "report_record", ["institution_id"], unique=False
    )
    op.create_index(
        "ix_report_record_waiting",
        "report_record",
        ["institution_id", "division_code", "state"],
        unique=False,
    )
    op.create_table(
        "enrolment",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("list_row", sa.String(length=40), nullable=False),
        sa.Column("enrolled_on", sa.Date(), nullable=False),
        sa.Column("enrolled_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["class_run_id"], ["class_run.id"], name=op.f("fk_enrolment_class_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment")),
        sa.UniqueConstraint("class_run_id", "learner", name=op.f("uq_enrolment_class_run_id_learner")),
    )
    op.create_index(op.f("ix_enrolment_institution_id"), "enrolment", ["institution_id"], unique=False)
    op.create_index(op.f("ix_enrolment_learner"), "enrolment", ["learner"], unique=False)
    op.create_table(
        "lti_context",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("registration_id", sa.String(length=40), nullable=False),
        sa.Column("context_id", sa.String(length=255), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["class_run_id"], ["class_run.id"], name=op.f("fk_lti_context_class_run_id")),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["lti_registration.id"], name=op.f("fk_lti_context_registration_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lti_context")),
        sa.UniqueConstraint(
            "registration_id", "context_id", name=op.f("uq_lti_context_registration_id_context_id")
        ),
    )
    op.create_index(op.f("ix_lti_context_class_run_id"), "lti_context", ["class_run_id"], unique=False)
    op.create_index(op.f("ix_lti_context_institution_id"), "lti_context", ["institution_id"], unique=False)
    op.create_table(
        "offline_session",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("class_run_id", sa.String(length=40), nullable=False),
        sa.Column("outline_unit_id", sa.String(length=40), nullable=False),
        sa.Column("class_hours", sa.Integer(), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("teacher", sa.String(length=40), nullable=False),
        sa.Column("place", sa.String(length=120), nullable=False),
        sa.Column("sheet_sha256", sa.String(length=64), nullable=False),
        sa.Column("entered_by", sa.String(length=40), nullable=False),
        sa.Column("entered_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_by", sa.String(length=40), nullable=True),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["class_run_id"], ["class_run.id"], name=op.f("fk_offline_session_class_run_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offline_session")),
    )
    op.create_index(
        op.f("ix_offline_session_class_run_id"), "offline_session", ["class_run_id"], unique=False
    )
    op.create_index(
        op.f("ix_offline_session_institution_id"), "offline_session", ["institution_id"], unique=False
    )
    op.create_table(
        "offline_attendance",
        sa.Column("session_id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.String(length=40), nullable=False),
        sa.Column("institution_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["offline_session.id"], name=op.f("fk_offline_attendance_session_id")
        ),
        sa.PrimaryKeyConstraint("session_id", "learner", name=op.f("pk_offline_attendance")),
    )
    op.create_index(
        op.f("ix_offline_attendance_institution_id"), "offline_attendance", ["institution_id"], unique=False
    )
    op.create_index(op.f("ix_offline_attendance_learner"), "offline_attendance", ["learner"], unique=False)
    _append_only()


def _append_only() -> None:
    dialect = op.get_bind().dialect.name
    for statement in (*append_only_ddl("inbox_message", dialect), *LEDGER_DDL[dialect]):
        op.execute(sa.DDL(statement))  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def downgrade() -> None:
    raise RuntimeError("nothing stands before the first tables")
