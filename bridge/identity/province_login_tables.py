"""The table of which account an identity of the provincial unified login signs in to."""

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Id, Instant, Sha256

_LIVE = text("ended_at IS NULL")


class ProvinceLoginRow(Base):
    """One mapping, made by an operator. Without TenantRow: officials belong to no institution."""

    __tablename__ = "province_login"
    __table_args__ = (
        Index(
            "uq_province_login_subject",
            "subject_index",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
    )

    id: Mapped[Id]
    subject_index: Mapped[Sha256]
    staff_id: Mapped[str] = mapped_column(String(40), ForeignKey("staff_account.id"), index=True)
    added_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]
    used_at: Mapped[Instant | None]
