"""xAPI: credentials, statements, documents"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from bridge.db.append_only import append_only_ddl
from bridge.db.base import BigSerial, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _credentials()
    _statements()
    _documents()
    dialect = op.get_bind().dialect.name
    for table in ("xapi_statement", "xapi_reference"):
        for statement in append_only_ddl(table, dialect):
            op.execute(sa.DDL(statement))  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def _credentials() -> None:
    op.create_table(
        "xapi_credential",
        _text("id", 40),
        _text("source", 64),
        _text("scopes", 120),
        _text("store", 64),
        _text("registration_id", 40, nullable=True),
        _text("newest", 64),
        _text("secret_sha256", 64),
        _text("previous_sha256", 64, nullable=True),
        sa.Column("previous_until", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        _text("created_by", 40),
        sa.Column("rotated_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        _text("revoked_by", 40, nullable=True),
        _text("institution_id", 40),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["lti_registration.id"], name=op.f("fk_xapi_credential_registration_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_xapi_credential")),
    )
    op.create_index(op.f("ix_xapi_credential_institution_id"), "xapi_credential", ["institution_id"])


def _statements() -> None:
    op.create_table(
        "xapi_statement",
        sa.Column("seq", BigSerial, autoincrement=True, nullable=False),
        _text("institution_id", 40),
        _text("store", 64),
        _text("source", 64),
        _text("statement_id", 36),
        _text("message", 40),
        sa.Column("stored", UtcDateTime(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_xapi_statement")),
        sa.UniqueConstraint(
            "institution_id",
            "store",
            "statement_id",
            name=op.f("uq_xapi_statement_institution_id_store_statement_id"),
        ),
    )
    op.create_index(
        "ix_xapi_statement_stored", "xapi_statement", ["institution_id", "store", "stored", "seq"]
    )
    op.create_table(
        "xapi_term",
        _text("key", 32),
        sa.Column("seq", BigSerial, autoincrement=False, nullable=False),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", "seq", name=op.f("pk_xapi_term")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "xapi_reference",
        _text("institution_id", 40),
        _text("store", 64),
        _text("target", 36),
        sa.Column("seq", BigSerial, autoincrement=False, nullable=False),
        _text("source", 64),
        sa.Column("voids", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", "store", "target", "seq", name=op.f("pk_xapi_reference")),
    )
    op.create_index(op.f("ix_xapi_reference_seq"), "xapi_reference", ["seq"])
    op.create_table(
        "xapi_attachment",
        _text("institution_id", 40),
        _text("store", 64),
        _text("sha2", 128),
        _text("content_type", 255),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", "store", "sha2", name=op.f("pk_xapi_attachment")),
    )


def _documents() -> None:
    op.create_table(
        "xapi_document",
        _text("id", 40),
        _text("institution_id", 40),
        _text("store", 64),
        _text("source", 64),
        _text("resource", 64),
        _text("agent", 32),
        _text("activity", 32),
        _text("registration", 36),
        _text("name", 255),
        _text("content_type", 255),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        _text("etag", 40),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_xapi_document")),
        sa.UniqueConstraint(
            "institution_id",
            "store",
            "source",
            "resource",
            "agent",
            "activity",
            "registration",
            "name",
            name="uq_xapi_document",
        ),
    )


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def downgrade() -> None:
    raise RuntimeError("statements are never deleted; restore the backup made before the upgrade")
