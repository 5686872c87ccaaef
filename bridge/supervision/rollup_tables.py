"""Tables of the figures that dashboards read: by learner, class run, division and city, each by day."""

from datetime import date

from sqlalchemy import Date, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Count, Id, Ref, TenantRow

FIGURES = (
    "enrolled",
    "credited_ms",
    "provisional_ms",
    "refused_ms",
    "checks_passed",
    "checks_missed",
    "checks_failed",
    "checks_declined",
    "tests_passed",
    "tests_refused",
    "papers",
    "paper_class_hours",
    "signals",
)
"""What a cell counts; the names of its columns."""


_CITY_DIGITS = 4


def city_of(division: str) -> str:
    """Return the city in which a division lies; "" where the division is not known."""
    return division and f"{division[:_CITY_DIGITS]}00"


class SupervisedDayRow(Base, TenantRow):
    """What one learner's ledger says of one legal day (study clock) in one class run."""

    __tablename__ = "supervised_day"
    __table_args__ = (
        UniqueConstraint("learner_ref", "class_run_id", "day"),
        Index("ix_supervised_day_class_run", "class_run_id", "day"),
    )

    id: Mapped[Id]
    learner_ref: Mapped[Ref]
    class_run_id: Mapped[Ref]
    day: Mapped[date] = mapped_column(Date)
    credited_ms: Mapped[Count]
    provisional_ms: Mapped[Count]
    refused_ms: Mapped[Count]


class _Figures:
    """The columns of `FIGURES`."""

    enrolled: Mapped[Count]
    credited_ms: Mapped[Count]
    provisional_ms: Mapped[Count]
    refused_ms: Mapped[Count]
    checks_passed: Mapped[Count]
    checks_missed: Mapped[Count]
    checks_failed: Mapped[Count]
    checks_declined: Mapped[Count]
    tests_passed: Mapped[Count]
    tests_refused: Mapped[Count]
    papers: Mapped[Count]
    paper_class_hours: Mapped[Count]
    signals: Mapped[Count]


class SupervisedClassDayRow(_Figures, Base, TenantRow):
    """One class run on one legal day, as far as it is of learners of one division ("" where that is not known)."""

    __tablename__ = "supervised_class_day"

    class_run_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    learner_division: Mapped[str] = mapped_column(String(6), primary_key=True)
    profile: Mapped[Code]
    institution_division: Mapped[str] = mapped_column(String(6))


class SupervisedAreaDayRow(_Figures, Base):
    """The sum of class runs of all institutions; without TenantRow, since a division has many of them."""

    __tablename__ = "supervised_area_day"
    __table_args__ = (
        Index("ix_supervised_area_day_day", "day"),
        Index("ix_supervised_area_day_institution", "institution_division", "day"),
        Index("ix_supervised_area_day_learner", "learner_division", "day"),
    )

    profile: Mapped[Code] = mapped_column(primary_key=True)
    institution_division: Mapped[str] = mapped_column(String(6), primary_key=True)
    learner_division: Mapped[str] = mapped_column(String(6), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)


class SupervisedCityDayRow(_Figures, Base):
    """The sum of a city's divisions, for provinces and cities: a province has some hundreds of these a day, of the
    divisions' sums ten thousand and more. The columns have the names of those, and hold cities.
    """

    __tablename__ = "supervised_city_day"
    __table_args__ = (Index("ix_supervised_city_day_day", "day"),)

    profile: Mapped[Code] = mapped_column(primary_key=True)
    institution_division: Mapped[str] = mapped_column(String(6), primary_key=True)
    learner_division: Mapped[str] = mapped_column(String(6), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
