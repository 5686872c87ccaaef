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


class SupervisedRunAreaRow(Base, TenantRow):
    """A county, city or province in which somebody of a class run works; always what `SupervisedAreaRow` adds up to.

    An area's queries look for class runs by its code: of the learners' rows there are a hundred times as many.
    """

    __tablename__ = "supervised_run_area"
    __table_args__ = (Index("ix_supervised_run_area_area", "area_code", "class_run_id"),)

    class_run_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    area_code: Mapped[str] = mapped_column(String(6), primary_key=True)
