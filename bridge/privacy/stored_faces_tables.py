"""The task to file with the authority once so many people have a face stored."""

from datetime import date

from sqlalchemy import Date, String
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Count, Id, Instant


class FaceFilingRow(Base):
    """One task. Without TenantRow: the number is that of the whole installation."""

    __tablename__ = "face_filing"

    id: Mapped[Id]
    opened_at: Mapped[Instant]
    people: Mapped[Count]
    due_on: Mapped[date] = mapped_column(Date)
    filed_at: Mapped[Instant | None]
    filed_by: Mapped[str | None] = mapped_column(String(40))
    reference: Mapped[str | None] = mapped_column(String(80))
