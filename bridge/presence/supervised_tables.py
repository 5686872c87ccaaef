"""Tables of supervised study: who supervises whom from when to when, and each time that they said so."""

from sqlalchemy import ForeignKey, Index, String, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Code, Count, Id, Instant, Ref, TenantRow
from bridge.db.unit_of_work import Tx

_RUNNING = text("ended_ms IS NULL")


class SupervisedStretchRow(Base, TenantRow):
    """One learner under the eyes of staff, from their first word to the last. Times are study clock, epoch ms."""

    __tablename__ = "supervised_stretch"
    __table_args__ = (
        Index(
            "uq_supervised_stretch_running",
            "institution_id",
            "learner",
            "class_run",
            unique=True,
            sqlite_where=_RUNNING,
            postgresql_where=_RUNNING,
        ),
        Index("ix_supervised_stretch_class_run", "class_run", "started_ms"),
    )

    id: Mapped[Id]
    learner: Mapped[Ref]
    class_run: Mapped[Ref]
    mode: Mapped[Code]
    started_by: Mapped[Ref]
    started_ms: Mapped[Count]
    attested_ms: Mapped[Count]
    attested_at: Mapped[Instant]
    ended_ms: Mapped[Count | None]
    ended_reason: Mapped[str | None] = mapped_column(String(64))


class SupervisionAttestationRow(Base, TenantRow):
    """One word of staff: this person is here, now."""

    __tablename__ = "supervision_attestation"

    id: Mapped[Id]
    stretch_id: Mapped[str] = mapped_column(String(40), ForeignKey("supervised_stretch.id"), index=True)
    moment: Mapped[Code]
    by: Mapped[Ref]
    at_ms: Mapped[Count]
    at: Mapped[Instant]
    card_checked: Mapped[bool]


guard(SupervisionAttestationRow)


class SupervisedSessionRow(Base, TenantRow):
    """Which study sessions a stretch covers."""

    __tablename__ = "supervised_session"

    session_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    stretch_id: Mapped[str] = mapped_column(String(40), ForeignKey("supervised_stretch.id"), index=True)


def stretches_attested_since(tx: Tx, since: Instant) -> int:
    """Return how many stretches run over all institutions whose staff spoke since `since`."""
    asked = select(func.count(SupervisedStretchRow.id)).where(
        SupervisedStretchRow.ended_ms.is_(None), SupervisedStretchRow.attested_at >= since
    )
    return tx.session.scalar(asked) or 0
