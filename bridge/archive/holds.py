"""Legal holds: while one binds, nothing of a class run or of a learner in it may be destroyed by a schedule.

A hold binds from the first person's word on, for what is destroyed in the meantime cannot be brought back; a second
person confirms it. It ends by two people too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import column, or_, select, table

from bridge.archive.tables import LegalHoldRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, LearnerRef, new_id
from bridge.kernel.time import Clock
from bridge.registry.model import ClassRun

_SHORTEST, _LONGEST = 6, 300
_CLASS_RUN = table("class_run", column("id"))
"""The registry's; named without its class, for a lock alone."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold; `learner` is None for the whole class run."""

    id: str
    class_run: ClassRunId
    learner: LearnerRef | None
    reason: str
    asked_by: str
    asked_at: datetime
    confirmed_by: str | None
    release_reason: str | None
    release_asked_by: str | None
    released_by: str | None
    released_at: datetime | None

    @property
    def state(self) -> str:
        """Return "asked", "confirmed", "release_asked" or "released"; the first three bind."""
        if self.released_at is not None:
            return "released"
        if self.release_asked_by is not None:
            return "release_asked"
        return "asked" if self.confirmed_by is None else "confirmed"


class LegalHolds:
    """Holds of one institution, within one unit of work.

    Args:
        class_run: the registry's `class_run`.
    """

    def __init__(self, tx: Tx, class_run: Callable[[ClassRunId], ClassRun], clock: Clock) -> None:
        self._tx = tx
        self._class_run = class_run
        self._clock = clock

    def binds(self, class_run: ClassRunId | None, learner: LearnerRef | str | None = None) -> bool:
        """Return whether something of this may not be destroyed now.

        Args:
            class_run: None for what belongs to no class run: any hold on the learner binds it.
            learner: None asks for the class run as a whole, which a hold on any one of its learners binds.
        """
        held = select(LegalHoldRow.id).where(LegalHoldRow.released_at.is_(None))
        if class_run is not None:
            held = held.where(LegalHoldRow.class_run_id == class_run)
        if learner is not None:
            own = LegalHoldRow.learner == learner
            held = held.where(own if class_run is None else or_(LegalHoldRow.learner.is_(None), own))
        return self._tx.session.scalar(held.limit(1)) is not None

    def take_turn(self, class_run: ClassRunId) -> None:
        """Wait until nobody else holds, or destroys, what is the class run's; the turn lasts until commit.

        On SQLite every unit of work that writes has it anyway.
        """
        found = select(_CLASS_RUN.c.id).where(_CLASS_RUN.c.id == class_run)
        self._tx.session.execute(found.with_for_update(key_share=True))

    def of(self, class_run: ClassRunId) -> Sequence[Hold]:
        """Return all holds of a class run, ended ones too, the newest first; InvalidInput("class_run_unknown")."""
        self._class_run(class_run)
        rows = self._tx.session.scalars(
            select(LegalHoldRow)
            .where(LegalHoldRow.class_run_id == class_run)
            .order_by(LegalHoldRow.asked_at.desc(), LegalHoldRow.id.desc())
        )
        return [_hold(row) for row in rows]

    def ask(self, class_run: ClassRunId, learner: LearnerRef | None, reason: str, by: str) -> Hold:
        """Put a hold; it binds at once.

        Raises:
            InvalidInput: class_run_unknown, reason_malformed, hold_stands (the same is held already).
        """
        self._class_run(class_run)
        stated = _stated(reason)
        self.take_turn(class_run)
        same = select(LegalHoldRow.id).where(
            LegalHoldRow.class_run_id == class_run,
            LegalHoldRow.learner.is_(None) if learner is None else LegalHoldRow.learner == learner,
            LegalHoldRow.released_at.is_(None),
        )
        if self._tx.session.scalar(same.limit(1)) is not None:
            raise InvalidInput("hold_stands", "已经有一项同样的保全在生效。", http_status=409)
        row = LegalHoldRow(
            id=new_id("hold"),
            institution_id=self._tx.institution_id,
            class_run_id=class_run,
            learner=learner,
            reason=stated,
            asked_by=by,
            asked_at=self._clock.now(),
        )
        self._tx.session.add(row)
        self._tx.session.flush()
        return _hold(row)

    def confirm(self, hold_id: str, by: str) -> Hold:
        """Confirm as the second person; twice by the same is once.

        Raises:
            InvalidInput: hold_unknown, hold_ended.
            NotPermitted("second_person_required")
        """
        row = self._open(hold_id)
        if row.confirmed_by is None:
            _other_than(row.asked_by, by)
            row.confirmed_by, row.confirmed_at = by, self._clock.now()
            self._tx.session.flush()
        return _hold(row)

    def ask_release(self, hold_id: str, reason: str, by: str) -> Hold:
        """Ask that the hold end; it goes on to bind. A new reason replaces one that nobody has confirmed yet.

        Raises:
            InvalidInput: hold_unknown, hold_ended, reason_malformed.
        """
        row = self._open(hold_id)
        row.release_reason, row.release_asked_by = _stated(reason), by
        row.release_asked_at = self._clock.now()
        self._tx.session.flush()
        return _hold(row)

    def release(self, hold_id: str, reason: str, by: str) -> Hold:
        """End the hold as the second person.

        Args:
            reason: as the page showed it, so that a replaced one is not confirmed unread.

        Raises:
            InvalidInput: hold_unknown, hold_ended, release_not_asked, release_changed.
            NotPermitted("second_person_required"): `by` asked for the end.
        """
        row = self._open(hold_id)
        if row.release_asked_by is None:
            raise InvalidInput("release_not_asked", "没有人提出解除这项保全。", http_status=409)
        _other_than(row.release_asked_by, by)
        if row.release_reason != reason:
            raise InvalidInput("release_changed", "解除的理由刚刚改过,请重新阅读后再确认。", http_status=409)
        row.released_by, row.released_at = by, self._clock.now()
        self._tx.session.flush()
        return _hold(row)

    def _open(self, hold_id: str) -> LegalHoldRow:
        row = self._tx.session.scalar(
            select(LegalHoldRow)
            .where(LegalHoldRow.id == hold_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if row is None:
            raise InvalidInput("hold_unknown", "没有这项保全,请刷新后重试。", http_status=404)
        if row.released_at is not None:
            raise InvalidInput("hold_ended", "这项保全已经解除。", http_status=409)
        return row


def _stated(reason: str) -> str:
    stated = " ".join(reason.split())
    if not (_SHORTEST <= len(stated) <= _LONGEST and stated.isprintable()):
        raise InvalidInput(
            "reason_malformed",
            f"请写明理由,{_SHORTEST} 至 {_LONGEST} 字,不要写姓名和联系方式。",
            http_status=422,
        )
    return stated


def _other_than(first: str, by: str) -> None:
    if first == by:
        raise NotPermitted("second_person_required", "须由另一名工作人员确认,提出的人不能自己确认。")


def _hold(row: LegalHoldRow) -> Hold:
    return Hold(
        row.id,
        ClassRunId(row.class_run_id),
        None if row.learner is None else LearnerRef(row.learner),
        row.reason,
        row.asked_by,
        row.asked_at,
        row.confirmed_by,
        row.release_reason,
        row.release_asked_by,
        row.released_by,
        row.released_at,
    )
