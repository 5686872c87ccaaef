"""Where each paper's credential stands in its institution's status lists."""

import secrets
from collections.abc import Sequence

from sqlalchemy import UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column

from bridge.completion.life_model import VALID, status_on
from bridge.completion.status_list import LENGTH
from bridge.completion.store import CertificateRow
from bridge.db.base import Base, Count, Id, Instant, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.time import legal_date

_HALF_FULL = LENGTH // 2
"""Places of a list that are given away at most: a free one is then found by chance in two tries."""


class CertificateCredentialRow(TenantRow, Base):
    """A paper's place in its institution's status lists; given once, never moved."""

    __tablename__ = "certificate_credential"
    __table_args__ = (UniqueConstraint("institution_id", "list_number", "position"),)

    number: Mapped[Id]
    list_number: Mapped[Count]
    position: Mapped[int] = mapped_column()
    made_at: Mapped[Instant]


class SqlCredentialPlaces:
    """Places of one institution, in one unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._session = tx.session

    def place(self, number: str) -> tuple[int, int]:
        """Return (list, position) of a paper's credential, given by chance if it has none."""
        row = self._session.get(CertificateCredentialRow, number)
        if row is None:
            given = self._session.scalar(select(func.count()).select_from(CertificateCredentialRow)) or 0
            listed, position = given // _HALF_FULL + 1, secrets.randbelow(LENGTH)
            while self._taken(listed, position):
                position = secrets.randbelow(LENGTH)
            row = CertificateCredentialRow(
                number=number,
                institution_id=self._tx.institution_id,
                list_number=listed,
                position=position,
                made_at=self._tx.clock.now(),
            )
            self._session.add(row)
            self._session.flush()
        return row.list_number, row.position

    def is_list(self, listed: int) -> bool:
        """Return whether a place of that list was ever given."""
        one = CertificateCredentialRow
        return self._session.scalar(select(one.number).where(one.list_number == listed).limit(1)) is not None

    def revoked(self, listed: int) -> Sequence[int]:
        """Return the positions of the list whose papers no longer count: revoked, superseded or expired."""
        one, paper = CertificateCredentialRow, CertificateRow
        today = legal_date(self._tx.clock.now())
        rows = self._session.execute(
            select(one.position, paper.status, paper.expires_on)
            .join(paper, paper.number == one.number)
            .where(one.list_number == listed)
        )
        return [position for position, status, ends in rows if status_on(status, ends, today) != VALID]

    def _taken(self, listed: int, position: int) -> bool:
        one = CertificateCredentialRow
        found = self._session.scalar(
            select(one.number).where(one.list_number == listed, one.position == position)
        )
        return found is not None
