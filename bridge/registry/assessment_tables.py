"""The table of impact assessments."""

from datetime import date

from sqlalchemy import Date, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Code, Count, Id, Instant, LongText, Ref, TenantRow


class ImpactAssessmentRow(Base, TenantRow):
    """One assessment. `class_run_id` is "" for all class runs; `seq` counts those of one institution."""

    __tablename__ = "impact_assessment"
    __table_args__ = (
        Index(
            "uq_impact_assessment_version",
            "institution_id",
            "purpose",
            "class_run_id",
            "version",
            unique=True,
        ),
        Index("uq_impact_assessment_seq", "institution_id", "seq", unique=True),
    )

    id: Mapped[Id]
    seq: Mapped[Count]
    purpose: Mapped[Code]
    class_run_id: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(40))
    assessed_on: Mapped[date] = mapped_column(Date)
    until: Mapped[date] = mapped_column(Date)
    assessed_by: Mapped[str] = mapped_column(String(120))
    result: Mapped[Code]
    necessity: Mapped[LongText]
    risks: Mapped[LongText]
    measures: Mapped[LongText]
    report_sha256: Mapped[str | None] = mapped_column(String(64))
    recorded_by: Mapped[Ref]
    recorded_at: Mapped[Instant]


guard(ImpactAssessmentRow)
