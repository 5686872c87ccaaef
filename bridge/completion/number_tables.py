"""Schemes of paper numbers by institution and day, and how far each has counted."""

from datetime import date, datetime

from sqlalchemy import Date, Integer, String, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from bridge.completion.number_scheme import NumberScheme, running_of
from bridge.completion.paper_number import new_number
from bridge.completion.store import CertificateRow
from bridge.db.base import Base, Code, Instant, Ref, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import legal_date


class PaperNumberPrefixRow(TenantRow, Base):
    """Whose a prefix is: one institution's, for ever."""

    __tablename__ = "paper_number_prefix"

    prefix: Mapped[str] = mapped_column(String(64), primary_key=True)
    taken_at: Mapped[Instant]


class PaperNumberSchemeRow(TenantRow, Base):
    """One version of an institution's scheme."""

    __tablename__ = "paper_number_scheme"

    institution_id: Mapped[Ref] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(Date, primary_key=True)
    prefix: Mapped[Code]
    width: Mapped[int] = mapped_column(Integer)
    set_at: Mapped[Instant]


class PaperNumberRunRow(TenantRow, Base):
    """The last running number of a prefix in a year; its row is what two issues at once wait for."""

    __tablename__ = "paper_number_run"

    prefix: Mapped[str] = mapped_column(String(64), primary_key=True)
    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(Integer)


class SqlPaperNumbers:
    """`completion.ports.PaperNumbers`, and the versions of one institution's scheme; in one unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._session = tx.session

    def next(self, division_code: str, on: date) -> str:
        """Return the number that the next paper gets; nobody else gets one of this institution until the work ends."""
        scheme = self.on(on)
        if scheme is None or not scheme.prefix:
            return new_number(division_code, on.year)
        run = self._run(scheme.prefix, on.year)
        return scheme.number(on.year, run.last + 1)

    def keep(self, number: str) -> None:
        """Note that the number, which `next` gave, is on a paper now; one that is not kept is given again."""
        running = running_of(number)
        if running is not None:
            prefix, year, *_rest = number.split("-")
            self._run(prefix, int(year)).last = running
            self._session.flush()

    def on(self, day: date) -> NumberScheme | None:
        """Return the scheme in force on a legal day; None where there never was one."""
        found = [one for one in self.versions() if one.valid_from <= day]
        return found[-1] if found else None

    def versions(self) -> list[NumberScheme]:
        """Return every version, the earliest first."""
        rows = self._session.scalars(select(PaperNumberSchemeRow).order_by(PaperNumberSchemeRow.valid_from))
        return [NumberScheme(row.prefix, row.width, row.valid_from) for row in rows]

    def preview(self, scheme: NumberScheme, division_code: str, on: date) -> str:
        """Return the number that the next paper would get on a day under a scheme, and keep nothing."""
        if not scheme.prefix:
            return new_number(division_code, on.year)
        found = self._session.get(PaperNumberRunRow, (scheme.prefix, on.year))
        last = self._last_on_a_paper(scheme.prefix, on.year) if found is None else found.last
        return scheme.number(on.year, last + 1)

    def set(self, scheme: NumberScheme, at: datetime) -> None:
        """Keep a version; one that begins on the same day is replaced unless a paper has its number already.

        Raises:
            InvalidInput: paper_scheme_past (it would begin before today), paper_scheme_used, paper_prefix_taken.
        """
        today = legal_date(at)
        if scheme.valid_from < today:
            raise InvalidInput("paper_scheme_past", "生效日期不能早于今天:已出具的证明不改编号。")
        self._take(scheme.prefix, at)
        known = self._session.get(PaperNumberSchemeRow, (self._tx.institution_id, scheme.valid_from))
        if known is not None:
            self._require_unused(known, today)
            self._session.delete(known)
            self._session.flush()
        self._session.add(
            PaperNumberSchemeRow(
                institution_id=self._tx.institution_id,
                valid_from=scheme.valid_from,
                prefix=scheme.prefix,
                width=scheme.width,
                set_at=at,
            )
        )
        self._session.flush()

    def _require_unused(self, known: PaperNumberSchemeRow, today: date) -> None:
        if known.valid_from > today or not known.prefix:
            return
        run = self._session.get(PaperNumberRunRow, (known.prefix, today.year))
        if run is not None and run.last:
            raise InvalidInput(
                "paper_scheme_used",
                "今天起的编号规则已用于证明,请从明天或以后的日期起更换。",
                http_status=409,
            )

    def _take(self, prefix: str, at: datetime) -> None:
        if not prefix or self._session.get(PaperNumberPrefixRow, prefix) is not None:
            return
        try:
            with self._session.begin_nested():
                self._session.add(
                    PaperNumberPrefixRow(prefix=prefix, institution_id=self._tx.institution_id, taken_at=at)
                )
                self._session.flush()
        except IntegrityError as error:
            raise InvalidInput(
                "paper_prefix_taken", "这个编号前缀已由另一家机构使用,请换一个。", http_status=409
            ) from error

    def _run(self, prefix: str, year: int) -> PaperNumberRunRow:
        found = self._session.get(
            PaperNumberRunRow, (prefix, year), with_for_update=True, populate_existing=True
        )
        if found is not None:
            return found
        begun = PaperNumberRunRow(
            prefix=prefix,
            year=year,
            institution_id=self._tx.institution_id,
            last=self._last_on_a_paper(prefix, year),
        )
        try:
            with self._session.begin_nested():
                self._session.add(begun)
                self._session.flush()
        except IntegrityError:  # another process began it while this one looked
            return self._session.get_one(
                PaperNumberRunRow, (prefix, year), with_for_update=True, populate_existing=True
            )
        return begun

    def _last_on_a_paper(self, prefix: str, year: int) -> int:
        """Return the last running number that papers bear: those of an institution that was taken over count on."""
        row = CertificateRow
        numbers = self._session.scalars(select(row.number).where(row.number.like(f"{prefix}-{year}-%")))
        return max((running_of(number) or 0 for number in numbers), default=0)
