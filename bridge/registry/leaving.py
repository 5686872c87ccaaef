"""An institution leaves this bridge: announced, frozen for teaching, handed over with a receipt, ended (第二十六条).

Until the receiver's receipt is there two people may take it back. That a frozen institution is not taught is practice:
what is studied after the package was packed would be in no package.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.time import Clock
from bridge.registry.leaving_model import FOLLOWS, STEPS_ZH, Leaving, Step
from bridge.registry.leaving_tables import LeavingStepRow

_SHORTEST, _LONGEST = 4, 300


class Leavings:
    """The steps of one institution, in its unit of work."""

    def __init__(self, tx: Tx, clock: Clock) -> None:
        self._tx = tx
        self._clock = clock

    def all(self) -> Sequence[Step]:
        """Return the steps, the first first."""
        rows = self._tx.session.scalars(select(LeavingStepRow).order_by(LeavingStepRow.number))
        return [Step(Leaving(row.step), row.reason, row.by, row.approved_by, row.at) for row in rows]

    def now(self) -> Leaving | None:
        """Return where the institution stands; None where nobody ever spoke of leaving."""
        return standing_of(self._tx.session, self._tx.institution_id)

    def take(self, step: Leaving, *, reason: str, by: str, approved_by: str) -> Step:
        """Take a step.

        Args:
            by, approved_by: staff, by id; two people.

        Raises:
            InvalidInput: leaving_step_wrong (it does not follow from where the institution stands),
                leaving_reason_malformed.
            NotPermitted("second_person_required")
        """
        if by == approved_by:
            raise NotPermitted("second_person_required", "移交的每一步须由另一人批准。")
        stated = " ".join(reason.split())
        if not _SHORTEST <= len(stated) <= _LONGEST or not stated.isprintable():
            raise InvalidInput("leaving_reason_malformed", f"请写明事由,{_SHORTEST} 至 {_LONGEST} 字。")
        now = self.now()
        if now not in FOLLOWS[step]:
            raise InvalidInput(
                "leaving_step_wrong",
                f"机构现在的状态是“{STEPS_ZH[now]}”,不能进入“{STEPS_ZH[step]}”。",
                http_status=409,
            )
        own = LeavingStepRow.institution_id == self._tx.institution_id
        last = self._tx.session.scalar(select(func.max(LeavingStepRow.number)).where(own)) or 0
        row = LeavingStepRow(
            institution_id=self._tx.institution_id,
            number=last + 1,
            step=step.value,
            reason=stated,
            by=by,
            approved_by=approved_by,
            at=self._clock.now(),
        )
        try:
            with self._tx.session.begin_nested():
                self._tx.session.add(row)
                self._tx.session.flush()
        except IntegrityError as error:
            raise InvalidInput(
                "leaving_step_wrong", "刚才已有人变更了移交状态,请重新查看。", http_status=409
            ) from error
        return Step(step, stated, by, approved_by, row.at)


def standing_of(session: Session, institution: str) -> Leaving | None:
    """Return where the institution stands; None where nobody ever spoke of leaving."""
    newest = session.scalar(
        select(LeavingStepRow.step)
        .where(LeavingStepRow.institution_id == institution)
        .order_by(LeavingStepRow.number.desc())
        .limit(1)
    )
    return None if newest is None else Leaving(newest)
