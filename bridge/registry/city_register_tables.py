"""How a city came to register an institution: who looked at what, and where it was made public (articles 11 and 13)."""

from datetime import date

from sqlalchemy import Date, String
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Id, Instant, Ref, TenantRow


class CityRegisterRow(Base, TenantRow):
    """One registration as an officer entered it; `city_registration` holds what follows from it."""

    __tablename__ = "city_register"

    id: Mapped[Id]
    division_code: Mapped[str] = mapped_column(String(6), index=True)
    document_number: Mapped[str] = mapped_column(String(80))
    offline_report: Mapped[str] = mapped_column(String(120))
    letter_on: Mapped[date] = mapped_column(Date)
    notice: Mapped[str] = mapped_column(String(120))
    entered_by: Mapped[Ref]
    entered_at: Mapped[Instant]


guard(CityRegisterRow)
