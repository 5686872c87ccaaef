"""The tables of signals, and the two views of them: one institution's, and one area's over all institutions."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ForeignKey, Row, Select, String, UniqueConstraint, func, literal_column, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from bridge.db.append_only import guard
from bridge.db.base import Base, Code, Id, Instant, Ref, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, new_id
from bridge.kernel.time import legal_date
from bridge.supervision.legal_day import legal_day_of
from bridge.supervision.rollups import Rollups
from bridge.supervision.scope import Scope, Scoped, table
from bridge.supervision.signals_model import Acknowledgement, Signal, SignalCount, SignalKind, SignalView

S = TypeVar("S")
_MOST_OF_ONE = 100


class SupervisionSignalRow(Base, TenantRow):
    """One signal; never changed, never deleted."""

    __tablename__ = "supervision_signal"
    __table_args__ = (UniqueConstraint("institution_id", "natural_key"),)

    id: Mapped[Id]
    natural_key: Mapped[str] = mapped_column(String(200))
    kind: Mapped[Code]
    source: Mapped[str] = mapped_column(String(8))
    class_run_id: Mapped[str | None] = mapped_column(String(40), index=True)
    unit_id: Mapped[str | None] = mapped_column(String(40))
    learner_ref: Mapped[str | None] = mapped_column(String(40))
    account: Mapped[str | None] = mapped_column(String(40))
    actor: Mapped[str | None] = mapped_column(String(40))
    before: Mapped[str | None] = mapped_column(String(40))
    after: Mapped[str | None] = mapped_column(String(40))
    message: Mapped[str | None] = mapped_column(String(40))
    occurred_at: Mapped[Instant]
    raised_at: Mapped[Instant] = mapped_column(index=True)


class SignalAcknowledgementRow(Base, TenantRow):
    """Who looked into a signal, and what came of it; one for each signal."""

    __tablename__ = "supervision_signal_acknowledgement"

    signal_id: Mapped[str] = mapped_column(String(40), ForeignKey("supervision_signal.id"), primary_key=True)
    by: Mapped[Ref]
    note: Mapped[str] = mapped_column(String(300))
    at: Mapped[Instant]


for _row in (SupervisionSignalRow, SignalAcknowledgementRow):
    guard(_row)


class SqlSignalStore:
    """Signals of the institution of the unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        signal, run, institution = table("supervision_signal"), table("class_run"), table("institution")

        def begin(*columns: Any) -> Select[Any]:
            return (
                select(*columns)
                .select_from(signal)
                .outerjoin(run, run.c.id == signal.c.class_run_id)
                .join(institution, institution.c.id == signal.c.institution_id)
                .where(signal.c.institution_id == tx.institution_id)
            )

        self._view: _View[Select[Any]] = _View(begin, lambda statement: tx.session.execute(statement).all())

    def add(self, signal: Signal) -> bool:
        """Keep a signal; False, with nothing changed, if its key is known."""
        known = select(SupervisionSignalRow.id).where(SupervisionSignalRow.natural_key == signal.key)
        if self._tx.session.scalar(known) is not None:
            return False
        self._tx.session.add(
            SupervisionSignalRow(
                id=new_id("sgl"),
                institution_id=self._tx.institution_id,
                natural_key=signal.key,
                kind=signal.kind.value,
                source=signal.source,
                class_run_id=signal.class_run,
                unit_id=signal.unit,
                learner_ref=signal.learner,
                account=signal.account,
                actor=signal.actor,
                before=signal.before,
                after=signal.after,
                message=signal.message,
                occurred_at=signal.occurred_at,
                raised_at=self._tx.clock.now(),
            )
        )
        self._tx.session.flush()
        Rollups(self._tx).ask(signal.class_run, legal_date(self._tx.clock.now()))
        return True

    def exists(self, signal_id: str) -> bool:
        """Return whether the institution has such a signal."""
        found = select(SupervisionSignalRow.id).where(SupervisionSignalRow.id == signal_id)
        return self._tx.session.scalar(found) is not None

    def acknowledge(self, signal_id: str, by: str, note: str, at: datetime) -> bool:
        """Add the acknowledgement; False if there is one."""
        row = SignalAcknowledgementRow(
            signal_id=signal_id, institution_id=self._tx.institution_id, by=by, note=note, at=at
        )
        try:
            with self._tx.session.begin_nested():
                self._tx.session.add(row)
                self._tx.session.flush()
        except IntegrityError:
            return False
        return True

    def signals(self, class_run: ClassRunId | None, limit: int) -> tuple[SignalView, ...]:
        """See `signals.Signals`."""
        return self._view.signals(class_run, limit)

    def by_day(self, class_run: ClassRunId | None, at: datetime) -> Sequence[tuple[SignalKind, date, int]]:
        """See `signals.Signals`."""
        return self._view.by_day(class_run, at)

    def count(self, class_run: ClassRunId | None) -> SignalCount:
        """See `signals.Signals`."""
        return self._view.count(class_run)


