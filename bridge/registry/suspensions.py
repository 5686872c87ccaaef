"""An authority stops an institution's teaching in its area from a day on, and lets it go on again.

The known text of 第三十条 says that authorities deal with what is not in order "by the rules in force" and breaks off
there: that an order stops teaching in this system, and how, is practice and marked so.
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import new_id
from bridge.kernel.time import legal_date
from bridge.registry.ports import Now
from bridge.registry.suspension_model import Restoration, Suspension
from bridge.registry.suspension_tables import RestorationRow, SuspensionRow

BASIS = "practice"
_SHORTEST, _LONGEST, _LONGEST_NUMBER = 6, 300, 80


class Suspensions:
    """Orders against one institution, in its unit of work.

    Args:
        clock: the study clock, by whose days class runs open.
    """

    def __init__(self, tx: Tx, clock: Now) -> None:
        self._tx = tx
        self._clock = clock

    def all(self) -> Sequence[Suspension]:
        """Return all orders, the newest first."""
        return suspensions_of(self._tx.session)

    def order(
        self,
        *,
        division_code: str,
        authority: str,
        document_number: str,
        reason: str,
        notice: str,
        from_day: date,
        by: str,
    ) -> Suspension:
        """Write down an order; it holds from `from_day`, and what was studied before stays as it is.

        Args:
            by: the officer's account id.

        Raises:
            InvalidInput: suspension_text_malformed, document_number_missing, suspension_backdated.
        """
        if from_day < self._today():
            raise InvalidInput(
                "suspension_backdated", "暂停只能从今天或以后的日期起执行,不影响此前的学时。", http_status=422
            )
        row = SuspensionRow(
            id=new_id("susp"),
            institution_id=self._tx.institution_id,
            division_code=division_code,
            authority=authority,
            document_number=_number(document_number),
            reason=_stated(reason, "暂停的理由"),
            notice=_stated(notice, "给机构和学员的告知"),
            basis=BASIS,
            from_day=from_day,
            ordered_by=by,
            ordered_at=self._tx.clock.now(),
        )
        self._tx.session.add(row)
        self._tx.session.flush()
        return _suspension(row, None)

    def restore(
        self, suspension_id: str, *, document_number: str, reason: str, from_day: date, by: str
    ) -> Suspension:
        """Write down that teaching may go on from `from_day`.

        Raises:
            InvalidInput: suspension_unknown, suspension_restored, suspension_text_malformed,
                document_number_missing, suspension_backdated.
        """
        found = next((one for one in self.all() if one.id == suspension_id), None)
        if found is None:
            raise InvalidInput("suspension_unknown", "没有这项暂停决定,请刷新。", http_status=404)
        if from_day < max(self._today(), found.from_day):
            raise InvalidInput(
                "suspension_backdated",
                "恢复只能从今天或以后的日期起执行,且不早于暂停的日期。",
                http_status=422,
            )
        row = RestorationRow(
            suspension_id=suspension_id,
            institution_id=self._tx.institution_id,
            document_number=_number(document_number),
            reason=_stated(reason, "恢复的理由"),
            from_day=from_day,
            restored_by=by,
            restored_at=self._tx.clock.now(),
        )
        try:
            with self._tx.session.begin_nested():
                self._tx.session.add(row)
                self._tx.session.flush()
        except IntegrityError as error:
            raise InvalidInput("suspension_restored", "这项暂停已经恢复。", http_status=409) from error
        return next(one for one in self.all() if one.id == suspension_id)

    def _today(self) -> date:
        return legal_date(self._clock.now())


def suspensions_of(session: Session) -> Sequence[Suspension]:
    """Return all orders against the institution of the unit of work, the newest first."""
    rows = session.execute(
        select(SuspensionRow, RestorationRow)
        .outerjoin(RestorationRow, RestorationRow.suspension_id == SuspensionRow.id)
        .order_by(SuspensionRow.ordered_at.desc(), SuspensionRow.id)
    )
    return [_suspension(order, end) for order, end in rows]


def _number(text: str) -> str:
    number = " ".join(text.split())
    if not 4 <= len(number) <= _LONGEST_NUMBER or not number.isprintable():
        raise InvalidInput("document_number_missing", "请填写文书编号。", http_status=422)
    return number


def _stated(text: str, what: str) -> str:
    stated = " ".join(text.split())
    if not _SHORTEST <= len(stated) <= _LONGEST or not stated.isprintable():
        raise InvalidInput(
            "suspension_text_malformed", f"请写明{what},{_SHORTEST} 至 {_LONGEST} 字。", http_status=422
        )
    return stated


def _suspension(row: SuspensionRow, end: RestorationRow | None) -> Suspension:
    restoration = (
        None if end is None else Restoration(end.document_number, end.reason, end.from_day, end.restored_at)
    )
    return Suspension(
        row.id,
        row.division_code,
        row.authority,
        row.document_number,
        row.reason,
        row.notice,
        row.basis,
        row.from_day,
        row.ordered_at,
        restoration,
    )
