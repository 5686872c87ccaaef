"""The tables of article 27: platforms with our plugin, their counts of contact data, and signed exceptions."""

from datetime import date

from sqlalchemy import Date, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Count, Id, Instant, JsonList, Ref, TenantRow


class LmsPluginRow(Base, TenantRow):
    """A platform whose LMS runs our plugin: known once it was heard, and described by its newest ping."""

    __tablename__ = "lms_plugin"

    registration_id: Mapped[str] = mapped_column(
        String(40), ForeignKey("lti_registration.id"), primary_key=True
    )
    heard_at: Mapped[Instant]
    moodle: Mapped[str | None] = mapped_column(String(40))
    plugin: Mapped[str | None] = mapped_column(String(40))
    clock_skew_seconds: Mapped[int | None]
    pinged_at: Mapped[Instant | None]


class ContactScanRow(Base, TenantRow):
    """One count of learners with contact data; `context` is the LMS course's blind reference."""

    __tablename__ = "contact_scan"
    __table_args__ = (
        UniqueConstraint("institution_id", "message"),
        Index("ix_contact_scan_course", "registration_id", "context", "occurred_at"),
    )

    id: Mapped[Id]
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    context: Mapped[Ref]
    learners: Mapped[Count]
    with_contact: Mapped[Count]
    counts: Mapped[JsonList]
    occurred_at: Mapped[Instant]
    noted_at: Mapped[Instant]
    message: Mapped[Ref]


class ContactExceptionRow(Base, TenantRow):
    """An exception as its first signer wrote it."""

    __tablename__ = "contact_exception"

    id: Mapped[Id]
    class_run_id: Mapped[str] = mapped_column(String(40), ForeignKey("class_run.id"), index=True)
    reason: Mapped[str] = mapped_column(String(300))
    with_contact: Mapped[Count]
    until: Mapped[date] = mapped_column(Date)


class ContactSignatureRow(Base, TenantRow):
    """One signature under an exception."""

    __tablename__ = "contact_exception_signature"
    __table_args__ = (UniqueConstraint("exception_id", "by"),)

    id: Mapped[Id]
    exception_id: Mapped[str] = mapped_column(String(40), ForeignKey("contact_exception.id"))
    by: Mapped[Ref]
    at: Mapped[Instant]


for _row in (ContactScanRow, ContactExceptionRow, ContactSignatureRow):
    guard(_row)
