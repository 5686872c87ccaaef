"""Tables of spot checks: each row is a thing that was said, and stays."""

from datetime import date

from sqlalchemy import Date, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Code, Id, Instant, Ref, TenantRow


class SpotCheckRow(Base, TenantRow):
    """One spot check."""

    __tablename__ = "spot_check"

    id: Mapped[Id]
    class_run_id: Mapped[str | None] = mapped_column(String(40), index=True)
    division_code: Mapped[str] = mapped_column(String(6), index=True)
    office: Mapped[str] = mapped_column(String(6))
    authority: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(String(300))
    checked_on: Mapped[date] = mapped_column(Date)
    opened_by: Mapped[Ref]
    opened_at: Mapped[Instant]


class SpotCheckFindingRow(Base, TenantRow):
    """One finding."""

    __tablename__ = "spot_check_finding"

    id: Mapped[Id]
    spot_check_id: Mapped[str] = mapped_column(String(40), ForeignKey("spot_check.id"), index=True)
    subject: Mapped[Code]
    text: Mapped[str] = mapped_column(String(500))
    deadline: Mapped[date] = mapped_column(Date)
    written_by: Mapped[Ref]
    written_at: Mapped[Instant]


class SpotCheckStepRow(Base, TenantRow):
    """One step about one finding; `number` makes two people's steps at one time one after the other."""

    __tablename__ = "spot_check_step"
    __table_args__ = (UniqueConstraint("finding_id", "number"),)

    id: Mapped[Id]
    finding_id: Mapped[str] = mapped_column(String(40), ForeignKey("spot_check_finding.id"))
    number: Mapped[int]
    step: Mapped[Code]
    note: Mapped[str] = mapped_column(String(500))
    until: Mapped[date | None] = mapped_column(Date)
    by: Mapped[Ref]
    at: Mapped[Instant]


class SpotCheckClosingRow(Base, TenantRow):
    """That a spot check is over."""

    __tablename__ = "spot_check_closing"

    spot_check_id: Mapped[str] = mapped_column(String(40), ForeignKey("spot_check.id"), primary_key=True)
    conclusion: Mapped[str] = mapped_column(String(500))
    closed_by: Mapped[Ref]
    closed_at: Mapped[Instant]


for _row in (SpotCheckRow, SpotCheckFindingRow, SpotCheckStepRow, SpotCheckClosingRow):
    guard(_row)
