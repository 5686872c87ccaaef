"""The table of course material that the bridge keeps."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Count, Instant, JsonList, Ref, Sha256, TenantRow, UtcDateTime


class CourseMaterialRow(Base, TenantRow):
    """The material of one unit; replaced until a second person reviewed it, and final from then on.

    `pages` is a list of [sha256, size, nominal milliseconds]; the files lie in the store of materials.
    """

    __tablename__ = "course_material"
    __table_args__ = (
        ForeignKeyConstraint(
            ["course_id", "unit_id"],
            ["course_unit.course_id", "course_unit.id"],
            name="fk_course_material_unit",
        ),
    )

    course_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[Code]
    media_type: Mapped[Code]
    sha256: Mapped[Sha256]
    size: Mapped[Count]
    length_ms: Mapped[int | None] = mapped_column(BigInteger)
    pages: Mapped[JsonList]
    entered_by: Mapped[Ref]
    entered_at: Mapped[Instant]
    reviewed_by: Mapped[str | None] = mapped_column(String(40))
    reviewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
