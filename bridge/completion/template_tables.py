"""The template with which an institution's papers are set, where it is not the one that comes with the bridge."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.base import Base, Instant, LongText, Ref, Sha256, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.canonical import sha256_hex


class PaperTemplateRow(TenantRow, Base):
    """One institution's template: typst source, checked before it was taken."""

    __tablename__ = "paper_template"

    institution_id: Mapped[Ref] = mapped_column(primary_key=True)
    source: Mapped[LongText]
    sha256: Mapped[Sha256]
    set_at: Mapped[Instant]


class SqlPaperTemplates:
    """The template of one institution, in one unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._session = tx.session

    def source(self) -> str | None:
        """Return the institution's template; None where the bridge's own is used."""
        row = self._row()
        return None if row is None else row.source

    def set(self, source: str, at: datetime) -> str:
        """Keep a template from now on; return its SHA-256."""
        self.remove()
        digest = sha256_hex(source.encode())
        self._session.add(
            PaperTemplateRow(institution_id=self._tx.institution_id, source=source, sha256=digest, set_at=at)
        )
        self._session.flush()
        return digest

    def remove(self) -> bool:
        """Go back to the bridge's own template; False if that is used already."""
        row = self._row()
        if row is None:
            return False
        self._session.delete(row)
        self._session.flush()
        return True

    def _row(self) -> PaperTemplateRow | None:
        return self._session.scalars(select(PaperTemplateRow)).one_or_none()
