"""Tables of the xAPI door: credentials, statements with their terms and references, attachments, state documents."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, BigSerial, Code, Id, Instant, LongText, Ref, Sha256, TenantRow, UtcDateTime


class XapiCredentialRow(TenantRow, Base):
    """A key that may use the door. Its secret is 256 bits of chance, so its plain hash tells nothing."""

    __tablename__ = "xapi_credential"

    id: Mapped[Id]
    source: Mapped[Code]
    scopes: Mapped[str] = mapped_column(String(120))
    store: Mapped[Code]
    registration_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    newest: Mapped[Code]
    secret_sha256: Mapped[Sha256]
    previous_sha256: Mapped[str | None] = mapped_column(String(64))
    previous_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[Instant]
    created_by: Mapped[Ref]
    rotated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str | None] = mapped_column(String(40))


class XapiStatementRow(TenantRow, Base):
    """One statement as it is kept; `message` is the inbox record that holds its hash in the chain."""

    __tablename__ = "xapi_statement"
    __table_args__ = (
        UniqueConstraint("institution_id", "store", "statement_id"),
        Index("ix_xapi_statement_stored", "institution_id", "store", "stored", "seq"),
    )

    seq: Mapped[int] = mapped_column(BigSerial, primary_key=True, autoincrement=True)
    # The two indexes above begin with it: one of its own would only slow each insert.
    institution_id: Mapped[str] = mapped_column(String(40))
    store: Mapped[Code]
    source: Mapped[Code]
    statement_id: Mapped[str] = mapped_column(String(36))
    message: Mapped[Ref]
    stored: Mapped[Instant]
    payload: Mapped[LongText]


class XapiTermRow(Base):
    """That a statement is found under a term; the term itself holds institution and store (`terms.Terms`)."""

    __tablename__ = "xapi_term"
    __table_args__ = ({"sqlite_with_rowid": False},)

    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    seq: Mapped[int] = mapped_column(BigSerial, primary_key=True, autoincrement=False)
    direct: Mapped[bool]


class XapiReferenceRow(TenantRow, Base):
    """That a statement refers to another, directly or through others; the other need not be here yet.

    Args:
        voids: whether it is a voiding statement, and this its target.
    """

    __tablename__ = "xapi_reference"

    institution_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    store: Mapped[str] = mapped_column(String(64), primary_key=True)
    target: Mapped[str] = mapped_column(String(36), primary_key=True)
    seq: Mapped[int] = mapped_column(BigSerial, primary_key=True, autoincrement=False, index=True)
    source: Mapped[Code]
    voids: Mapped[bool]


class XapiAttachmentRow(TenantRow, Base):
    """What came along with statements of made-up people; a store of records keeps none."""

    __tablename__ = "xapi_attachment"

    institution_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    store: Mapped[str] = mapped_column(String(64), primary_key=True)
    sha2: Mapped[str] = mapped_column(String(128), primary_key=True)
    content_type: Mapped[str] = mapped_column(String(255))
    content: Mapped[bytes] = mapped_column(LargeBinary)


class XapiDocumentRow(TenantRow, Base):
    """What a player remembers for itself. It can be changed, proves nothing, and is not chained.

    Args:
        agent, activity: terms; empty where the resource has none.
    """

    __tablename__ = "xapi_document"
    __table_args__ = (
        UniqueConstraint(
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

    id: Mapped[Id]
    institution_id: Mapped[str] = mapped_column(String(40))
    store: Mapped[Code]
    source: Mapped[Code]
    resource: Mapped[Code]
    agent: Mapped[str] = mapped_column(String(32))
    activity: Mapped[str] = mapped_column(String(32))
    registration: Mapped[str] = mapped_column(String(36))
    name: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str] = mapped_column(String(255))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    etag: Mapped[str] = mapped_column(String(40))
    updated: Mapped[Instant]


guard(XapiStatementRow)
guard(XapiReferenceRow)
