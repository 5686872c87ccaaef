"""Course versions that were taken down (下架): since when, by whom, and whether that was mended."""

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Id, Instant, TenantRow, UtcDateTime
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import CourseId, new_id
from bridge.registry.tables import CourseRow


class CourseWithdrawalRow(TenantRow, Base):
    """One taking down of a course version; it stands until it is mended."""

    __tablename__ = "course_withdrawal"

    id: Mapped[Id]
    course_id: Mapped[str] = mapped_column(String(40), ForeignKey("course.id"), index=True)
    withdrawn_on: Mapped[date] = mapped_column(Date)
    entered_by: Mapped[str] = mapped_column(String(80))
    entered_at: Mapped[Instant]
    mended_by: Mapped[str | None] = mapped_column(String(80))
    mended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def withdraw_course(tx: Tx, course: CourseId, since: date, by: str) -> None:
    """Note that the course version is down from the legal day `since` on.

    Raises:
        InvalidInput: course_unknown, course_withdrawn (already).
    """
    if tx.session.scalar(select(CourseRow.id).where(CourseRow.id == course)) is None:
        raise InvalidInput("course_unknown", "没有这门课程,请核对课程编号。", http_status=404)
    if course in withdrawn_courses(tx):
        raise InvalidInput("course_withdrawn", "这门课程已经下架。", http_status=409)
    tx.session.add(
        CourseWithdrawalRow(
            id=new_id("cwd"),
            institution_id=tx.institution_id,
            course_id=course,
            withdrawn_on=since,
            entered_by=by,
            entered_at=tx.clock.now(),
            mended_by=None,
            mended_at=None,
        )
    )
    tx.session.flush()


def restore_course(tx: Tx, course: CourseId, by: str) -> None:
    """Note that the fault was mended: the version stands again, for the days that it was down too.

    Raises:
        InvalidInput("course_not_withdrawn")
    """
    row = tx.session.scalars(
        select(CourseWithdrawalRow)
        .where(CourseWithdrawalRow.course_id == course, CourseWithdrawalRow.mended_at.is_(None))
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise InvalidInput("course_not_withdrawn", "这门课程没有下架记录,请核对课程编号。", http_status=404)
    row.mended_by, row.mended_at = by, tx.clock.now()
    tx.session.flush()


def withdrawn_courses(tx: Tx) -> Mapping[CourseId, date]:
    """Return the course versions that are down, each with its first day."""
    rows = tx.session.scalars(select(CourseWithdrawalRow).where(CourseWithdrawalRow.mended_at.is_(None)))
    return {CourseId(row.course_id): row.withdrawn_on for row in rows}
