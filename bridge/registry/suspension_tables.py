"""Orders by which an authority stops an institution's teaching, and those by which it lets it go on."""

from datetime import date

from sqlalchemy import Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Id, Instant, Ref, TenantRow


class SuspensionRow(Base, TenantRow):
    """One order."""

    __tablename__ = "suspension"

    id: Mapped[Id]
    division_code: Mapped[str] = mapped_column(String(6), index=True)
    authority: Mapped[str] = mapped_column(String(120))
    document_number: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(300))
    notice: Mapped[str] = mapped_column(String(300))
    basis: Mapped[str] = mapped_column(String(16))
    from_day: Mapped[date] = mapped_column(Date)
    ordered_by: Mapped[Ref]
    ordered_at: Mapped[Instant]


class RestorationRow(Base, TenantRow):
    """The end of one order; one for each."""

    __tablename__ = "suspension_restoration"

    suspension_id: Mapped[str] = mapped_column(String(40), ForeignKey("suspension.id"), primary_key=True)
    document_number: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(300))
    from_day: Mapped[date] = mapped_column(Date)
    restored_by: Mapped[Ref]
    restored_at: Mapped[Instant]


for _row in (SuspensionRow, RestorationRow):
    guard(_row)
