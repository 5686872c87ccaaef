"""The table of changes to a person's record, each by two people and with its evidence."""

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Code, Id, Instant, TenantRow


def _once(name: str, where: str, *columns: str) -> Index:
    said = text(where)
    return Index(name, "institution_id", *columns, unique=True, sqlite_where=said, postgresql_where=said)


class IdentityChangeRow(Base, TenantRow):
    """One change; decided once, never deleted, and never altered afterwards but that a merge may be undone."""

    __tablename__ = "identity_change"
    __table_args__ = (
        _once("uq_identity_change_open", "state = 'proposed'", "learner", "kind"),
        # Two versions from one day would leave it to the order of their entry which one is in force.
        _once(
            "uq_identity_change_version",
            "state = 'confirmed' AND from_date IS NOT NULL",
            "learner",
            "kind",
            "from_date",
        ),
        # A number that waits for two people at once would be promised to both.
        _once("uq_identity_change_number", "state = 'proposed' AND kind = 'document'", "value_index"),
        # A record is given up once.
        _once("uq_identity_change_merged", "state = 'confirmed' AND kind = 'merge'", "other"),
    )

    id: Mapped[Id]
    kind: Mapped[Code]
    learner: Mapped[str] = mapped_column(String(40), ForeignKey("learner.id"), index=True)
    other: Mapped[str | None] = mapped_column(String(40), index=True)
    value_enc: Mapped[str | None] = mapped_column(Text)
    value_index: Mapped[str | None] = mapped_column(String(64), index=True)
    from_date: Mapped[str | None] = mapped_column(String(10))
    reason: Mapped[Code]
    evidence_kind: Mapped[Code]
    evidence: Mapped[str | None] = mapped_column(String(40))
    evidence_sha256: Mapped[Code]
    evidence_type: Mapped[Code]
    proposed_by: Mapped[str] = mapped_column(String(40))
    proposed_at: Mapped[Instant]
    state: Mapped[Code]
    decided_by: Mapped[str | None] = mapped_column(String(40))
    decided_at: Mapped[Instant | None]
