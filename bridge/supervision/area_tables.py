"""Where a learner of a class run works: the second of the two areas in which a record may lie."""

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Instant, Ref, TenantRow


class SupervisedAreaRow(Base, TenantRow):
    """One learner's area in one class run, as staff of the institution wrote it down; absent where nobody did."""

    __tablename__ = "supervised_area"
    __table_args__ = (
        Index("ix_supervised_area_class_run", "class_run_id", "division_code"),
        Index("ix_supervised_area_division", "division_code", "class_run_id"),
    )

    learner_ref: Mapped[str] = mapped_column(String(40), primary_key=True)
    class_run_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    division_code: Mapped[str] = mapped_column(String(6))
    noted_by: Mapped[Ref]
    noted_at: Mapped[Instant]
