"""Tables of lists that left the house as files: who wanted one, why, for whom, who allowed it, who fetched it."""

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Code, Id, Instant, Ref


class ListExportRow(Base):
    """One wish. Without TenantRow: an authority's spans institutions, an institution's names its own."""

    __tablename__ = "list_export"

    id: Mapped[Id]
    institution_id: Mapped[str | None] = mapped_column(String(40), index=True)
    division_code: Mapped[str | None] = mapped_column(String(6), index=True)
    kind: Mapped[Code]
    subject: Mapped[str | None] = mapped_column(String(40))
    purpose: Mapped[str] = mapped_column(String(200))
    recipient: Mapped[str] = mapped_column(String(120))
    asked_by: Mapped[Ref]
    asked_at: Mapped[Instant]


class ListExportStepRow(Base):
    """What became of it: allowed or refused by a second person, and each time that it was fetched."""

    __tablename__ = "list_export_step"
    __table_args__ = (UniqueConstraint("export_id", "number"),)

    id: Mapped[Id]
    export_id: Mapped[str] = mapped_column(String(40), ForeignKey("list_export.id"))
    number: Mapped[int]
    step: Mapped[Code]
    by: Mapped[Ref]
    at: Mapped[Instant]
    sha256: Mapped[str | None] = mapped_column(String(64))
    row_count: Mapped[int | None]


for _row in (ListExportRow, ListExportStepRow):
    guard(_row)
