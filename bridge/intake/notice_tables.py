"""The table of notice handlers: what a platform was asked to tell us, and whether it does."""

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, LongText, TenantRow


class LmsNoticeHandlerRow(Base, TenantRow):
    """One type of notice that a platform offers. `heard_at` is when the last right notice of it came."""

    __tablename__ = "lms_notice_handler"
    __table_args__ = (
        UniqueConstraint("registration_id", "notice_type"),
        Index("ix_lms_notice_handler_due", "next_at"),
    )

    id: Mapped[Id]
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    notice_type: Mapped[Code]
    service_url: Mapped[LongText]
    state: Mapped[Code]
    reason: Mapped[Code]
    failures: Mapped[int]
    next_at: Mapped[Instant | None]
    noted_at: Mapped[Instant]
    registered_at: Mapped[Instant | None]
    heard_at: Mapped[Instant | None]
