"""Tables of staff's checks of the card in person, and of the places where they are held."""

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, Ref, Sha256, TenantRow


class CardCheckPlaceRow(TenantRow, Base):
    """A place of an institution where people are seen with their cards; closed, never deleted."""

    __tablename__ = "card_check_place"

    id: Mapped[Id]
    title: Mapped[str] = mapped_column(String(60))
    added_by: Mapped[Ref]
    added_at: Mapped[Instant]
    closed_at: Mapped[Instant | None]


class CardCheckRow(TenantRow, Base):
    """One check of the card: by whom, when, where, and how it ended. An end state never changes."""

    __tablename__ = "card_check"
    __table_args__ = (Index("ix_card_check_learner", "institution_id", "learner", "class_run"),)

    id: Mapped[Id]
    learner: Mapped[Ref]
    class_run: Mapped[Ref]
    reference: Mapped[Ref]
    document: Mapped[Code]
    two_people: Mapped[bool]
    place: Mapped[str] = mapped_column(String(60))
    opened_by: Mapped[Ref]
    opened_at: Mapped[Instant]
    nonce_sha256: Mapped[Sha256]
    state: Mapped[Code]
    confirmed_by: Mapped[str | None] = mapped_column(String(40))
    decided_at: Mapped[Instant | None]