class SqlAreaSignals:
    """Signals of the class runs of an area; a signal of no class run lies in none."""

    def __init__(self, scope: Scope) -> None:
        def begin(*columns: Any) -> Scoped:
            return scope.of_class_runs(
                "supervision_signal", *columns, class_run="class_run_id", learner="learner_ref"
            )

        self._view: _View[Scoped] = _View(begin, scope.rows)

    def signals(self, class_run: ClassRunId | None, limit: int) -> tuple[SignalView, ...]:
        """See `signals.Signals`."""
        return self._view.signals(class_run, limit)

    def by_day(self, class_run: ClassRunId | None, at: datetime) -> Sequence[tuple[SignalKind, date, int]]:
        """See `signals.Signals`."""
        return self._view.by_day(class_run, at)

    def count(self, class_run: ClassRunId | None) -> SignalCount:
        """See `signals.Signals`."""
        return self._view.count(class_run)

    def of_learner(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[SignalView, ...]:
        """Return the signals of one learner in one class run, the newest first."""
        return self._view.signals(class_run, _MOST_OF_ONE, learner)


class _View(Generic[S]):
    """What may be seen, joined with the titles that pages need.

    Args:
        begin: makes a statement over signals, joined with class run and institution, bounded to what may be seen.
        rows: runs it.
    """

    def __init__(self, begin: Callable[..., S], rows: Callable[[S], Sequence[Row[Any]]]) -> None:
        self._begin = begin
        self._rows = rows

    def signals(
        self, class_run: ClassRunId | None, limit: int, learner: LearnerRef | None = None
    ) -> tuple[SignalView, ...]:
        signal, run = table("supervision_signal"), table("class_run")
        acknowledged, staff = table("supervision_signal_acknowledgement"), table("staff_account")
        institution, unit = table("institution"), table("course_unit")
        exception = table("contact_exception")
        shown = self._newest(class_run, limit, learner, open_only=True)
        if len(shown) < limit:
            shown += self._newest(class_run, limit - len(shown), learner, open_only=False)
        statement: Any = (
            self._acknowledged(
                signal,
                institution.c.name,
                run.c.title.label("run_title"),
                unit.c.title.label("unit_title"),
                acknowledged.c.by,
                acknowledged.c.note,
                acknowledged.c.at,
                staff.c.login,
                exception.c.reason,
            )
            .outerjoin(unit, (unit.c.course_id == run.c.course_id) & (unit.c.id == signal.c.unit_id))
            .outerjoin(staff, staff.c.id == acknowledged.c.by)
            .outerjoin(exception, exception.c.id == signal.c.message)
            .where(signal.c.id.in_(shown))
            .order_by(acknowledged.c.signal_id.is_not(None), signal.c.raised_at.desc(), signal.c.id.desc())
        )
        return tuple(map(_seen, self._rows(statement)))

    def _newest(
        self, class_run: ClassRunId | None, limit: int, learner: LearnerRef | None, *, open_only: bool
    ) -> list[str]:
        """Return the ids of the newest signals that nobody looked into, or of the newest that somebody did.

        Ids alone: the titles of all would be looked up before the newest are chosen.
        """
        signal, acknowledged = table("supervision_signal"), table("supervision_signal_acknowledgement")
        done = acknowledged.c.signal_id
        statement = self._acknowledged(signal.c.id).where(done.is_(None) if open_only else done.is_not(None))
        if learner is not None:
            statement = statement.where(signal.c.learner_ref == learner)
        statement = statement.order_by(signal.c.raised_at.desc(), signal.c.id.desc()).limit(limit)
        return [row.id for row in self._rows(_of(statement, class_run))]

    def by_day(self, class_run: ClassRunId | None, at: datetime) -> Sequence[tuple[SignalKind, date, int]]:
        signal = table("supervision_signal")
        day = legal_day_of(signal.c.raised_at)
        statement: Any = self._begin(signal.c.kind, day.label("day"), func.count().label("number"))
        statement = statement.where(signal.c.raised_at >= at).group_by(signal.c.kind, literal_column("2"))
        rows = self._rows(_of(statement, class_run))
        return [(SignalKind(row.kind), row.day, row.number) for row in rows]

    def count(self, class_run: ClassRunId | None) -> SignalCount:
        acknowledged = table("supervision_signal_acknowledgement")
        statement = self._acknowledged(
            func.count().label("all"), func.count(acknowledged.c.signal_id).label("done")
        )
        (row,) = self._rows(_of(statement, class_run))
        return SignalCount(row.all, row.all - row.done)

    def _acknowledged(self, *columns: Any) -> Any:
        signal = table("supervision_signal")
        acknowledged = table("supervision_signal_acknowledgement")
        statement: Any = self._begin(*columns)
        return statement.outerjoin(acknowledged, acknowledged.c.signal_id == signal.c.id)


def _of(statement: Any, class_run: ClassRunId | None) -> Any:
    if class_run is None:
        return statement
    return statement.where(table("supervision_signal").c.class_run_id == class_run)


def _seen(row: Row[Any]) -> SignalView:
    acknowledgement = None
    if row.by is not None:
        acknowledgement = Acknowledgement(row.by, row.login or row.by, row.note, row.at)
    return SignalView(
        id=row.id,
        kind=SignalKind(row.kind),
        source=row.source,
        institution_id=InstitutionId(row.institution_id),
        institution_name=row.name,
        class_run=None if row.class_run_id is None else ClassRunId(row.class_run_id),
        class_run_title=row.run_title,
        unit_title=row.unit_title,
        learner=None if row.learner_ref is None else LearnerRef(row.learner_ref),
        account=row.account,
        actor=row.actor,
        before=row.before,
        after=row.after,
        stated_reason=row.reason,
        occurred_at=row.occurred_at,
        raised_at=row.raised_at,
        acknowledgement=acknowledgement,
    )
