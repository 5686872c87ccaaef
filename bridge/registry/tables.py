"""The registry's tables."""

from datetime import date

from sqlalchemy import Boolean, Date, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Count, Id, Instant, JsonList, Ref, Sha256, TenantRow


class InstitutionRow(Base, TenantRow):
    """An institution; `institution_id` is its own id, so that it is a row of itself."""

    __tablename__ = "institution"

    id: Mapped[Id]
    uscc: Mapped[str] = mapped_column(String(18), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    operator_name: Mapped[str] = mapped_column(String(120))
    provincial_connected: Mapped[bool] = mapped_column(Boolean)
    division_code: Mapped[str | None] = mapped_column(String(6))


class CityRegistrationRow(Base, TenantRow):
    """One city's registration of an institution (article 13)."""

    __tablename__ = "city_registration"
    __table_args__ = (UniqueConstraint("institution_id", "division_code", "document_number"),)

    id: Mapped[Id]
    division_code: Mapped[str] = mapped_column(String(6))
    document_number: Mapped[str] = mapped_column(String(80))
    valid_from: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date] = mapped_column(Date)


class OutlineRow(Base, TenantRow):
    """An outline; `units` is a list of [id, title, mode, class hours]."""

    __tablename__ = "outline"

    id: Mapped[Id]
    title: Mapped[str] = mapped_column(String(200))
    theory_class_hours: Mapped[int]
    units: Mapped[JsonList]


class CourseRow(Base, TenantRow):
    """A course in one version."""

    __tablename__ = "course"

    id: Mapped[Id]
    version: Mapped[Code]
    title: Mapped[str] = mapped_column(String(200))


class CourseUnitRow(Base, TenantRow):
    """A unit of a course; its id is unique within the course."""

    __tablename__ = "course_unit"

    course_id: Mapped[str] = mapped_column(String(40), ForeignKey("course.id"), primary_key=True)
    id: Mapped[Id]
    position: Mapped[int]
    outline_unit_id: Mapped[str | None] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    activity: Mapped[Code]
    nominal_ms: Mapped[Count]
    resource_link_id: Mapped[str | None] = mapped_column(String(255), index=True)


class ClassRunRow(Base, TenantRow):
    """A class run; its dates never change once written."""

    __tablename__ = "class_run"

    id: Mapped[Id]
    title: Mapped[str] = mapped_column(String(200))
    kind: Mapped[Code]
    category: Mapped[Code]
    division_code: Mapped[str] = mapped_column(String(6), index=True)
    opens_on: Mapped[date] = mapped_column(Date)
    closes_on: Mapped[date] = mapped_column(Date)
    profile: Mapped[Code]
    outline_id: Mapped[str] = mapped_column(String(40), ForeignKey("outline.id"))
    course_id: Mapped[str] = mapped_column(String(40), ForeignKey("course.id"))


class LtiContextRow(Base, TenantRow):
    """Which class run an LMS course is."""

    __tablename__ = "lti_context"
    __table_args__ = (UniqueConstraint("registration_id", "context_id"),)

    id: Mapped[Id]
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    context_id: Mapped[str] = mapped_column(String(255))
    class_run_id: Mapped[str] = mapped_column(String(40), ForeignKey("class_run.id"), index=True)


class EnrolmentRow(Base, TenantRow):
    """A learner of a class run; `list_row` is the enrolment list's row, which identity keeps."""

    __tablename__ = "enrolment"
    __table_args__ = (UniqueConstraint("class_run_id", "learner"),)

    id: Mapped[Id]
    class_run_id: Mapped[str] = mapped_column(String(40), ForeignKey("class_run.id"))
    learner: Mapped[Ref] = mapped_column(index=True)
    list_row: Mapped[Ref]
    enrolled_on: Mapped[date] = mapped_column(Date)
    enrolled_at: Mapped[Instant]


class OfflineSessionRow(Base, TenantRow):
    """A lesson in a room; counts once a second person confirmed it."""

    __tablename__ = "offline_session"

    id: Mapped[Id]
    class_run_id: Mapped[str] = mapped_column(String(40), ForeignKey("class_run.id"), index=True)
    outline_unit_id: Mapped[Ref]
    class_hours: Mapped[int]
    starts_at: Mapped[Instant]
    ends_at: Mapped[Instant]
    teacher: Mapped[Ref]
    place: Mapped[str] = mapped_column(String(120))
    sheet_sha256: Mapped[Sha256]
    entered_by: Mapped[Ref]
    entered_at: Mapped[Instant]
    confirmed_by: Mapped[str | None] = mapped_column(String(40))
    confirmed_at: Mapped[Instant | None]


class OfflineAttendanceRow(Base, TenantRow):
    """One learner who sat in an offline session."""

    __tablename__ = "offline_attendance"

    session_id: Mapped[str] = mapped_column(String(40), ForeignKey("offline_session.id"), primary_key=True)
    learner: Mapped[str] = mapped_column(String(40), primary_key=True, index=True)
