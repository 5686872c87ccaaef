"""The road of an institution that leaves this bridge, step by step, each by two people."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Code, Instant, Ref, TenantRow


class LeavingStepRow(Base, TenantRow):
    """One step; the newest says where the institution stands."""

    __tablename__ = "leaving_step"

    institution_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    step: Mapped[Code]
    reason: Mapped[str] = mapped_column(String(300))
    by: Mapped[Ref]
    approved_by: Mapped[Ref]
    at: Mapped[Instant]


guard(LeavingStepRow)
