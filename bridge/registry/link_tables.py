"""The tables of links in LMS courses. Links and changes are histories: rows are only ever added."""

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, TenantRow


class LmsLinkRow(Base, TenantRow):
    """What a resource link of a platform is for; the row with the highest `seq` is in force."""

    __tablename__ = "lms_link"
    __table_args__ = (
        UniqueConstraint("registration_id", "deployment_id", "resource_link_id", "seq"),
        Index("ix_lms_link_resource_link", "registration_id", "resource_link_id"),
    )

    id: Mapped[Id]
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    deployment_id: Mapped[str] = mapped_column(String(255))
    resource_link_id: Mapped[str] = mapped_column(String(255))
    seq: Mapped[int]
    kind: Mapped[Code]
    class_run_id: Mapped[str] = mapped_column(String(40), ForeignKey("class_run.id"))
    course_id: Mapped[str] = mapped_column(String(40), ForeignKey("course.id"))
    unit_id: Mapped[str | None] = mapped_column(String(40))
    seen_at: Mapped[Instant]
    set_by: Mapped[str] = mapped_column(String(80))


class LtiContextChangeRow(Base, TenantRow):
    """Somebody linked an LMS course to a class run."""

    __tablename__ = "lti_context_change"
    __table_args__ = (Index("ix_lti_context_change_context", "registration_id", "context_id"),)

    id: Mapped[Id]
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    context_id: Mapped[str] = mapped_column(String(255))
    class_run_id: Mapped[str] = mapped_column(String(40), ForeignKey("class_run.id"))
    changed_at: Mapped[Instant]
    changed_by: Mapped[str] = mapped_column(String(80))


class LmsCourseCopyRow(Base, TenantRow):
    """A platform made a course from one of a class run; its links came along and lead to the old class run.

    `context_ref` is the new course's blind reference: no id of the LMS is kept before somebody links the course.
    """

    __tablename__ = "lms_course_copy"
    __table_args__ = (UniqueConstraint("registration_id", "context_ref", "class_run_id"),)

    id: Mapped[Id]
    registration_id: Mapped[str] = mapped_column(String(40), ForeignKey("lti_registration.id"))
    context_ref: Mapped[str] = mapped_column(String(40))
    class_run_id: Mapped[str] = mapped_column(String(40), ForeignKey("class_run.id"), index=True)
    copied_at: Mapped[Instant]
    noted_at: Mapped[Instant]
    message: Mapped[str] = mapped_column(String(40))
    set_aside_at: Mapped[Instant | None]
    set_aside_by: Mapped[str | None] = mapped_column(String(40))
