"""The table of reasons for which a class run departs from the online cap."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Instant, Ref, TenantRow


class CapExceptionRow(Base, TenantRow):
    """One class run's reason; it counts once a second person confirmed it, and then stands."""

    __tablename__ = "online_cap_exception"

    class_run_id: Mapped[str] = mapped_column(String(40), ForeignKey("class_run.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(String(300))
    entered_by: Mapped[Ref]
    entered_at: Mapped[Instant]
    confirmed_by: Mapped[str | None] = mapped_column(String(40))
    confirmed_at: Mapped[Instant | None]
