"""The table of lists that were uploaded: their cleaned rows until they are taken over, their figures for good."""

from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Count, Id, Instant, JsonDict, LongText, Ref, TenantRow, UtcDateTime


class EnrolmentImportRow(Base, TenantRow):
    """One upload. `rows_enc` is empty once it is taken over, or its time is over."""

    __tablename__ = "enrolment_import"

    id: Mapped[Id]
    class_run_id: Mapped[Ref] = mapped_column(index=True)
    rows_enc: Mapped[LongText]
    planned: Mapped[JsonDict]
    applied: Mapped[JsonDict]
    total: Mapped[Count]
    done: Mapped[Count]
    made_by: Mapped[Ref]
    made_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    confirmed_by: Mapped[Ref | None]
    confirmed_at: Mapped[Instant | None]
    finished_at: Mapped[Instant | None] = mapped_column(UtcDateTime)
